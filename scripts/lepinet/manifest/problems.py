"""What is wrong with a `models.yaml`, as a person wants to read it: where, the line itself, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lepinet.errors import RefusedError

# Anything that hides from a reader what stands in the file: controls, line ends that only YAML sees, bidirectional
# overrides. Joiners stay allowed, Sinhala and Tamil need them.
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
# A password in a URL, and tokens by the beginnings that GitHub, Hugging Face, Supabase and JWTs give them.
_SECRET = re.compile(r"(?<=://)[^/\s@]+(?=@)|\b(eyJ|sb_secret_|hf_|gh[pousr]_|github_pat_)[\w.-]{8,}")
_WIDEST = 110


@dataclass(frozen=True)
class Finding:
    """Something wrong at one place of the tree, before anybody has looked up its line."""

    path: tuple[str, ...]
    message: str
    hint: str = ""
    at_key: bool = False
    """The key is wrong, not its value."""


@dataclass(frozen=True)
class Problem:
    """Something wrong at one place of the text. Line and column count from 1, as editors do."""

    file: str
    line: int
    column: int
    message: str
    source_line: str = ""
    hint: str = ""
    width: int = 1
    """So many characters are meant, from `column` on."""

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.source_line.strip():
            return f"{head}\n{self.hint}" if self.hint else head
        before = self.column - 1 - self._begin
        shown = self.excerpt
        marks = "^" * max(1, min(self.width, len(shown) - before))
        return f"{head}\n{self.line:>4} | {shown}\n     | {' ' * before}{marks} {self.hint}".rstrip()

    @property
    def excerpt(self) -> str:
        """What is shown of the line: the part around the column, without secrets."""
        return readable(self.source_line)[self._begin : self._begin + _WIDEST]

    @property
    def _begin(self) -> int:
        return max(0, self.column - _WIDEST // 2) if self.column > _WIDEST - 20 else 0


class ManifestError(RefusedError):
    """A `models.yaml` that cannot be taken: all problems at once, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], unshown: int = 0) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        self.unshown = unshown
        """How many more there are, beyond those that anybody would read."""
        more = [f"… and {unshown:,} more"] if unshown else []
        super().__init__("\n".join([*map(str, self.problems), *more]))


def readable(text: str) -> str:
    """The text for one line of a terminal: nothing hidden, no secret, as long as before."""
    veiled = _SECRET.sub(lambda found: "*" * len(found.group()), text)
    return without_command(HIDDEN.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"[\t\r\n]", " ", veiled)))


def spaces_seen(text: str) -> str:
    """In quotes where it has spaces that nobody would see: at an end, or beside another."""
    return text if text == " ".join(text.split()) else f'"{text}"'


def without_command(text: str) -> str:
    """The text, as long as before, with nothing that GitHub's runner obeys anywhere in a line of a log: `##[error]`.

    `ActionCommand.TryParse` in https://github.com/actions/runner; `::error::` counts at the beginning of a line only.
    """
    return text.replace("##[", "##\N{FULLWIDTH LEFT SQUARE BRACKET}")


def shown(value: str, longest: int = 60) -> str:
    """A value of the file, short enough and safe for a sentence."""
    text = readable(value)
    return f"{text[: longest - 1]}…" if len(text) > longest else text if text.strip() else "empty"


def near_miss(word: str, known: Collection[str]) -> str:
    """`did you mean v2.0.0? (v1.0.0, v2.0.0)`; the list only when it is short, nothing when nothing is known."""
    latest = list(known)[-200:]
    close = difflib.get_close_matches(word[:100], latest, n=1)
    question = f"did you mean {close[0]}?" if close else ""
    choice = f"({', '.join(latest)})" if 0 < len(latest) <= 12 else ""
    return f"{question} {choice}".strip()
