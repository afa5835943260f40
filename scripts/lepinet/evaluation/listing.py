"""Lines added to metadata.csv: what is there stays byte for byte, and new lines look as the others do; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

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
    first, _, _ = text.partition("\n")
    columns = [OLD_COLUMNS.get(name.strip(), name.strip()) for name in next(csv.reader([first]), [])]
    if not {"file_name", "species_id"} <= set(columns):
        raise RefusedError("should begin with a line of column names, among them file_name and species_id")
    end = "\r\n" if first.endswith("\r") else "\n"
    last = text.rstrip("\r\n").rpartition("\n")[2]
    added = _written(
        [[photo.get(column, "") for column in columns] for photo in photos], end, all_quoted=_is_quoted(last)
    )
    return content + ("" if text.endswith("\n") else end).encode() + added.encode()


def _is_quoted(line: str) -> bool:
    """Whether every cell is, those too that need not be."""
    return _written(csv.reader([line]), "", all_quoted=True) == line


def _written(rows: Iterable[Sequence[str]], end: str, *, all_quoted: bool) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL).writerows(rows)
    return written.getvalue()
