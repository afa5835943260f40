"""Each version that waits, as a pull request that registers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from lepinet.errors import LepinetError, OutsideError, RefusedError, UsageError
from lepinet.evaluation.labels import SpeciesNames
from lepinet.files import inside, read_small
from lepinet.github import GitHub
from lepinet.manifest import edit
from lepinet.manifest.load import FILE
from lepinet.manifest.model import ModelVersion
from lepinet.model_files import CARD, CONFIG, folder_revision
from lepinet.report import card
from lepinet.report.escape import for_markdown, for_terminal
from lepinet.target import HUB_REPOSITORY, Target
from lepinet.workflow.logged import LONGEST_NOTES, LoggedRow, Waiting, read_logged, waiting
from lepinet.workflow.propose import Proposal, of_manifest, open_github, propose
from lepinet.workflow.workspace import Workspace

_LARGEST_CARD = 1 << 20
_BY_HAND = "Log it again under a new name, or register it by hand: `lepinet register VERSION --file-path …`"


@dataclass(frozen=True)
class Registration:
    """What became of one row."""

    name: str
    """As it was logged."""
    sentence: str
    done: bool = True
    """False: it is to be looked at again."""


def register_logged(workspace: Workspace, files: Sequence[Path]) -> Iterator[Registration]:
    """Propose every row that no models.yaml of main ever had; what cannot be registered is reported once.

    Args:
        workspace: at main, in a job of GitHub Actions.
        files: what `github logged` wrote, one of each registry.

    Raises:
        UsageError: this is no job of GitHub Actions, or a file is another one.
    """
    try:
        repository = workspace.settings.environ["GITHUB_REPOSITORY"]
    except KeyError:
        raise UsageError("no GITHUB_REPOSITORY here", todo="this is for a job of GitHub Actions") from None
    logged = [read_logged(file) for file in files]
    rows, taken = (row for one in logged for row in one.rows), (one.highest for one in logged if one.highest)
    with open_github(workspace, repository) as github:
        for one in waiting(workspace, rows, taken):
            yield _register(workspace, github, one)


def registration(workspace: Workspace, one: Waiting) -> Proposal:
    """The pull request that registers a row.

    Raises:
        RefusedError: its name is taken, or its model cannot be resolved.
        OutsideError: the Hub does not answer.
    """
    if one.taken:
        raise RefusedError(one.taken)
    row, name = one.row, one.name
    version, guessed = _version(workspace, row, name)
    return Proposal(
        edit=of_manifest(partial(edit.register, name=name, version=version)),
        sentence=f"{FILE} has {Target(version.file_path, version.revision, name)}",
        branch=_branch(row, name),
        message=f"Register {name}",
        body=_body(workspace, row, name, version, guessed=guessed),
    )


def _register(workspace: Workspace, github: GitHub, one: Waiting) -> Registration:
    row = one.row
    try:
        before = github.proposed(_branch(row, one.name))
        if before and not before.is_open:
            return Registration(row.name, f"{before.html_url} was closed: it is not proposed again")
        wanted = registration(workspace, one)
        return Registration(row.name, propose(workspace, github.repository, wanted))
    except OutsideError as error:
        return Registration(row.name, error.in_one_line(), done=False)
    except LepinetError as error:
        title = for_terminal(f"{row.name} was logged and cannot be registered", 200)
        who = f"**{for_markdown(row.name)}** ({for_markdown(row.file_path)})"
        why = for_markdown(error.in_one_line(), 1000)
        text = f"A trainer logged {who}, and it cannot come to models.yaml: {why}\n\n{_BY_HAND}"
        return Registration(row.name, github.report_once(f"row-{_mark(row)}", title, text).html_url)


def _mark(row: LoggedRow) -> str:
    return hashlib.sha256(f"{row.name}\0{row.file_path}\0{row.revision}".encode()).hexdigest()[:10]


def _branch(row: LoggedRow, name: str) -> str:
    if row.name != name:
        return f"register-{_mark(row)}"  # the free name may be another one tomorrow
    return f"register-{name}-{_mark(row)}".replace("+", "-")


def _version(workspace: Workspace, row: LoggedRow, name: str) -> tuple[ModelVersion, bool]:
    """As models.yaml takes it, and whether its revision is a guess: the last commit before it was logged."""
    revision, guessed = _revision(workspace, row)
    logged_as = f"logged as {for_terminal(row.name)}" if row.name != name else None
    said = {
        "file_path": row.file_path,
        "revision": revision,
        "training_image_count": row.training_image_count,
        "accuracy_score": row.accuracy_score,
        "created_at": row.logged_at if row.created_at else None,
        # In one line, without what hides or turns text: whatever was logged, it can stand in models.yaml.
        "notes": for_terminal("; ".join(part for part in (logged_as, row.notes) if part), LONGEST_NOTES) or None,
    }
    try:
        return ModelVersion.model_validate({key: value for key, value in said.items() if value is not None}), guessed
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{what} is {for_terminal(str(first['input']), 100)}, {first['msg']}") from None


def _revision(workspace: Workspace, row: LoggedRow) -> tuple[str, bool]:
    folder: Path | None = None
    with suppress(RefusedError):
        folder = inside(workspace.root, row.file_path)
    if folder and folder.is_dir():
        found = folder_revision(folder)
        if row.revision not in {None, found}:
            raise RefusedError(f"the files of main in {row.file_path} are not those of its revision")
        return found, False
    if not HUB_REPOSITORY.fullmatch(row.file_path):
        raise RefusedError("its path is neither a folder of this repository nor a model on the Hub (org/name)")
    if row.revision:
        commit = workspace.hub.commit(row.file_path, row.revision)
        return commit, commit != row.revision
    made = workspace.hub.commit_at(row.file_path, row.logged_at)
    if made is None:
        raise RefusedError(f"{row.file_path} has no commit from before it was logged")
    return made, True


def _body(workspace: Workspace, row: LoggedRow, name: str, version: ModelVersion, *, guessed: bool) -> str:
    """The pull request's text: what the model says of itself, and what is other than in the active one."""
    target = Target(version.file_path, version.revision, name)
    lines = [f"A trainer logged **{for_markdown(row.name)}**: {for_markdown(str(target))}.", ""]
    if guessed:
        lines += ["It names no commit; this is what its repository had when it was logged. Is it the right one?", ""]
    active = _active(workspace)
    new, old = _told(workspace, target), _told(workspace, active) if active else {}
    lines += [f"- its card: {for_markdown(one)}" for one in card.figures(new.get(CARD, ""))]
    if version.accuracy_score is not None:
        lines.append(f"- its trainer's own test: {version.accuracy_score * 100:.2f} % right")
    if version.training_image_count is not None:
        before = workspace.manifest.versions[active.version or ""].training_image_count if active else None
        was = f", {active.version} on {before:,}" if active and before is not None else ""
        lines.append(f"- trained on {version.training_image_count:,} photos{was}")
    if active and CONFIG in new:
        changes = card.changed(old.get(CONFIG), new[CONFIG], SpeciesNames(workspace.species_of_answers))
        lines += [f"- since {for_markdown(active.version or '')}: {for_markdown(one, 600)}" for one in changes]
    if version.notes:
        lines.append(f"- notes: {for_markdown(version.notes, LONGEST_NOTES)}")
    ships = f"`lepinet activate {name} -e {next(iter(workspace.manifest.environments))}`"
    return "\n".join([*lines, "", f"Merged, it is registered and active nowhere. The next step is {ships}."])


def _active(workspace: Workspace) -> Target | None:
    """What is active in the first environment that has something."""
    manifest = workspace.manifest
    names = (environment.active for environment in manifest.environments.values())
    return next((manifest.target(name) for name in names if name), None)


def _told(workspace: Workspace, target: Target) -> Mapping[str, str]:
    """A model's card and configuration, as far as they are there; nobody else's files are fetched for them."""
    found = {}
    with suppress(LepinetError):
        if target.on_hub:
            listed = (CARD, CONFIG)
            kept = workspace.hub.fetch(
                target.file_path, target.revision, lambda names: tuple(one for one in listed if one in names)
            )
            folder = kept.folder
        else:
            folder = inside(workspace.root, target.file_path)
        for name in (CARD, CONFIG):
            with suppress(RefusedError):
                found[name] = read_small(folder / name, at_most=_LARGEST_CARD).decode(errors="replace")
    return found
