"""Who may look at the dashboard: users of the registry's Supabase project whose `app_metadata.role` is admin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lepinet.errors import RefusedError, UsageError
from lepinet.manifest.load import FILE
from lepinet.registry.accounts import Member, members, set_role
from lepinet.registry.kinds import owners_project
from lepinet.registry.project import Project
from lepinet.workflow.workspace import Workspace

_ADMIN: Final = "admin"


def admins(workspace: Workspace) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each project's host, and its admins' e-mails.

    Raises:
        UsageError: no environment has a Supabase project, or a setting is missing.
        OutsideError: a project cannot be asked.
    """
    for project in _projects(workspace):
        found = members(project, workspace.timings)
        yield project.host, tuple(sorted(one.email for one in found if one.role == _ADMIN))


def add_admin(workspace: Workspace, email: str) -> Iterator[str]:
    """Grant the role in each project, and say so; errors as `admins`.

    Raises:
        RefusedError: no such user, or one with another role.
    """
    for project in _projects(workspace):
        member = _member(workspace, project, email)
        if member.role == _ADMIN:
            yield f"{project.host}: {member.email} is an admin already"
            continue
        if member.role:
            raise RefusedError(
                f"{member.email} is a {member.role}, and a user has one role",
                where=project.host,
                todo="a program's account is no person's: take the person's own",
            )
        set_role(project, member, _ADMIN, workspace.timings)
        yield f"{project.host}: {member.email} is an admin from the next sign-in on"


def remove_admin(workspace: Workspace, email: str) -> Iterator[str]:
    """Take the role in each project, and say so; errors as `add_admin`."""
    for project in _projects(workspace):
        member = _member(workspace, project, email)
        if member.role != _ADMIN:
            yield f"{project.host}: {member.email} is no admin"
            continue
        set_role(project, member, None, workspace.timings)
        yield f"{project.host}: {member.email} is no admin any more; what is open ends within the hour"


def _projects(workspace: Workspace) -> tuple[Project, ...]:
    """Each one once."""
    hosted = {
        name: declared.registry
        for name, declared in workspace.manifest.environments.items()
        if declared.registry.kind == "supabase"
    }
    if not hosted:
        raise UsageError(
            "no environment has a registry of kind supabase, so there are no accounts",
            where=FILE,
            todo="such a dashboard is open on its own machine, or to whoever has its token: docs/dashboard.md",
        )
    projects = (owners_project(kind, name, workspace.settings) for name, kind in hosted.items())
    return tuple(dict.fromkeys(projects))


def _member(workspace: Workspace, project: Project, email: str) -> Member:
    wanted = email.strip().lower()
    for member in members(project, workspace.timings, like=wanted):
        if member.email.lower() == wanted:
            return member
    raise RefusedError(
        f"{email} is no user of the project",
        where=project.host,
        todo="invite them first (in the project's dashboard: Authentication, Users), then again",
    )
