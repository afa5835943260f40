"""`lepinet dashboard`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli.output import fetching, say
from lepinet.dashboard.export import export
from lepinet.dashboard.server import serve, site_of
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Examples: lepinet dashboard --port 8080 · lepinet dashboard --export public")
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
@click.option(
    "--export",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Serve nothing: write the same pages to DIR, to be read without a server.",
)
def dashboard(*, host: str, port: int, url: str | None, folder: Path | None) -> int:
    """What is live, how good it is and who moved it, in the browser. Ends on Ctrl-C.

    Admins of the registry's Supabase project sign in by e-mail and password. Other registries: this machine alone, or
    whoever has the token in LEPINET_DASHBOARD_TOKEN.
    """
    workspace = open_workspace(fetching=fetching)
    if folder:
        with site_of(workspace, host=host, url=url, say=say) as site:
            made = export(site, folder)
        more = f"; {made.left_out:,} more are linked from them and left out" if made.left_out else ""
        click.echo(f"{made.pages:,} pages in {folder}, {made.files:,} files in all{more}")
        return 0
    serve(
        workspace,
        host=host,
        port=port,
        url=url,
        on_ready=lambda where: click.echo(f"the dashboard is at {where} (Ctrl-C ends it)"),
        say=say,
    )
    return 0
