"""`lepinet import`."""

from __future__ import annotations

import click

from lepinet.cli import options
from lepinet.cli.output import Progress, fetching, say, show, show_json
from lepinet.workflow.first_manifest import active_version
from lepinet.workflow.from_registry import Imported, import_registry
from lepinet.workflow.workspace import open_workspace

_NO_ENDPOINT = (
    "endpoint: none: the models run on phones, and reconcile moves and proves nothing. Does a server answer photos: "
    "lepinet import --over --endpoint KIND, such as local, '{kind: space, repo_id: org/name}' or "
    "'{kind: follows-registry, predict_url: https://…/predict}'"
)


@click.command(
    "import",
    epilog="Examples: lepinet import · lepinet import --registry postgres --endpoint '{kind: local, port: 8000}' · "
    "lepinet import -e staging --endpoint none -e production --endpoint '{kind: space, repo_id: org/name}'",
)
@click.option(
    "-e",
    "--environment",
    "environments",
    metavar="ENV",
    multiple=True,
    default=("production",),
    show_default=True,
    help="What gets the active version; may be repeated, in promotion order.",
)
@click.option("--registry", metavar="KIND", default="supabase", show_default=True, help="As in models.yaml.")
@click.option(
    "--endpoint",
    "endpoints",
    metavar="KIND",
    multiple=True,
    default=("none",),
    show_default=True,
    help="As in models.yaml; one for each -e, in the same order, or one for all.",
)
@click.option("--over", is_flag=True, help="Write over a models.yaml that is not on main yet.")
@options.as_json
def import_(
    *, environments: tuple[str, ...], registry: str, endpoints: tuple[str, ...], over: bool, as_json: bool
) -> int:
    """Write models.yaml from a registry that was kept by hand, with what is active there.

    The registry only is read, with tables of the old guide or with LepiNet's. Versions keep their old names; where no
    revision was noted, it is the last commit before the version was logged. Limits are set by the known images, if
    there are any, and by what the active version does on them.
    """
    workspace = open_workspace(fetching=fetching)
    done = import_registry(
        workspace, environments, registry=registry, endpoints=endpoints, over=over, counted=Progress("asking the model")
    )
    for one in done.left_out:
        say(f"left out: {one}")
    for sentence in done.strange:
        say(sentence)
    if as_json:
        show_json(_json(done))
        return 0
    active = active_version(done.manifest)
    live = f"{active} is active in {', '.join(environments)}" if active else "none is active"
    show(f"models.yaml has {len(done.manifest.versions)} versions; {live}")
    if any(environment.endpoint.kind == "none" for environment in done.manifest.environments.values()):
        show(_NO_ENDPOINT)
    if done.guessed:
        show(f"guessed, so look at them first: the revisions of {', '.join(done.guessed)}")
    show("Next (lepinet check says what would come of it):")
    for step in (*done.next_steps, "lepinet db migrate"):
        show(f"  {step}")
    return 0


def _json(done: Imported) -> dict[str, object]:
    return {
        "active": active_version(done.manifest),
        "versions": list(done.manifest.versions),
        "legacy": [name for name, version in done.manifest.versions.items() if version.legacy],
        "revision_guessed": list(done.guessed),
        "left_out": [vars(one) for one in done.left_out],
        "strange": list(done.strange),
        "next": list(done.next_steps),
    }
