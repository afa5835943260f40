"""The command that takes a version into models.yaml, as trainers and readers of the registry are told it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

from lepinet.manifest.fields import VERSION
from lepinet.target import HUB_REPOSITORY

_MAIN_THEN = re.compile(r"main@(.+)")


def register_command(
    name: str,
    file_path: str,
    *,
    revision: str | None = None,
    logged_at: datetime | None = None,
    training_image_count: int | None = None,
    accuracy_score: float | None = None,
    notes: str | None = None,
    links: Mapping[str, str] | None = None,
) -> str:
    """The whole `lepinet register …`, quoted for a shell.

    What the command needs and nobody has said stands in capitals, a name that models.yaml does not take too. Without a
    revision, a model of the Hub is what its main was when it was logged, and where nobody knows when, what it is now.
    """
    file_path = file_path or "ORG/NAME"
    if revision is None and HUB_REPOSITORY.fullmatch(file_path):
        revision = f"main@{logged_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if logged_at else "main"
    words = ["lepinet", "register", name if re.fullmatch(VERSION, name) else "vX.Y.Z", "--file-path", file_path]
    options = {
        "--revision": revision,
        "--images": training_image_count,
        "--accuracy": accuracy_score,
        "--notes": notes,
    }
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    for title, url in (links or {}).items():
        words += ["--link", f"{title}={url}"]
    return shlex.join(words)


def moment_of_main(revision: str) -> datetime | None:
    """When is meant by `main@2026-11-20T10:00:00Z`; None where it is another revision.

    >>> moment_of_main("main@2026-11-20").isoformat()
    '2026-11-20T00:00:00+00:00'
    """
    found = _MAIN_THEN.fullmatch(revision)
    try:
        moment = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
