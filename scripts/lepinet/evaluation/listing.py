"""Lines of metadata.csv added, changed, taken out: others stay byte for byte, and new ones look as they do; pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lepinet.errors import RefusedError
from lepinet.evaluation.cases import OLD_COLUMNS

NEW = b"file_name,species_id,species_name\n"
"""What a list without photos says."""


def with_photos(content: bytes, photos: Sequence[Mapping[str, str]]) -> bytes:
    """The list with more photos at its end, in its own columns, line ends and quoting.

    Args:
        content: of the list; it can be read.
        photos: file_name, species_id and species_name of each; columns that nobody knows stay empty.

    Raises:
        RefusedError: it has no column for the file name or the species.
    """
    text = content.decode("utf-8-sig")
    columns, end = _head(text)
    last = text.rstrip("\r\n").rpartition("\n")[2]
    added = _written(
        [[photo.get(column, "") for column in columns] for photo in photos], end, all_quoted=_is_quoted(last)
    )
    return content + ("" if text.endswith("\n") else end).encode() + added.encode()


def relabelled(content: bytes, file_name: str, species_id: str, species_name: str) -> bytes:
    """The list with another species for one photo; arguments and errors as of `with_photos`.

    Raises:
        RefusedError: the photo is not in it.
    """
    columns, end = _head(content.decode("utf-8-sig"))
    truth = {"species_id": species_id, "species_name": species_name}

    def changed(line: _Line) -> str:
        cells = [truth.get(column, cell) for column, cell in zip(columns, line.cells, strict=True)]
        return _written([cells], end, all_quoted=_is_quoted(line.text.rstrip("\r\n")))

    return _with_line(content, file_name, changed)


def without_photo(content: bytes, file_name: str) -> bytes:
    """The list without one photo; errors as of `relabelled`."""
    return _with_line(content, file_name, lambda _: "")


@dataclass(frozen=True)
class _Line:
    """One photo's; a cell in quotes may make it several."""

    text: str
    """With its line end."""
    cells: Sequence[str]


def _with_line(content: bytes, file_name: str, changed: Callable[[_Line], str]) -> bytes:
    text = content.decode("utf-8-sig")
    place = _head(text)[0].index("file_name")
    lines = list(_lines(text))
    meant = [line for line in lines[1:] if line.cells and line.cells[place].strip() == file_name]
    if not meant:
        raise RefusedError(f"{file_name} is not in the list of known images", todo="has somebody taken it out already?")
    mark = content[: len(content) - len(text.encode())]
    return mark + "".join(changed(line) if line in meant else line.text for line in lines).encode()


def _head(text: str) -> tuple[list[str], str]:
    """The columns by their names of today, and how lines end."""
    first, _, _ = text.partition("\n")
    columns = [OLD_COLUMNS.get(name.strip(), name.strip()) for name in next(csv.reader([first]), [])]
    if not {"file_name", "species_id"} <= set(columns):
        raise RefusedError("should begin with a line of column names, among them file_name and species_id")
    return columns, "\r\n" if first.endswith("\r") else "\n"


def _lines(text: str) -> Iterator[_Line]:
    physical = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    reader = csv.reader(physical)
    begin = 0
    for cells in reader:
        yield _Line("".join(physical[begin : reader.line_num]), tuple(cells))
        begin = reader.line_num


def _is_quoted(line: str) -> bool:
    """Whether every cell is, those too that need not be."""
    return _written(csv.reader([line]), "", all_quoted=True) == line


def _written(rows: Iterable[Sequence[str]], end: str, *, all_quoted: bool) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL).writerows(rows)
    return written.getvalue()
