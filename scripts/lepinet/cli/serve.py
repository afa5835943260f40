"""`lepinet serve`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from lepinet.cli import options
from lepinet.errors import UsageError
from lepinet.manifest.model import LocalEndpointSettings
from lepinet.serving.container import serve_model
from lepinet.serving.log import Log
from lepinet.serving.server import HERE
from lepinet.serving.server import serve as run_server
from lepinet.settings import read_settings
from lepinet.timings import Timings
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet serve -e production --port 8000")
@options.environment
@click.option(
    "--model",
    metavar="MODEL",
    help="In a container, without a repository: org/name@COMMIT of the Hub, then the version's name; may be empty.",
)
@click.option("--host", metavar="ADDRESS", help="With --model: where to listen; 0.0.0.0 for all.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Where to listen; 0 for any free one. Without it: what models.yaml says, else any free one.",
)
@click.option(
    "--species",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --model: the list of species, where it is there.",
)
def serve(
    *, environment: str | None, model: str | None, host: str | None, port: int | None, species: Path | None
) -> int:
    """Answer photos for one environment on this machine, with the model that reconcile moves it to.

    POST /predict (multipart, field `image`) · GET /model · GET /species · GET /health · GET /metrics ·
    GET /openapi.json · a page for browsers at /. A line for each request goes to stderr, as JSON where that is no
    terminal. Ends on Ctrl-C; docs/serving.md has the rest.
    """
    log = Log(sys.stderr, as_json=not sys.stderr.isatty())
    if model is not None:
        if environment is not None:
            raise UsageError("--model serves that one alone, and no environment: leave out -e")
        serve_model(
            model,
            species=species if species and species.is_file() else None,
            host=host or HERE,
            port=port or None,
            settings=read_settings(),
            timings=Timings(),
            fetching=log.fetching,
            log=log,
        )
        return 0
    for option, value in (("--host", host), ("--species", species)):
        if value is not None:
            raise UsageError(f"{option} goes with --model alone: an environment is served to this machine")
    workspace = open_workspace(fetching=log.fetching)
    name = workspace.only_environment(environment)
    settings = workspace.manifest.environments[name].endpoint
    if not isinstance(settings, LocalEndpointSettings):
        raise UsageError(f"the endpoint of {name} is of kind {settings.kind}, and not served from here")
    chosen = settings.port if port is None else port
    run_server(
        folder=workspace.environment_folder(name),
        files=workspace.files,
        species=workspace.species_of_answers,
        port=chosen,
        timings=workspace.timings,
        on_ready=partial(_say_where, name, stays=bool(chosen)),
        log=log,
    )
    return 0


def _say_where(environment: str, url: str, *, stays: bool) -> None:
    click.echo(f"{environment} listens on {url} (Ctrl-C ends it)")
    if not stays:
        click.echo("The next start takes another port: --port, or port: in models.yaml, names one that stays.")
