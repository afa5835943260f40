"""`lepinet admin`."""

from __future__ import annotations

import click

from lepinet.cli.output import show
from lepinet.workflow.admins import add_admin, admins, remove_admin
from lepinet.workflow.workspace import open_workspace


@click.group()
def admin() -> None:
    """Who may look at the dashboard: users of the registry's Supabase project, made admins with its secret key."""


@admin.command("add", epilog="Example: lepinet admin add asha@example.org")
@click.argument("email")
def add(*, email: str) -> int:
    """Let a user in: grant `app_metadata.role = admin`."""
    for line in add_admin(open_workspace(), email):
        show(line)
    return 0


@admin.command("remove", epilog="Example: lepinet admin remove asha@example.org")
@click.argument("email")
def remove(*, email: str) -> int:
    """Let a user in no more."""
    for line in remove_admin(open_workspace(), email):
        show(line)
    return 0


@admin.command("list", epilog="Example: lepinet admin list")
def list_() -> int:
    """Who may."""
    for host, emails in admins(open_workspace()):
        show(f"{host}: {', '.join(emails) or 'nobody yet; next: lepinet admin add E-MAIL'}")
    return 0
