"""A stranger's models.yaml in a checkout of main, where there is a token for private models: data, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection

from lepinet.errors import RefusedError, UsageError
from lepinet.files import replace_file
from lepinet.manifest.load import FILE, load
from lepinet.target import Target
from lepinet.workflow.workspace import Workspace


def take_manifest(workspace: Workspace, commit: str, allowed: Collection[str]) -> str:
    """Write models.yaml as merging a commit into HEAD would give it; a sentence that says what was taken.

    Args:
        workspace: a checkout of main.
        commit: of a pull request, all 40 digits; origin has it.
        allowed: repositories of the Hub that may be read beside those that main's models.yaml names.

    Raises:
        UsageError: that is no commit.
        RefusedError: it cannot be merged, has no models.yaml, or names a repository that nobody trusts.
        ManifestError: its models.yaml is not right.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UsageError(f"{commit[:80]} is no commit", todo="all 40 digits, so that it is the one that was looked at")
    git = workspace.git
    trusted = {version.file_path for version in workspace.manifest.versions.values()} | {*allowed}
    git.fetch_commit(commit)
    merged = git.merged_on(git.head(), commit, commit)
    blob = git.object_id(merged, FILE) if merged else None
    if merged is None or blob is None:
        raise RefusedError("cannot be merged into main" if merged is None else f"has no {FILE}", where=commit[:7])
    content = git.blobs([blob])[blob]
    strangers = [
        name
        for name, version in load(content).versions.items()
        if Target(version.file_path, version.revision).on_hub and version.file_path not in trusted
    ]
    if strangers:
        raise RefusedError(
            f"names models of other repositories than main's: {', '.join(strangers[:5])}",
            where=commit[:7],
            todo="who may read them with this token? Then put the repository into LEPINET_TRUSTED_REPOSITORIES",
        )
    replace_file(workspace.root / FILE, content)
    return f"{FILE} is that of {commit[:7]}, merged into {git.head()[:7]}"
