"""The server in a container: it knows no repository, and serves the one model of the Hub that it is started with."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lepinet.endpoints import Order
from lepinet.endpoints.local_folder import LocalFolder
from lepinet.errors import UsageError
from lepinet.evaluation.cases import read_species
from lepinet.hub import Fetching, Hub
from lepinet.model_files import wanted_files
from lepinet.serving.log import Log
from lepinet.serving.server import serve
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.timings import Timings


def serve_model(
    model: str,
    *,
    species: Path | None,
    host: str,
    port: int | None,
    settings: Settings,
    timings: Timings,
    fetching: Fetching,
    log: Log,
) -> None:
    """Answer photos with one model until SIGTERM or SIGINT.

    Args:
        model: `org/name@commit`, then the version's name where there is one; empty while nobody has named one: then the
            server says that it has no model.
        species: the list of species; without it a label stands for itself.
        host: where to listen.
        port: as well; None for any free one.
        settings: HF_TOKEN, where the model is not public, and LEPINET_HOME.
        timings: limits.
        fetching: told of the model that is fetched.
        log: gets a line for each request, and whenever something changes.

    Raises:
        UsageError: it is no model's name.
        LepinetError: as `serve`; or the list of species is not as it should be.
    """
    folder = LocalFolder(settings.home / "container")
    folder.path.mkdir(parents=True, exist_ok=True)
    if model.strip():
        target = Target.read(model)
        if target is None:
            raise UsageError("names no commit of a model on the Hub (org/name@ and 40 hex digits)", where=model)
        folder.write_order(Order(target, generation=0))
    hub = Hub(settings.home / "cache" / "hub", settings, timings, fetching)
    serve(
        folder=folder.path,
        files=partial(_files, hub),
        species=read_species(species) if species else (),
        host=host,
        port=port,
        timings=timings,
        on_ready=lambda url: log.say(f"listens on {url}"),
        log=log,
    )


def _files(hub: Hub, target: Target) -> Path:
    return hub.fetch(target.file_path, target.revision, partial(wanted_files, where=str(target))).folder
