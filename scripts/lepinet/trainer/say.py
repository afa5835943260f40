"""Telling whoever watches a training how it went, on whatever stands in for a terminal there."""

from __future__ import annotations

from contextlib import suppress
from typing import TextIO

from lepinet.manifest.problems import HIDDEN


def say(text: str, stream: TextIO | None) -> None:
    """Write the text and a line end; never fails, whatever the stream's encoding, closed or none at all.

    What would move a terminal's cursor or hide text is replaced.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text).encode(encoding, "replace").decode(encoding)
    with suppress(OSError, ValueError):
        print(shown, file=stream, flush=True)
