"""Main as it is now, in a working tree of the dashboard's own: what somebody has only begun is shown to nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import LepinetError
from lepinet.workflow.workspace import Workspace

_FETCH_EVERY = 30
"""Seconds between two looks at origin, while somebody looks at pages."""


class MainLine:
    """Main's newest commit, followed as it moves. Several threads may ask.

    Args:
        workspace: the repository, whatever is checked out there.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        self._repository = workspace
        self._clock = clock
        self._scratch = TemporaryDirectory(prefix="lepinet-dashboard-")
        self._shown: list[tuple[str, Workspace]] = []
        self._lock = threading.Lock()
        self._fetching: threading.Thread | None = None
        self._fetched = clock() - _FETCH_EVERY
        self.trouble: str | None = None
        """Why origin could not be asked the last time; pages then show main as it was known before."""

    def now(self) -> Workspace:
        """Main's newest commit, all that pages read of it read already.

        Raises:
            LepinetError: there is no main, or its models.yaml or known images cannot be read.
        """
        self._fetch_in_time()
        git = self._repository.git
        commit = git.resolve(git.main())
        with self._lock:
            if not self._shown or self._shown[-1][0] != commit:
                self._shown.append((commit, self._checked_out(commit)))
                # Somebody may be reading in the one before.
                for old, _ in self._shown[:-2]:
                    git.leave(self._folder(old))
                del self._shown[:-2]
            return self._shown[-1][1]

    def close(self) -> None:
        if self._fetching:
            self._fetching.join()
        for commit, _ in self._shown:
            self._repository.git.leave(self._folder(commit))
        self._scratch.cleanup()

    def _checked_out(self, commit: str) -> Workspace:
        there = self._repository
        git = there.git.check_out(commit, self._folder(commit))
        workspace = Workspace(git, there.settings, there.timings, there.fetching)
        workspace.read_ahead()
        return workspace

    def _folder(self, commit: str) -> Path:
        return Path(self._scratch.name, commit[:12])

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
            self.trouble = None
        except LepinetError as error:
            self.trouble = str(error)
