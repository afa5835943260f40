"""A stranger's change in a checkout of main, where there is a token for private models: data, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.changes import change_between
from lepinet.errors import RefusedError, UsageError
from lepinet.files import replace_file
from lepinet.manifest.load import FILE
from lepinet.manifest.model import Manifest
from lepinet.manifest.problems import ManifestError, Problem
from lepinet.report.documents import CheckDocument
from lepinet.report.escape import for_terminal
from lepinet.workflow.findings import check_document
from lepinet.workflow.workspace import Workspace


def take_manifest(workspace: Workspace, commit: str, allowed: Collection[str]) -> str:
    """Write models.yaml as merging a commit into HEAD would give it; a sentence that says what was taken.

    Photos, species and folders of models stay main's. What the commit makes of them is held against the rules, and its
    lists are read, as a check of all its files does it; no photo is decoded, and no model runs.

    Args:
        workspace: a checkout of main.
        commit: of a pull request, all 40 digits; origin has it.
        allowed: repositories of the Hub that may be read beside those that main's models.yaml names.

    Raises:
        UsageError: that is no commit.
        RefusedError: it cannot be merged, has no models.yaml, breaks a rule, has lists that cannot be read, or names
            models of a repository or a folder that nobody trusts; a ManifestError where models.yaml is to blame.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UsageError(f"{commit[:80]} is no commit", todo="all 40 digits, so that it is the one that was looked at")
    git, head = workspace.git, workspace.git.head()
    trusted = {version.file_path for version in workspace.manifest.versions.values()} | {*allowed}
    git.fetch_commit(commit)
    merged = git.merged_on(head, commit, commit)
    content = git.content(merged, FILE) if merged else None
    if merged is None or content is None:
        raise RefusedError("cannot be merged into main" if merged is None else f"has no {FILE}", where=commit[:7])
    judgement = change_between(git, head, merged)
    if judgement.problems:
        raise ManifestError(judgement.problems)
    _read_lists(workspace, merged)
    _trust(workspace, judgement.manifest, merged, trusted)
    replace_file(workspace.root / FILE, content)
    return f"{FILE} is that of {commit[:7]}, merged into {head[:7]}"


def refusal(workspace: Workspace, error: RefusedError) -> CheckDocument:
    """The check's answer where `take_manifest` takes nothing: a pull request would wait for one for ever."""
    problems = (
        error.problems
        if isinstance(error, ManifestError)
        else (Problem(FILE, 1, 1, for_terminal(error.lines()[0]), hint=for_terminal(error.todo or "")),)
    )
    head = workspace.git.head()
    return check_document(
        base=head,
        head=head,
        known_images=workspace.manifest.known_images,
        problems=problems,
        environments=(),
        registered=(),
        timestamp=datetime.now(UTC),
    )


def _read_lists(workspace: Workspace, merged: str) -> None:
    """See that the photos and species of a merge are listed as they should be."""
    with TemporaryDirectory(prefix="lepinet-") as scratch:
        folder = Path(scratch).resolve() / "merged"
        there = replace(workspace, git=workspace.git.check_out(merged, folder))
        try:
            there.species, there.known_images  # noqa: B018 -- raise where a list cannot be read
        except RefusedError as error:
            where = (error.where or "").removeprefix(f"{folder}/")
            raise RefusedError(error.what, where=where, todo=error.todo) from None
        finally:
            workspace.git.leave(folder)


def _trust(workspace: Workspace, manifest: Manifest, merged: str, trusted: Collection[str]) -> None:
    """See that whatever would be run or read here is what somebody here has chosen."""
    git, head = workspace.git, workspace.git.head()
    targets = [manifest.target(name) for name in manifest.versions]
    strangers = [str(one.version) for one in targets if one.on_hub and one.file_path not in trusted]
    if strangers:
        raise RefusedError(
            f"names models of other repositories than main's: {', '.join(strangers[:5])}",
            todo="who may read them with this token? Then put the repository into LEPINET_TRUSTED_REPOSITORIES",
        )
    brought = [one for one in targets if not one.on_hub and one.version not in workspace.manifest.versions]
    for one in brought:
        if git.object_id(head, one.file_path) != git.object_id(merged, one.file_path):
            raise RefusedError(
                f"brings the files of {one.version}, which run nowhere near a token",
                where=one.file_path,
                todo="put them on the Hub, or merge the folder first, without the version",
            )
    if manifest.species and git.object_id(head, manifest.species) is None:
        raise RefusedError(
            "is a list of species that main has not", where=manifest.species, todo="merge the file first, on its own"
        )
