"""`lepinet serve`."""

from __future__ import annotations

import click

from lepinet.cli import options
from lepinet.cli.output import fetching, say
from lepinet.errors import UsageError
from lepinet.manifest.model import LocalEndpointSettings
from lepinet.serving.server import serve as run_server
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet serve -e production")
@options.environment
def serve(*, environment: str | None) -> int:
    """Answer photos for one environment on this machine, with the model that reconcile moves it to.

    POST /predict (multipart, field `image`) · GET /model · GET /health. Ends on Ctrl-C.
    """
    workspace = open_workspace(fetching=fetching)
    name = workspace.only_environment(environment)
    settings = workspace.manifest.environments[name].endpoint
    if not isinstance(settings, LocalEndpointSettings):
        raise UsageError(f"the endpoint of {name} is of kind {settings.kind}, and not served from here")
    species = workspace.root / workspace.manifest.species if workspace.manifest.species else None
    run_server(
        folder=workspace.environment_folder(name),
        files=workspace.files,
        species=species,
        port=settings.port,
        timings=workspace.timings,
        on_ready=lambda url: click.echo(f"{name} listens on {url} (Ctrl-C ends it)"),
        say=say,
    )
    return 0
