"""How often somebody may try: counted in this process's memory, by the address they come from and by the account."""

from __future__ import annotations

from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

SIGN_IN: Final = parse("5 per 5 minutes")
"""For one account since its last success, wherever they come from."""
SIGN_IN_FROM: Final = parse("20 per 5 minutes")
"""From one address, whatever the account; a school or an office may share one."""
UPLOAD: Final = parse("60 per 10 minutes")
"""Photos of one person."""


class Attempts:
    """Attempts so far, each limit and each name by itself."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, limit: RateLimitItem, *names: str) -> bool:
        """Make one; False where it is one too many."""
        return self._limiter.hit(limit, *names)

    def forget(self, limit: RateLimitItem, *names: str) -> None:
        """Begin anew, after one that succeeded."""
        self._limiter.clear(limit, *names)
