"""The process that serves the dashboard, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from lepinet.dashboard.address import Address
from lepinet.dashboard.app import create_app
from lepinet.dashboard.attempts import Attempts
from lepinet.dashboard.doors import NAME_YOURSELF, Door, OpenDoor, door_of, entry_of
from lepinet.dashboard.links import Links
from lepinet.dashboard.live import Live, Looking, Source, sources_of
from lepinet.dashboard.main_line import MainLine
from lepinet.dashboard.place import Site, seen_by
from lepinet.dashboard.remembered import Remembered
from lepinet.dashboard.sessions import Sessions
from lepinet.dashboard.thumbnails import Thumbnails
from lepinet.http_server import Server, listener
from lepinet.registry.kinds import embedded_folder
from lepinet.workflow.propose import repository_at
from lepinet.workflow.workspace import Workspace

_ELSEWHERE = "stop what listens there, or choose another: --port 8081"


def serve(
    workspace: Workspace,
    *,
    host: str,
    port: int,
    url: str | None,
    on_ready: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Serve pages until SIGTERM or SIGINT. Must run in the main thread.

    Args:
        workspace: the repository; its main is shown, whatever is checked out.
        host: where to listen.
        port: 0 for any free one.
        url: where people reach it, when that is not here.
        on_ready: told the URL as soon as it can be asked.
        say: told what went wrong unexpectedly.

    Raises:
        UsageError: others could come in unasked, or a setting is missing.
        OutsideError: the port is taken.
        LepinetError: main's models.yaml or known images cannot be read.
    """
    with site_of(workspace, host=host, url=url, say=say) as site, listener(host, port, _ELSEWHERE) as listening:
        if isinstance(site.door, OpenDoor) and not site.door.is_named:
            say(f"nobody has said who you are, so changes are asked for by {site.door.person}: {NAME_YOURSELF}")
        server = Server(create_app(site), drain=3, head=site.timings.head)
        where = url or f"http://{host}:{listening.getsockname()[1]}"
        asyncio.run(_until_told(server, listening, partial(on_ready, where)))


@contextmanager
def site_of(workspace: Workspace, *, host: str, url: str | None, say: Callable[[str], None]) -> Iterator[Site]:
    """What all requests share; arguments and errors as `serve`."""
    address = Address.of(host, url)
    with ExitStack() as stack:
        main = stack.enter_context(closing(MainLine(workspace)))
        shown = main.now()
        if any(one.registry.kind == "embedded" for one in shown.manifest.environments.values()):
            # Held, since PostgreSQL would otherwise stop and start with each page.
            from lepinet.registry.embedded import EmbeddedServer  # noqa: PLC0415 -- not on Windows, where others work

            stack.enter_context(EmbeddedServer(embedded_folder(shown.data)))
        door, sessions = door_of(shown, host), Sessions()
        yield Site(
            main=main,
            door=door,
            address=address,
            sessions=sessions,
            attempts=Attempts(),
            links=Links(repository_at(workspace.git.origin() or "")),
            live=_live(main, door, sessions, shown.timings.look),
            say=say,
            thumbnails=Thumbnails(shown.cache / "thumbnails", shown.timings),
            remembered=Remembered(),
            timings=shown.timings,
        )


def _live(main: MainLine, door: Door, sessions: Sessions, every: float) -> Live:
    def is_in(number: str) -> bool:
        return not door.asks or sessions.find(number, uses=False) is not None

    def asked() -> Workspace | None:
        """As the first of those who follow that is still in."""
        entries = (entry_of(door, sessions, number, uses=False) for number in live.numbers)
        entry = next((entry for entry in entries if entry), None)
        return seen_by(entry, main) if entry else None

    def tips() -> tuple[str, Mapping[str, str]]:
        """Of main, and of the branches here: without GitHub they are the changes that wait."""
        git = main.now().git
        return git.head(), git.branches()

    def sources() -> tuple[Source, ...]:
        return *sources_of(main.now(), asked), Looking(tips, every, "git", before=tips())

    live = Live(sources, is_in, every)
    return live


async def _until_told(server: Server, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    # Said only now: who knows of this process may also tell it to stop.
    on_ready()
    await server.serve([listening])
