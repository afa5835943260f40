"""`lepinet dashboard`."""

from __future__ import annotations

import click

from lepinet.cli.output import fetching, say
from lepinet.dashboard.server import serve
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet dashboard --port 8080")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Which port; 0 for any free one.",
)
@click.option("--url", metavar="URL", help="Where people reach it behind a proxy: https://dashboard.example.org.")
def dashboard(*, host: str, port: int, url: str | None) -> int:
    """What is live, how good it is and who moved it, in the browser. Ends on Ctrl-C.

    Admins of the registry's Supabase project sign in by e-mail and password. Other registries: this machine alone, or
    whoever has the token in LEPINET_DASHBOARD_TOKEN.
    """
    serve(
        open_workspace(fetching=fetching),
        host=host,
        port=port,
        url=url,
        on_ready=lambda where: click.echo(f"the dashboard is at {where} (Ctrl-C ends it)"),
        say=say,
    )
    return 0
