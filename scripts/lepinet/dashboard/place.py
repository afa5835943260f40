"""What a page reads: main as it is now, and the registries as the person who looks may read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from anyio import CapacityLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lepinet.dashboard.address import Address
from lepinet.dashboard.aside import Aside
from lepinet.dashboard.attempts import Attempts
from lepinet.dashboard.doors import Door
from lepinet.dashboard.links import Links
from lepinet.dashboard.live import Live
from lepinet.dashboard.main_line import MainLine
from lepinet.dashboard.remembered import Remembered
from lepinet.dashboard.sessions import Entry, Sessions
from lepinet.dashboard.thumbnails import Thumbnails
from lepinet.timings import Timings
from lepinet.workflow.workspace import Workspace

AT_ONCE: Final = 30
"""Pages and forms at a time that ask a registry or GitHub."""


@dataclass(frozen=True)
class Site:
    """What all requests share."""

    main: MainLine
    door: Door
    address: Address
    sessions: Sessions
    attempts: Attempts
    links: Links
    live: Live
    say: Callable[[str], None]
    """Told of what only the one who runs the dashboard should know: what went wrong unexpectedly."""
    thumbnails: Thumbnails
    remembered: Remembered
    timings: Timings
    aside: Aside | None = field(default_factory=Aside)
    """None: pages say only what git and the registry say."""
    reading: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(AT_ONCE))
    """The threads of pages and forms that ask a registry or GitHub."""


@dataclass(frozen=True)
class Visitor:
    """Who asks, as far as the door knows."""

    number: str
    """What the browser holds."""
    entry: Entry | None
    """None where nobody has come in."""


@dataclass(frozen=True)
class Place:
    """What one request may see."""

    workspace: Workspace
    """Main's newest commit; its registries answer as they answer this person."""
    person: str

    @property
    def listing(self) -> tuple[str, str]:
        """By which the list of changes, as this person was last shown it, is known."""
        return self.person, "changes"


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def visitor_of(request: Request) -> Visitor:
    visitor: Visitor = request.state.visitor
    return visitor


def place_of(request: Request) -> Place:
    """The place of somebody who has come in.

    Raises:
        HTTPException: 403, nobody has come in.
        LepinetError: main's models.yaml or known images cannot be read.
    """
    entry = visitor_of(request).entry
    if entry is None:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return Place(seen_by(entry, site_of(request).main), entry.person)


def seen_by(entry: Entry, main: MainLine) -> Workspace:
    """Main's newest commit, its registries asked with somebody's accounts; errors as `place_of`."""
    workspace = main.now()
    if not entry.accounts:
        return workspace
    tokens = {name: account.token for name, account in entry.accounts.items()}
    return workspace.asked_as(workspace.settings.as_user(tokens))
