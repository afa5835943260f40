"""A repository's first models.yaml: its active model is tested, and its limits are set by that. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from pydantic import TypeAdapter, ValidationError

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.gates.fitted import fitted
from lepinet.evaluation.metrics import measure
from lepinet.files import inside
from lepinet.manifest.explain import finding
from lepinet.manifest.first import first
from lepinet.manifest.model import Environment, Gates, Manifest
from lepinet.manifest.source import plain
from lepinet.manifest.stream import UnreadableError
from lepinet.model_files import file_names, needed_files
from lepinet.target import Target
from lepinet.workflow.contents import judged_folder, judged_repository
from lepinet.workflow.evaluate import Counted, answers_of, bench
from lepinet.workflow.workspace import Workspace

_PLACE = ("environments", "this")
"""Where errors look for what options say; the name is shown to nobody."""
_ENDPOINTS = {
    "inference-endpoint": "{kind: inference-endpoint, namespace: my-team, name: butterflies}",
    "space": "{kind: space, repo_id: my-team/butterflies}",
    "follows-registry": "{kind: follows-registry, predict_url: https://api.example.org/predict}",
}
"""Examples of those that need more than their kind."""


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
        first_error = error.errors(include_url=False)[0]
        found = finding({**first_error, "loc": (*_PLACE, *first_error["loc"])})
        example = next((text for kind, text in _ENDPOINTS.items() if kind in endpoint), None)
        todo = found.hint or (f"lepinet init --endpoint '{example}'" if example else "see docs/models-yaml.md")
        raise UsageError(f"--{found.message.removeprefix(_PLACE[1] + '.')}", todo=todo) from None


def fitted_manifest(
    workspace: Workspace,
    draft: Manifest,
    reasons: Mapping[str, str],
    *,
    by: str | None,
    counted: Counted | None = None,
) -> bytes:
    """The draft as a file, with the limits that its known images and one of its models suggest.

    Args:
        workspace: where it is going to be.
        draft: with its own limits, which stand where there is no such model or there are no known images.
        reasons: for limits that the draft has already, by key.
        by: the version that is live, or is going to be.
        counted: told of answers.

    Raises:
        RefusedError: the model does not answer.
    """
    content = first(draft, reasons)
    if by is None:
        return content
    tested = bench(replace(workspace, proposed=content), None)
    answers = answers_of(draft.target(by), tested, counted, judged=False)
    if answers is None:
        return content
    limits = fitted(by, measure(answers))
    gates = draft.gates.model_copy(update={limit.key: limit.limit for limit in limits})
    return first(
        draft.model_copy(update={"gates": gates}), {**reasons, **{limit.key: limit.reason for limit in limits}}
    )


def has_photos(workspace: Workspace, draft: Manifest) -> bool:
    """Whether there are known images where the draft says."""
    known = replace(workspace, proposed=first(draft, {})).known_images
    return bool(known and known.images)


def allowing(holding_code: Sequence[str]) -> tuple[Gates, dict[str, str]]:
    """The limits of a file with versions beside whose files lies code, and why.

    Args:
        holding_code: their names; none where there is nothing to allow.
    """
    if not holding_code:
        return Gates(), {}
    some = ", ".join(holding_code[:3])
    reason = f"pickles, Python or the like lie beside {some}: LepiNet runs none of it, others may"
    return Gates(allow_code=True), {"allow_code": reason}


def holds_code(workspace: Workspace, target: Target) -> bool:
    """Whether the rule on code asks for `allow_code`; of a model on the Hub only its small files are fetched for that.

    Raises:
        RefusedError: its files are not to be had, or LepiNet could not run them.
    """
    where = str(target)
    if target.on_hub:
        kept = workspace.hub.fetch(target.file_path, target.revision, lambda names: needed_files(names, where)[:2])
        judge = partial(judged_repository, kept)
    else:
        folder = inside(workspace.root, target.file_path)
        needed_files(tuple(file_names(folder)), where)
        judge = partial(judged_folder, folder)
    try:
        judge(where=where, allow_code=False)
    except RefusedError:
        return True
    return False


def active_version(manifest: Manifest) -> str | None:
    """That of the last environment in promotion order that has one."""
    found = [environment.active for environment in manifest.environments.values() if environment.active]
    return found[-1] if found else None
