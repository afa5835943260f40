"""The command that takes a version into models.yaml, as trainers and readers of the registry are told it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from lepinet.manifest.fields import VERSION


def register_command(
    name: str,
    file_path: str,
    *,
    revision: str | None = None,
    training_image_count: int | None = None,
    accuracy_score: float | None = None,
    notes: str | None = None,
    links: Mapping[str, str] | None = None,
) -> str:
    """The whole `lepinet register …`, quoted for a shell.

    What the command needs and nobody has said stands in capitals, a name that models.yaml does not take too.
    """
    words = ["lepinet", "register", name if re.fullmatch(VERSION, name) else "vX.Y.Z"]
    words += ["--file-path", file_path or "ORG/NAME"]
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
