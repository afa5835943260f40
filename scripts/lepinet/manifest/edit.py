"""Edits of `models.yaml` that touch only the lines they must; what comes out is read again and says what was meant."""

from __future__ import annotations

import re
from collections.abc import Collection

from lepinet.errors import RefusedError, UsageError
from lepinet.manifest.fields import VERSION
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Manifest, ModelVersion, Override
from lepinet.manifest.problems import ManifestError, near_miss
from lepinet.manifest.scalars import fields_of, scalar
from lepinet.manifest.source import Node, compose

_BOM = b"\xef\xbb\xbf"
_LINE_END = r"\r\n|\n|\r"


def activate(content: bytes, environment: str, version: str, *, override: str | None = None) -> bytes:
    """The file with another active version in an environment; a rollback is the same edit.

    Args:
        content: of a right `models.yaml`.
        environment: the name of one that it has.
        version: the name of one that it has.
        override: the reason to ship it although it is held. Without one, an override for another version goes.

    Raises:
        ManifestError: the file is not right as it is.
        UsageError: it has no such environment or version, or the reason is empty.
        RefusedError: the edit would not say what it should; somebody has to make it by hand.
    """
    before = load(content)
    if environment not in before.environments:
        raise UsageError(f"{FILE} has no environment {environment}", todo=near_miss(environment, before.environments))
    if version not in before.versions:
        raise UsageError(f"{FILE} has no version {version}", todo=near_miss(version, before.versions))
    if override is not None and not override.strip():
        raise UsageError("an override needs a reason")
    settings = before.environments[environment]
    wanted = Override.model_construct(version=version, reason=override) if override else settings.override
    if wanted is not None and wanted.version != version:
        wanted = None
    changed = settings.model_copy(update={"active": version, "override": wanted})
    meant = before.model_copy(update={"environments": {**before.environments, environment: changed}})
    text = content.decode("utf-8-sig")
    if settings.active != version:
        text = _set_active(text, environment, version)
    if wanted is None and settings.override is not None:
        text = _drop_override(text, environment)
    elif wanted is not None and wanted != settings.override:
        text = _set_override(text, environment, wanted)
    return _checked(content, text, meant, f"environments: {environment}: active: {version}")


def register(content: bytes, name: str, version: ModelVersion) -> bytes:
    """The file with one more version, behind those that it has.

    Raises:
        ManifestError: the file is not right as it is.
        UsageError: that is no name of a version.
        RefusedError: the name is taken, or somebody has to make the edit by hand.
    """
    before = load(content)
    if not re.fullmatch(VERSION, name):
        raise UsageError(f"{name} is no name of a version", todo="v and a semantic version, such as v1.2.0")
    if name in before.versions:
        raise RefusedError(f"{FILE} has {name} already, and a version never changes", todo="take the next free name")
    meant = before.model_copy(update={"versions": {**before.versions, name: version}})
    text = content.decode("utf-8-sig")
    key, versions = _entry(text, "versions")
    fields = fields_of(version)
    if versions.style == "{" and versions.entries:
        last = list(versions.entries.values())[-1][1]
        entry = f", {name}: {{{', '.join(f'{field}: {value}' for field, value in fields)}}}"
        text = _replaced(text, last.end, last.end, entry)
    else:
        text = _with_block(text, key, versions, name, fields)
    return _checked(content, text, meant, f"versions: {name}")


def retire(content: bytes, names: Collection[str]) -> bytes:
    """The file without some of its versions, and without the comments that are theirs.

    Raises:
        ManifestError: the file is not right as it is.
        UsageError: it has no such version.
        RefusedError: an environment names one of them, or somebody has to make the edit by hand.
    """
    before = load(content)
    for name in names:
        if name not in before.versions:
            raise UsageError(f"{FILE} has no version {name}", todo=near_miss(name, before.versions))
    left = {name: version for name, version in before.versions.items() if name not in names}
    text = content.decode("utf-8-sig")
    for name in names:
        text = _drop_version(text, name)
    return _checked(
        content, text, before.model_copy(update={"versions": left}), f"versions: without {', '.join(names)}"
    )


def _drop_version(text: str, name: str) -> str:
    _, versions = _entry(text, "versions")
    entries = list(versions.entries.values())
    place = list(versions.entries).index(name)
    key, value = entries[place]
    if versions.style == "{":
        begin = entries[place - 1][1].end if place else key.start.index
        end = value.end if place or len(entries) == 1 else entries[1][0].start.index
        return _replaced(text, begin, end, "")
    begin = key.start.index - key.start.column
    if place:  # above the first one they may be about all of them
        above = re.compile(rf"(?:^[ ]{{{key.start.column}}}#[^\r\n]*(?:{_LINE_END}))*\Z", re.MULTILINE)
        found = above.search(text, 0, begin)
        begin = found.start() if found else begin
    end = _with_comments(text, _end_of_line(text, max(_end(text, value), key.end)), key.start.column)
    rest = re.compile(_LINE_END).match(text, end)
    if rest is None:  # as in _drop_override
        return re.sub(rf"(?:{_LINE_END})\Z", "", text[:begin])
    return _replaced(text, begin, rest.end(), "")


