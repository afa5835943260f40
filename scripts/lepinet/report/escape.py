"""Text that somebody else wrote (species, file names, notes), made harmless for the place where it is shown."""

from __future__ import annotations

import html
import re
import unicodedata

from lepinet.manifest.problems import without_command

_JOINERS = {"\u200c", "\u200d"}  # Sinhala and Tamil are not written without them
_HIDING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~!$&]|:(?=\S)|(?<=www)\.|^[-+=]|^#(?!\w)|^[0-9]+[.)]", re.IGNORECASE)
_NO_XML = re.compile("[\ufffe\uffff]")
_CALLED = re.compile(r"(?<!\w)@(?=\w)|#(?=\w)|\bGH-(?=[0-9])|:(?=//)", re.IGNORECASE)
_UNREAD = re.compile(r"\\(.)|&#8203;")
_ADDRESSED = re.compile(r"[@#](?=\w)|\bGH-(?=[0-9])", re.IGNORECASE)


def for_terminal(text: str, longest: int = 300) -> str:
    """One line that moves no cursor, hides nothing and turns no direction; cut with `…` when it is longer."""
    line = " ".join(columns_for_terminal(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def columns_for_terminal(line: str) -> str:
    """As `for_terminal`, for a line that is put together already: whole, and with the spaces that it has."""
    return without_command("".join(map(_shown, line)))


def one_line(text: str) -> str:
    """A text of several lines where there is room for one."""
    return " · ".join(text.splitlines())


def for_markdown(text: str, longest: int = 300) -> str:
    """One line that GitHub shows as it stands: no markup, no HTML, no cell ends, no link, nobody notified.

    GitHub looks for names (@) and numbers (#, GH-) after it has read the Markdown, so a backslash does not keep them
    from becoming links; a space of no width does.
    """
    line = for_terminal(text, longest)
    return _ADDRESSED.sub(r"\g<0>&#8203;", _MARKDOWN.sub(_backslashed, line))


def from_markdown(line: str) -> str:
    """What `for_markdown` was given, in one line."""
    return _UNREAD.sub(lambda found: found[1] or "", line)


def for_commit(text: str, longest: int = 300) -> str:
    """One line of a commit's message, of which GitHub notifies nobody and by which it closes no issue."""
    return _CALLED.sub(r"\g<0> ", for_terminal(text, longest))


def for_attribute(text: str, longest: int = 300) -> str:
    """As `for_terminal`, for an attribute of HTML that stands in a table's cell."""
    return html.escape(for_terminal(text, longest)).replace("|", "&#124;")


def for_xml(text: str, longest: int = 300) -> str:
    """As `for_terminal`, of characters that XML 1.0 can hold; what writes the XML keeps it from being markup."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", for_terminal(text, longest))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    hides = unicodedata.category(character) in _HIDING and character not in _JOINERS
    return "\N{REPLACEMENT CHARACTER}" if hides else character


def _backslashed(found: re.Match[str]) -> str:
    """Before the sign that has a meaning, which is the last one: a number that begins a list ends in it."""
    return f"{found.group()[:-1]}\\{found.group()[-1]}"
