"""What a database tells by itself, over PostgreSQL's LISTEN: that something has happened, and the id of what."""

from __future__ import annotations

from typing import Final

import psycopg

from lepinet.errors import OutsideError
from lepinet.registry.calls import Connection

_CHANNEL: Final = b"listen lepinet"


def listen(connection: Connection) -> None:
    """Have the connection hear notices from now on.

    Raises:
        OutsideError: it is gone.
    """
    try:
        connection.execute(_CHANNEL)
    except psycopg.Error as error:
        raise OutsideError(f"the database cannot be listened to: {error}") from None


def heard(connection: Connection, seconds: float) -> tuple[str, ...]:
    """`<table> <id>` of all that is told at once, as soon as something is; nothing when nothing happens for so long.

    Raises:
        OutsideError: the connection is gone.
    """
    try:
        return tuple(notice.payload for notice in connection.notifies(timeout=seconds, stop_after=1))
    except psycopg.Error as error:
        raise OutsideError(f"the database does not tell any more: {error}") from None
