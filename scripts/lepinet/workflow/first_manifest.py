"""A repository's first models.yaml: its active model is tested, and its limits are set by that. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from lepinet.errors import UsageError
from lepinet.evaluation.gates.fitted import fitted
from lepinet.evaluation.metrics import measure
from lepinet.manifest.explain import finding
from lepinet.manifest.first import first
from lepinet.manifest.model import Environment, Manifest
from lepinet.manifest.source import plain
from lepinet.manifest.stream import UnreadableError
from lepinet.workflow.evaluate import Counted, answers_of, bench
from lepinet.workflow.workspace import Workspace


def environment_of(registry: str, endpoint: str) -> Environment:
    """An environment without an active version, from two options as models.yaml has them.

    Args:
        registry: `supabase`, or `{kind: supabase, url: https://…}`.
        endpoint: `none`, or `{kind: local, port: 8000}`.

    Raises:
        UsageError: one of them is none that models.yaml takes.
    """
    said = {}
    for option, text in (("registry", registry), ("endpoint", endpoint)):
        try:
            said[option], complaints = plain(text)
        except UnreadableError as error:
            raise UsageError(f"--{option} {text}: {error.message}") from None
        if complaints:
            raise UsageError(f"--{option} {text}: {complaints[0].message}")
    try:
        return TypeAdapter(Environment).validate_python(said)
    except ValidationError as error:
        found = finding(error.errors(include_url=False)[0])
        raise UsageError(f"--{found.message}", todo=found.hint or "see docs/models-yaml.md") from None


def fitted_manifest(
    workspace: Workspace, draft: Manifest, reasons: Mapping[str, str], counted: Counted | None = None
) -> bytes:
    """The draft as a file, with the limits that its known images and its active model suggest.

    Args:
        workspace: where it is going to be.
        draft: with its own limits, which stand where nothing is active or there are no known images.
        reasons: for limits that the draft has already, by key.
        counted: told of answers.

    Raises:
        RefusedError: the active model does not answer.
    """
    content = first(draft, reasons)
    active = active_version(draft)
    if active is None:
        return content
    tested = bench(replace(workspace, proposed=content), None)
    answers = answers_of(draft.target(active), tested, counted, judged=False)
    if answers is None:
        return content
    limits = fitted(active, measure(answers))
    gates = draft.gates.model_copy(update={limit.key: limit.limit for limit in limits})
    return first(
        draft.model_copy(update={"gates": gates}), {**reasons, **{limit.key: limit.reason for limit in limits}}
    )


def active_version(manifest: Manifest) -> str | None:
    """That of the last environment in promotion order that has one."""
    found = [environment.active for environment in manifest.environments.values() if environment.active]
    return found[-1] if found else None