def _set_active(text: str, environment: str, version: str) -> str:
    _, settings = _entry(text, "environments", environment)
    if "active" not in settings.entries:
        first = next(iter(settings.entries.values()))[0]
        separator = ", " if settings.style == "{" else _newline(text) + " " * first.start.column
        return _replaced(text, first.start.index, first.start.index, f"active: {scalar(version)}{separator}")
    key, value = settings.entries["active"]
    if value.start.index == value.end:  # `active:` with nothing behind
        colon = text.index(":", key.end) + 1
        return _replaced(text, colon, colon, f" {scalar(version)}")
    # A semantic version keeps the quotes that are there; an old name has those that it needs.
    written = f"{value.style}{version}{value.style}" if re.fullmatch(VERSION, version) else scalar(version)
    return _replaced(text, value.start.index, value.end, written)


def _set_override(text: str, environment: str, override: Override) -> str:
    _, settings = _entry(text, "environments", environment)
    if "override" in settings.entries and settings.entries["override"][1].entries:
        for part in ("version", "reason"):
            _, value = _entry(text, "environments", environment, "override", part)
            new = scalar(override.version) if part == "version" else scalar(override.reason)
            text = _replaced(text, value.start.index, _end(text, value), new)
        return text
    if "override" in settings.entries:  # null
        text = _drop_override(text, environment)
        _, settings = _entry(text, "environments", environment)
    key, active = settings.entries["active"]
    new = f"override: {{version: {scalar(override.version)}, reason: {scalar(override.reason)}}}"
    if settings.style == "{":
        return _replaced(text, active.end, active.end, f", {new}")
    end = _end_of_line(text, active.end)
    return _replaced(text, end, end, _newline(text) + " " * key.start.column + new)


def _drop_override(text: str, environment: str) -> str:
    _, settings = _entry(text, "environments", environment)
    entries = list(settings.entries.values())
    place = list(settings.entries).index("override")
    key, value = entries[place]
    if settings.style == "{":
        begin = entries[place - 1][1].end if place else key.start.index
        end = value.end if place else entries[1][0].start.index
        return _replaced(text, begin, end, "")
    begin = key.start.index - key.start.column
    end = _end_of_line(text, max(_end(text, value), key.end))
    rest = re.compile(_LINE_END).match(text, end)
    if rest is None:  # the last line, and it has no end: the one before becomes such a line
        return re.sub(rf"(?:{_LINE_END})\Z", "", text[:begin])
    return _replaced(text, begin, rest.end(), "")


def _with_block(text: str, key: Node, versions: Node, name: str, fields: list[tuple[str, str]]) -> str:
    """The version on lines of its own, indented as the one before it is."""
    outer, inner = key.start.column + 2, 2
    end = _end_of_line(text, versions.end)
    if versions.entries:
        last_name, last = list(versions.entries.values())[-1]
        outer = last_name.start.column
        if last.style == ":":
            inner = next(iter(last.entries.values()))[0].start.column - outer
        end = _with_comments(text, _end_of_line(text, _end(text, last)), outer)
    lines = [f"{' ' * outer}{name}:"] + [f"{' ' * (outer + inner)}{field}: {value}" for field, value in fields]
    text = _replaced(text, end, end, "".join(_newline(text) + line for line in lines))
    return text if versions.entries else _replaced(text, text.index(":", key.end) + 1, versions.end, "")


def _with_comments(text: str, end: int, column: int) -> int:
    """Where an entry ends, with the comments behind its last line that are indented as its own are."""
    found = re.compile(rf"(?:(?:{_LINE_END})[ ]{{{column + 1},}}#[^\r\n]*)*").match(text, end)
    return found.end() if found else end


def _entry(text: str, *path: str) -> tuple[Node, Node]:
    """Key and value at a path that the file is known to have."""
    node = compose(text)
    key = node
    for name in path:
        key, node = node.entries[name]
    return key, node


def _end(text: str, value: Node) -> int:
    """Where a value's own text ends; a block scalar's mark stands on a later line."""
    return len(text[: value.end].rstrip("\r\n"))


def _end_of_line(text: str, index: int) -> int:
    found = re.compile(r"[\r\n]|$").search(text, index)
    return found.start() if found else len(text)


def _newline(text: str) -> str:
    found = re.search(_LINE_END, text)
    return found.group() if found else "\n"


def _replaced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _checked(before: bytes, text: str, meant: Manifest, what: str) -> bytes:
    content = (_BOM if before.startswith(_BOM) else b"") + text.encode(errors="surrogatepass")
    by_hand = f"edit {FILE} by hand: {what}"
    try:
        after = load(content)
    except ManifestError as error:
        first = error.problems[0].message
        raise RefusedError(
            f"{FILE} cannot be edited automatically: it would not be right ({first})", todo=by_hand
        ) from None
    same_order = list(after.environments) == list(meant.environments) and list(after.versions) == list(meant.versions)
    if after != meant or not same_order:
        raise RefusedError(f"{FILE} is written in a way that no command can edit safely", todo=by_hand)
    return content
