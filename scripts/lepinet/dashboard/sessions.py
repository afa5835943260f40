"""Who has come in, kept in this process: a browser holds a random number and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lepinet.registry.sign_in import SignedIn

IDLE = 2 * 3600
"""Seconds without a request after which somebody has to come in again."""
LONGEST = 12 * 3600
"""Seconds after which everybody has."""
MOST = 100
"""People at once; the one who has been away longest makes room."""


@dataclass(frozen=True)
class Entry:
    """What coming in gave: a name, and the accounts that the registries are asked with."""

    person: str
    accounts: Mapping[str, SignedIn] = field(default_factory=dict)
    """By environment; those that the machine's own settings open are left out."""
    is_named: bool = True
    """Whether the history can call the person by a name."""


@dataclass
class Session:
    """One browser of somebody who has come in."""

    entry: Entry
    begun: float
    used: float
    renewing: threading.Lock = field(default_factory=threading.Lock)
    """A refresh token counts once: one request uses it, the others wait."""


class Sessions:
    """The sessions of this process, by the numbers that browsers hold."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, entry: Entry) -> str:
        """The new number of somebody who comes in; whatever number the browser had before is worth nothing."""
        number, now = new_number(), self._clock()
        with self._lock:
            self._drop_old(now)
            while len(self._sessions) >= MOST:
                del self._sessions[min(self._sessions, key=lambda one: self._sessions[one].used)]
            self._sessions[number] = Session(entry, now, now)
        return number

    def find(self, number: str, *, uses: bool = True) -> Session | None:
        """The session of a number; None where it has ended or never was. A page that lies open does not use it."""
        now = self._clock()
        with self._lock:
            self._drop_old(now)
            found = self._sessions.get(number)
            if found and uses:
                found.used = now
            return found

    def end(self, number: str) -> Session | None:
        """The session that ends by this; None where there was none."""
        with self._lock:
            return self._sessions.pop(number, None)

    def csrf_token(self, number: str) -> str:
        """What forms of pages for this number carry: other sites can have them sent, and cannot know it."""
        return hmac.new(self._key, number.encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, token: str, number: str) -> bool:
        return hmac.compare_digest(token.encode(), self.csrf_token(number).encode())

    def _drop_old(self, now: float) -> None:
        over = [number for number, one in self._sessions.items() if now - one.used > IDLE or now - one.begun > LONGEST]
        for number in over:
            del self._sessions[number]


def new_number() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def is_number(text: str) -> bool:
    """Whether it has the form of one of ours."""
    return re.fullmatch(r"[\w-]{43}", text, re.ASCII) is not None
