"""What the server writes to stderr: lines for a person on a terminal, else JSON, an object a line.

Neither photos nor who sent them: no address, no query, no header but the request's id.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from lepinet.report.escape import columns_for_terminal, for_terminal
from lepinet.serving.refusal import ErrorKind
from lepinet.target import Target


@dataclass
class Handling:
    """One request, as far as it is known; whoever handles it fills in the rest."""

    id: str
    method: str
    path: str
    status: int = 0
    """0: nothing was answered."""
    seconds: float = 0
    model: Target | None = None
    """What answered the photo."""
    error: ErrorKind | None = None


class Log:
    """Who stops reading stops nothing."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json

    def say(self, text: str) -> None:
        """Something that happened, which no request asked for."""
        self._write(text, {"message": text})

    def fetching(self, what: str, total: int) -> Callable[[int], None]:
        """A model of so many bytes comes from the Hub; nobody counts along."""
        self.say(f"fetching {what} from the Hub: {total / 1e6:,.1f} MB")
        return lambda _: None

    def request(self, handled: Handling) -> None:
        facts: dict[str, object] = {
            "request_id": handled.id,
            "method": for_terminal(handled.method, 20),
            "path": for_terminal(handled.path, 200),
            "status": handled.status,
            "milliseconds": round(handled.seconds * 1000, 1),
        }
        if handled.model:
            facts |= {"version": handled.model.version, "revision": handled.model.revision}
        if handled.error:
            facts["error"] = handled.error
        version = handled.model.version or handled.model.revision if handled.model else None
        told = (facts["status"], facts["method"], facts["path"], f"{facts['milliseconds']} ms", version, handled.error)
        self._write(" ".join(str(one) for one in (*told, f"({handled.id})") if one is not None), facts)

    def failure(self, handled: Handling, error: Exception) -> None:
        """A mistake of ours, with all that is needed to find it."""
        told = "".join(traceback.format_exception(error))
        self._write(f"{handled.id} failed:\n{told}", {"request_id": handled.id, "traceback": told})

    def take_over(self) -> None:
        """Have warnings of the libraries written here as well."""
        logging.basicConfig(handlers=[_Handler(self)], level=logging.WARNING, force=True)

    def _write(self, text: str, facts: dict[str, object]) -> None:
        now = datetime.now(UTC)
        if self._as_json:
            line = json.dumps({"time": now.isoformat(timespec="milliseconds"), **facts})
        else:
            line = "\n".join(map(columns_for_terminal, f"{now.astimezone():%H:%M:%S} {text}".splitlines()))
        with suppress(OSError):
            self._stream.write(f"{line}\n")
            self._stream.flush()


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.say(self.format(record))
