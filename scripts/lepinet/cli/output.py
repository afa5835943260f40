"""What the command line writes: progress and errors to stderr, results to stdout, plain where nobody watches."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from lepinet.errors import LepinetError, UsageError
from lepinet.files import replace_file
from lepinet.manifest.problems import HIDDEN, Problem
from lepinet.report.escape import columns_for_terminal

if TYPE_CHECKING:
    from lepinet.evaluation.cases import KnownImages

_NO_TEXT = re.compile(r"'([^']*\\udc[0-9a-f]{2}[^']*)'")
"""In Python's notation, a text with bytes that are none."""


def colour() -> bool:
    """Whether stdout takes colour: a terminal, and NO_COLOR (no-color.org) not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def on_github() -> bool:
    """Whether this runs in GitHub Actions, where an error can stand beside its line."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def files_on_github() -> str | None:
    """URL of this commit's files, where this is a job of GitHub Actions: a run's summary knows no other place."""
    told = [os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    return "{}/{}/raw/{}".format(*told) if on_github() and all(told) else None


def say(text: str) -> None:
    """Tell a person what happens; never mixed into a result. A run goes on when nobody reads it any more."""
    with suppress(OSError):
        click.echo(columns_for_terminal(text), err=True)


def warn(text: str) -> None:
    """As `say`; in a job of GitHub Actions beside the run as well."""
    if on_github():
        click.echo(f"::warning::{_message(text)}", err=True)
    else:
        say(text)


def show(text: str) -> None:
    """A line of a result, while there is more to do: who stops reading stops no deployment."""
    with suppress(OSError):
        click.echo(columns_for_terminal(text))


def say_unlisted(known: KnownImages | None) -> None:
    """Tell of photos that lie among the known images and are not used: nobody counts what is missing."""
    if unlisted := known.unlisted() if known else ():
        shown = ", ".join(unlisted[:3]) + (", …" if len(unlisted) > len(unlisted[:3]) else "")
        say(f"{len(unlisted)} photos in {known and known.folder} belong to no species and are not used: {shown}")


def write_text(file: Path, text: str, *, whole: bool = False) -> None:
    """Write what a person asked for, where they asked for it.

    Args:
        file: where to; its folder need not be there yet.
        text: all of it.
        whole: or nothing; then it must be a regular file.

    Raises:
        UsageError: it cannot be written there.
    """
    if whole and file.exists() and not file.is_file():
        raise UsageError("is no file", where=str(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            replace_file(file, text.encode())
        else:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from None


def show_json(value: Any) -> None:
    click.echo(_quiet(json.dumps(value, ensure_ascii=False, indent=2)))


def show_document(document: BaseModel) -> None:
    """A document as JSON, written by its model at once: as Python data, thousands of photos would be there twice.

    Raises:
        UsageError: it holds what is no text, such as the name of a file that is not UTF-8.
    """
    try:
        text = document.model_dump_json(indent=2)
    except PydanticSerializationError as error:
        # Only a file's name has such bytes; sentences may quote it.
        name = min(_NO_TEXT.findall(repr(document)), key=len, default="the file")
        todo = f"rename {name}: the name is no UTF-8"
        raise UsageError(f"cannot be written as JSON: {error}", todo=todo) from None
    click.echo(_quiet(text))


def _quiet(text: str) -> str:
    """The same JSON, with escapes for what a terminal obeys, and for `##[`, which GitHub's runner does anywhere."""
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text).replace("##[", r"#\u0023[")


class Progress:
    """A line on stderr that counts along, on a terminal; silent elsewhere."""

    def __init__(self, what: str, count: Callable[[int], str] = str) -> None:
        self._what = what
        self._count = count
        self._shown = 0.0
        self._begun = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not sys.stderr.isatty() or (now - self._shown < 0.1 and done < total):
            return
        self._shown = now
        left = (now - self._begun) / done * (total - done) if done else 0
        eta = f", about {left:.0f} s left" if left >= 1 else ""
        with suppress(OSError):
            click.echo(
                f"\r\x1b[K{self._what}: {self._count(done)} of {self._count(total)}{eta}", err=True, nl=done >= total
            )


def fetching(what: str, total: int) -> Callable[[int], None]:
    """Says how much is going to be fetched; the result counts along on a terminal."""
    say(f"fetching {what} from the Hub: {_megabytes(total)}")
    progress = Progress(f"fetching {what}", _megabytes)
    return lambda done: progress(done, total)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def annotate(error: LepinetError) -> None:
    """A GitHub Actions annotation, on the line of the file where there is one.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    problems: Iterable[Problem] = getattr(error, "problems", ())
    annotate_problems(problems)
    if not problems:
        click.echo(f"::error::{_message(str(error))}", err=True)


def annotate_problems(problems: Iterable[Problem], level: Literal["error", "warning"] = "error") -> None:
    """As `annotate`; on stderr, which GitHub reads as well, so that a result on stdout stays whole."""
    for problem in problems:
        place = f"file={_property(problem.file)},line={problem.line},col={problem.column}"
        click.echo(f"::{level} {place}::{_message(problem.message)}", err=True)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
