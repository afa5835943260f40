"""`lepinet init`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from lepinet.cli.output import Progress, fetching, say, show
from lepinet.errors import UsageError
from lepinet.manifest.load import FILE
from lepinet.workflow.begin import PAGE, First, begin
from lepinet.workflow.callers import MONITOR, TRUSTED_CHECK, Source, installed_from, source_of
from lepinet.workflow.dotenv import exposed
from lepinet.workflow.first_manifest import environment_of
from lepinet.workflow.github_setup import Step, carry_out, left_here, missing_there
from lepinet.workflow.propose import repository_at
from lepinet.workflow.workspace import Workspace, open_workspace


@click.command(
    epilog="Examples: lepinet init --model Bhanura/lepinet-model --registry supabase · lepinet init --github"
)
@click.option(
    "--model", metavar="MODEL", help="The first model: org/name or org/name@revision on the Hub, or a folder."
)
@click.option("--version", metavar="VERSION", default="v1.0.0", show_default=True, help="What that model is called.")
@click.option("-e", "--environment", metavar="ENV", default="production", show_default=True, help="Where it serves.")
@click.option("--registry", metavar="KIND", help="Its database, as in models.yaml: supabase, postgres, embedded.")
@click.option("--endpoint", metavar="KIND", help="What answers photos, as in models.yaml: none, local, '{kind: …}'.")
@click.option("--lepinet", "source", metavar="OWNER/REPOSITORY@COMMIT", help="Whose workflows are called.")
@click.option("--monitor", is_flag=True, help="The monitor's workflow too; docs/monitoring.md says what it needs.")
@click.option("--trusted-check", is_flag=True, help="The check of private or gated models too; docs/github-actions.md.")
@click.option("--github", "on_github", is_flag=True, help="Make on GitHub what is missing there, each when you agree.")
@click.option("--yes", is_flag=True, help="With --github: agree to all.")
def init(
    *,
    model: str | None,
    version: str,
    environment: str,
    registry: str | None,
    endpoint: str | None,
    source: str | None,
    monitor: bool,
    trusted_check: bool,
    on_github: bool,
    yes: bool,
) -> int:
    """Write what a repository needs: models.yaml, its schema, workflows, a page of next steps. Nothing is overwritten.

    The first model is tested on the known images in tests/known_images, and the limits are set by that. What is not
    said is asked for on a terminal. With --github: environments, secrets and rules, by the login of gh.
    """
    workspace = open_workspace(fetching=fetching)
    if on_github:
        return _on_github(workspace, agreed=yes)
    first = None
    if not (workspace.root / FILE).exists():
        first = First(
            _asked(model, "--model", "The first model (org/name on the Hub, or a folder)", None),
            version,
            environment,
            _asked(registry, "--registry", "Registry (supabase, postgres, embedded)", "supabase", _registry),
            _asked(endpoint, "--endpoint", "Endpoint (none, local, …)", "none", _endpoint),
        )
    counted = Progress("asking the model")
    asked = {name for name, wanted in ((MONITOR, monitor), (TRUSTED_CHECK, trusted_check)) if wanted}
    laid = begin(workspace, first, _source(workspace, source), asked, counted)
    for path in laid.written:
        show(f"wrote {path}")
    for path in laid.kept:
        show(f"kept {path}, which was there")
    for path in laid.others:
        say(f"{path} does not call LepiNet's, which was not written: rename yours, then run this again")
    if repository_at(workspace.git.origin() or ""):
        for sentence in left_here(workspace):
            say(sentence)
    if laid.ignored_now:
        show("added .env to .gitignore, whose other lines are as they were")
    if wrong := exposed(workspace.git):
        say(str(wrong))
    show(f"Next: {PAGE}")
    return 0


def _registry(text: str) -> str:
    return _fitting(text, text, "none")


def _endpoint(text: str) -> str:
    return _fitting(text, "embedded", text)


def _fitting(text: str, registry: str, endpoint: str) -> str:
    try:
        environment_of(registry, endpoint)
    except UsageError as error:
        raise click.UsageError(error.what) from None  # which click takes for a reason to ask again
    return text


def _asked(
    given: str | None, option: str, question: str, default: str | None, fitting: Callable[[str], str] = str
) -> str:
    """What was given, else what a person answers, who is asked again while it is not fitting; else the default."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        answer: str = click.prompt(question, default=default, value_proc=fitting, err=True)
        return answer
    if default is not None:
        return default
    raise UsageError(f"nobody is here to ask: {option} is missing", todo="lepinet init --model ORG/NAME")


def _source(workspace: Workspace, given: str | None) -> Source | None:
    """Where the workflows come from; None where none are written, and why is said."""
    if given is not None:
        return source_of(given)
    here = repository_at(workspace.git.origin() or "")
    if here is None:
        say("origin is not on GitHub, so no workflows were written; run this again when it is")
        return None
    found = installed_from(workspace.timings)
    if found is None:
        raise UsageError(
            "this LepiNet does not know from which repository on GitHub it is, so whose workflows are to be called?",
            todo="lepinet init --lepinet OWNER/REPOSITORY@COMMIT",
        )
    return None if found.repository == here else found


def _on_github(workspace: Workspace, *, agreed: bool) -> int:
    if wrong := exposed(workspace.git):
        raise wrong
    for sentence in left_here(workspace):
        say(sentence)
    left = made = 0
    for one in missing_there(workspace):
        if not isinstance(one, Step):
            say(f"missing: {one.what}")
            say(f"  first: {one.first}; then run this again")
            left += 1
            continue
        say(one.what)
        say(f"  $ {one.shown}")
        if not agreed and not sys.stdin.isatty():
            raise UsageError("nobody is here to agree", todo="lepinet init --github --yes")
        if agreed or click.confirm("Make it", default=True, err=True):
            carry_out(one, workspace)
            made += 1
        else:
            left += 1
    show(f"made on GitHub: {made}, still missing: {left}")
    return int(bool(left))
