"""The same pages as files that need no server, made by asking the app itself: what changes something is left out."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

from lepinet.dashboard.app import create_app
from lepinet.dashboard.doors import OpenDoor
from lepinet.dashboard.place import Site
from lepinet.dashboard.rewriting import Rewritten, followed
from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.files import inside, read_small
from lepinet.report.wording import moment
from lepinet.workflow.workspace import Workspace

FIRST: Final = ("/", "/versions", "/species", "/known-images", "/deployments")
"""The pages that every export has; others follow from their links."""
_MOST: Final = 200
_LISTED: Final = ".lepinet-dashboard"
"""The file that names what an export has written: a later one takes away that, and nothing else."""
_KINDS: Final = {"image/jpeg": "jpg", "image/svg+xml": "svg", "text/css": "css", "text/javascript": "js"}


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    pages: int
    files: int
    """Pages, and what they load."""
    left_out: int
    """Pages that are linked and were too many."""


def export(site: Site, folder: Path, most: int = _MOST) -> Exported:
    """Write the pages, as this machine's own settings may read them; the same state gives the same files.

    Args:
        site: the dashboard's; whoever reads the files sees what it shows.
        folder: empty, not there yet, or made by an earlier export.
        most: so many pages, those that are reached first; links beyond them are plain text.

    Raises:
        UsageError: the folder holds something else.
        RefusedError: one of its files is a link, or leads out of it; nothing was written.
        OutsideError: a page cannot be made; nothing was written.
    """
    before = _made_before(folder)
    notice = _notice(site.main.now())
    files, found = asyncio.run(_Crawl(create_app(replace(site, door=OpenDoor(""), aside=None)), notice, most).files())
    # GitHub Pages would leave out what begins with an underscore.
    written = {**files, ".nojekyll": b"", _LISTED: "\n".join(sorted(files)).encode()}
    old, new = ([_own(folder, name) for name in names] for names in (before, written))
    for file in old:
        file.unlink(missing_ok=True)
    for file, content in zip(new, written.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return found


def _notice(workspace: Workspace) -> str:
    """What is shown, and from when: not the time of the export, for the same state gives the same files.

    Raises:
        LepinetError: a registry does not answer.
    """
    commit, moments = workspace.standing.commit, list[datetime]()
    for environment in workspace.manifest.environments:
        with workspace.registry(environment) as registry:
            moments += [row.ended_at or row.begun_at for row in registry.history(environment, page=1)]
            moments += [run.at for run in registry.monitored_accuracy(environment)[-1:]]
    told = f", and the registry, whose newest entry is of {moment(max(moments))}" if moments else ""
    return f"Read-only: main at {commit.id[:7]}, of {moment(commit.at)}{told}."


def _made_before(folder: Path) -> tuple[str, ...]:
    """Names of the files of an earlier export."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return ()
    if not (folder / _LISTED).is_file():
        raise UsageError(
            "holds something that no export has made", where=str(folder), todo="name a folder that is not there yet"
        )
    try:
        names = read_small(folder / _LISTED).decode().splitlines()
    except UnicodeDecodeError:
        names = [""]
    if not all(names):
        raise UsageError(
            "is no list of files that an export has written",
            where=str(folder / _LISTED),
            todo="remove the folder, or name one that is not there yet",
        )
    return tuple(names)


def _own(folder: Path, name: str) -> Path:
    """The file of a name, which leads through no link: what is written would land in somebody's file."""
    file = inside(folder, name)
    if file != Path(os.path.realpath(folder), name):
        raise RefusedError("is a link, or lies behind one", where=str(folder / name), todo="remove it, or the folder")
    return file


class _Crawl:
    """Asks an app for its pages, one after the other, and for what they load."""

    def __init__(self, app: ASGIApp, notice: str, most: int) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._notice = notice
        self._most = most
        self._pages: dict[str, str] = {}
        """Documents by address."""
        self._loaded: dict[str, str] = {}
        """Names of what pages load, by address."""
        self._left_out: set[str] = set()

    async def files(self) -> tuple[Mapping[str, bytes], Exported]:
        """Contents by name."""
        async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost", timeout=600) as client:
            loads = await self._ask_for_pages(client)
            # Together, so that one process makes the thumbnails of many photos.
            loaded = await asyncio.gather(*(self._load(client, address) for address in loads))
        files = {name: content for one in loaded for name, content in one.items()}
        for address, document in self._pages.items():
            files[_file(address)] = self._rewritten(document).text.encode()
        return files, Exported(len(self._pages), len(files), len(self._left_out - self._pages.keys()))

    async def _ask_for_pages(self, client: httpx.AsyncClient) -> tuple[str, ...]:
        """Each page that is reached, until they are enough; the addresses of what they load."""
        waiting, seen = list(FIRST), set(FIRST)
        loads: dict[str, None] = {}
        while waiting:
            address = waiting.pop(0)
            answer = await client.get(address)
            if answer.status_code != httpx.codes.OK:
                if address in FIRST:
                    what = f"the page {address} cannot be made (HTTP {answer.status_code})"
                    raise OutsideError(what, todo="lepinet status, or the same page of lepinet dashboard, tells why")
                continue
            self._pages[address] = answer.text
            page = self._rewritten(answer.text)
            loads |= dict.fromkeys(page.loads)
            for link in page.links:
                if link in seen:
                    continue
                if len(seen) < self._most:
                    seen.add(link)
                    waiting.append(link)
                else:
                    self._left_out.add(link)
        return tuple(loads)

    async def _load(self, client: httpx.AsyncClient, address: str) -> Mapping[str, bytes]:
        """Nothing of a photo that cannot be decoded."""
        answer = await client.get(address)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status_code != httpx.codes.OK or kind not in _KINDS:
            return {}
        path = urlsplit(address).path.strip("/")
        name = path if "." in path else f"{path}.{_KINDS[kind]}"
        self._loaded[address] = name
        return {name: answer.content}

    def _rewritten(self, document: str) -> Rewritten:
        return Rewritten(document, self._file_of, self._notice)

    def _file_of(self, address: str) -> str | None:
        """The file of an address, as a page beside it names it; None where it has none."""
        page = followed(address)
        return _file(page) if page in self._pages else self._loaded.get(address)


def _file(address: str) -> str:
    """The name of a page's file; the same address has the same one in each export."""
    parts = urlsplit(address)
    stem = parts.path.strip("/") or "index"
    return f"{stem}-{hashlib.sha256(parts.query.encode()).hexdigest()[:12]}.html" if parts.query else f"{stem}.html"
