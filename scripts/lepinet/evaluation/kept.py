"""Texts kept on disk by photo, so that no work is done twice: a convenience and nothing more."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

_AT_ONCE = 500
"""Fewer than the variables that any SQLite allows in one statement."""
_WAIT = 10.0
"""Seconds for another process that is writing."""
_SCHEMA = """
create table if not exists kept (maker text, image text, said text not null, primary key (maker, image)) without rowid
"""


class Kept:
    """What one maker said of photos, by their digest; any number of processes may use the same file.

    A damaged file is begun anew, and where nothing can be written nothing is kept.
    """

    def __init__(self, file: Path, maker: str) -> None:
        """Nothing is read yet.

        Args:
            file: where it is kept.
            maker: names all that decides what is said; what another one said is not found.
        """
        self._file = file
        self._maker = maker
        self._database: sqlite3.Connection | None = None
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)

    def get(self, images: Sequence[str]) -> dict[str, str]:
        """What was said of these photos, by digest; not to be believed unseen."""
        found: dict[str, str] = {}
        for start in range(0, len(images), _AT_ONCE):
            some = images[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"select image, said from kept where maker = ? and image in ({marks})"  # noqa: S608 - marks only
            found |= dict(self._run(query, [(self._maker, *some)]))
        return found

    def put(self, said: Mapping[str, str]) -> None:
        """Keep what was said by the digest of the photo; it takes the place of what was kept."""
        rows = [(self._maker, image, text) for image, text in said.items()]
        self._run("insert or replace into kept values (?, ?, ?)", rows)

    def close(self) -> None:
        if self._database:
            self._database.close()
        self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, statement: str, rows: Sequence[tuple[str, ...]]) -> list[Any]:
        """Run it for every row in one transaction; a damaged file is thrown away and the statement repeated once."""
        try:
            return self._try(statement, rows)
        except sqlite3.OperationalError:
            return []  # locked for too long, full, or not ours to write
        except sqlite3.DatabaseError:
            self.close()
        try:
            self._file.unlink(missing_ok=True)
            return self._try(statement, rows)
        except (sqlite3.DatabaseError, OSError):
            return []

    def _try(self, statement: str, rows: Sequence[tuple[str, ...]]) -> list[Any]:
        if self._database is None:
            self._database = sqlite3.connect(self._file, timeout=_WAIT)
            self._database.execute("pragma synchronous = off")
            self._database.execute(_SCHEMA)
        with self._database:
            return [line for row in rows for line in self._database.execute(statement, row)]
