"""Main as it is now, in a working tree of the dashboard's own: what somebody has only begun is shown to nobody."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.dashboard.outages import Outages
from lepinet.errors import LepinetError
from lepinet.workflow.workspace import Workspace

_FETCH_EVERY = 30
"""Seconds between two looks at origin, while somebody looks at pages."""


@dataclass(frozen=True)
class _Shown:
    commit: str
    workspace: Workspace


@dataclass(frozen=True)
class _Unreadable:
    commit: str
    """Empty where there is no main."""
    why: str


class MainLine:
    """Main's newest commit, followed as it moves. Several threads may ask.

    Args:
        workspace: the repository, whatever is checked out there.
        clock: seconds that only grow.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        self._repository = workspace
        self._clock = clock
        self._outages = Outages(workspace.timings.outage, workspace.timings.doubt)
        self._scratch = TemporaryDirectory(prefix="lepinet-dashboard-")
        self._folders = (Path(self._scratch.name, str(number)) for number in count(1))
        of_main = re.escape(self._scratch.name) + r"/\d+"
        # The clone may lie at /versions, say: a link to that page is in quotes, or comes after a host.
        clone = rf"(?<![\w.:/\"-]){re.escape(escape(str(workspace.git.root)))}(?![\w.-])"
        self._folder = re.compile(f"(?:{of_main}|{clone})(/|: )?")
        self._lock = threading.Lock()
        self._shown: list[_Shown] = []
        """The newest last; the one before it may still be read in."""
        self._unreadable: _Unreadable | None = None
        self._unreached: str | None = None
        self._fetching: threading.Thread | None = None
        self._fetched = clock() - _FETCH_EVERY

    @property
    def trouble(self) -> str | None:
        """Why pages show main as it was before: origin does not answer, or nobody can read what main has now."""
        return self._unreached or (self._unreadable.why if self._unreadable else None)

    def now(self) -> Workspace:
        """Main's newest commit that can be read, all that pages read of it read already.

        Raises:
            LepinetError: there is no main, or none of its commits since the dashboard began can be read.
        """
        self._fetch_in_time()
        git = self._repository.git
        try:
            commit = git.resolve(git.main())
        except LepinetError as error:
            with self._lock:
                if not self._shown:
                    raise
                self._unreadable = _Unreadable("", str(error))
                return self._shown[-1].workspace
        with self._lock:
            if self._shown and self._shown[-1].commit == commit:
                self._unreadable = None
            elif not self._unreadable or self._unreadable.commit != commit:
                self._go_on_to(commit)
            return self._shown[-1].workspace

    def without_folders(self, text: str) -> str:
        """What a browser is told, as HTML: files named as in the repository, not where they lie on this machine."""
        return self._folder.sub(lambda found: "" if found[1] else "the repository", text)

    def wait(self) -> None:
        """Until nothing more comes from origin by itself."""
        if self._fetching:
            self._fetching.join()

    def close(self) -> None:
        self.wait()
        while self._shown:
            self._leave(self._shown.pop().workspace.root)
        self._scratch.cleanup()

    def _go_on_to(self, commit: str) -> None:
        there, folder = self._repository, next(self._folders)
        workspace = replace(there, git=there.git.check_out(commit, folder), asking=self._outages.asking)
        try:
            workspace.read_ahead()
        except LepinetError as error:
            self._leave(folder)
            if not self._shown:
                raise
            self._unreadable = _Unreadable(commit, str(error))
            return
        self._unreadable = None
        self._shown.append(_Shown(commit, workspace))
        while len(self._shown) > 2:
            self._leave(self._shown.pop(0).workspace.root)

    def _leave(self, folder: Path) -> None:
        self._repository.git.leave(folder)

    def _fetch_in_time(self) -> None:
        """Look at origin now and then, while pages are shown as main is known: nobody waits for another server."""
        with self._lock:
            now = self._clock()
            if now - self._fetched < _FETCH_EVERY or (self._fetching and self._fetching.is_alive()):
                return
            self._fetched = now
            self._fetching = threading.Thread(target=self._fetch, name="fetch", daemon=True)
            self._fetching.start()

    def _fetch(self) -> None:
        try:
            self._repository.git.fetch_main()
        except LepinetError as error:
            self._unreached = str(error)
        else:
            self._unreached = None
