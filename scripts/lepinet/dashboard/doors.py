"""How somebody comes in: by an account of the project, by the machine's token, or by sitting at this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol

from lepinet.dashboard.address import is_loopback
from lepinet.dashboard.sessions import Entry, Sessions
from lepinet.errors import LepinetError, OutsideError, RefusedError, UsageError
from lepinet.manifest.model import RegistrySettings
from lepinet.registry import accounts
from lepinet.registry.accounts import NotSignedInError
from lepinet.registry.kinds import users_project
from lepinet.registry.project import Project, User
from lepinet.registry.sign_in import SignedIn
from lepinet.workflow.workspace import Workspace, actor, actor_s_name

TOKEN: Final = "LEPINET_DASHBOARD_TOKEN"  # noqa: S105 -- the name of a setting
NAME_YOURSELF: Final = 'git config --global user.name "Your name", then start the dashboard again'
"""What whoever sits at this machine can do who has no name here."""
_SHORTEST: Final = 32
_ROLE: Final = "admin"
_SPARE: Final = 300
"""Seconds before its end in which an account is renewed."""


class NotAdminError(RefusedError):
    """Somebody of the project, who may not look here."""


class Door(Protocol):
    """Who may come in."""

    @property
    def asks(self) -> tuple[str, ...]:
        """Fields of the sign-in form; none where nobody is asked."""
        ...

    def enter(self, said: Mapping[str, str]) -> Entry:
        """Let somebody in who has said this.

        Raises:
            NotSignedInError: it is wrong.
            NotAdminError: it is right, and not enough.
            OutsideError: nobody can tell now.
        """
        ...

    def stay(self, entry: Entry) -> Entry:
        """The entry as it counts from now on; errors as `enter`."""
        ...

    def leave(self, entry: Entry) -> None:
        """End what `enter` began."""
        ...


def door_of(workspace: Workspace, host: str) -> Door:
    """The project's accounts where an environment's registry has them, else the token that is set, else this machine.

    Raises:
        UsageError: others could come in unasked, or a setting is missing or cannot be right.
    """
    hosted = {
        name: declared.registry
        for name, declared in workspace.manifest.environments.items()
        if declared.registry.kind == "supabase"
    }
    if hosted:
        return AccountDoor(workspace, hosted)
    if token := workspace.settings.get(TOKEN):
        return TokenDoor(token)
    if not is_loopback(host):
        raise UsageError(
            f"{host} is open to other machines, and there is no {TOKEN} {workspace.settings.places}",
            todo=f"set {TOKEN} to {_SHORTEST} characters or more that nobody guesses: openssl rand -hex 32",
        )
    return OpenDoor(actor(workspace), is_named=actor_s_name(workspace) is not None)


def entry_of(door: Door, sessions: Sessions, number: str, *, uses: bool = True) -> Entry | None:
    """What a browser's number stands for now; None, and the end of its session, where it counts no more."""
    if not door.asks:
        return door.enter({})
    session = sessions.find(number, uses=uses)
    if session is None:
        return None
    try:
        with session.renewing:
            session.entry = door.stay(session.entry)
    except (NotSignedInError, NotAdminError, OutsideError):
        sessions.end(number)
        return None
    return session.entry


@dataclass(frozen=True)
class OpenDoor:
    """Whoever sits at this machine comes in: they could read the registry without us."""

    person: str
    is_named: bool = True
    """Else `person` is a number: nobody has said who sits there."""
    asks: tuple[str, ...] = ()

    def enter(self, said: Mapping[str, str]) -> Entry:
        del said
        return Entry(self.person, is_named=self.is_named)

    def stay(self, entry: Entry) -> Entry:
        return entry

    def leave(self, entry: Entry) -> None:
        """Nothing was begun."""


@dataclass(frozen=True)
class TokenDoor:
    """Whoever knows the token comes in.

    Raises:
        UsageError: it is short enough to be guessed.
    """

    token: str = field(repr=False)
    asks: tuple[str, ...] = ("token",)

    def __post_init__(self) -> None:
        if len(self.token) < _SHORTEST:
            raise UsageError(f"{TOKEN} has less than {_SHORTEST} characters", todo="openssl rand -hex 32 makes one")

    def enter(self, said: Mapping[str, str]) -> Entry:
        if not hmac.compare_digest(said.get("token", "").encode(), self.token.encode()):
            raise NotSignedInError("this is not the token")
        return Entry("whoever has the token")

    def stay(self, entry: Entry) -> Entry:
        return entry

    def leave(self, entry: Entry) -> None:
        """Nothing was begun."""


class AccountDoor:
    """Users of the Supabase projects come in who are admins in each of them; what they read, the projects decide.

    Args:
        workspace: whose settings know the projects' publishable keys.
        hosted: the registries of kind supabase, by environment.

    Raises:
        UsageError: a project's URL or its publishable key is missing or cannot be right.
    """

    asks = ("email", "password")

    def __init__(self, workspace: Workspace, hosted: Mapping[str, RegistrySettings]) -> None:
        self._workspace = workspace
        self._hosted = hosted
        self._projects(User("", ""))

    def enter(self, said: Mapping[str, str]) -> Entry:
        email, password = said.get("email", "").strip(), said.get("password", "")
        if not email or not password:
            raise NotSignedInError("e-mail and password are needed")
        user = User(email, password)
        by_environment = self._projects(user)
        entered: dict[Project, SignedIn] = {}
        try:
            for project in dict.fromkeys(by_environment.values()):
                entered[project] = accounts.sign_in(project, user, self._workspace.timings)
                _require_admin(project, entered[project])
        except LepinetError:
            self._sign_out(entered)
            raise
        return Entry(email, {name: entered[project] for name, project in by_environment.items()})

    def stay(self, entry: Entry) -> Entry:
        old = [one for one in entry.accounts.values() if monotonic() > one.ends - _SPARE]
        if not old:
            return entry
        projects = self._projects(User(entry.person))
        renewed: dict[Project, SignedIn] = {}
        for name, account in entry.accounts.items():
            project = projects[name]
            if account in old and project not in renewed:
                renewed[project] = self._renewed(project, account)
        kept = {name: renewed.get(projects[name], account) for name, account in entry.accounts.items()}
        return Entry(entry.person, kept)

    def leave(self, entry: Entry) -> None:
        projects = self._projects(User(entry.person))
        self._sign_out({projects[name]: account for name, account in entry.accounts.items()})

    def _projects(self, user: User) -> dict[str, Project]:
        settings = self._workspace.settings
        return {name: users_project(kind, name, settings, user) for name, kind in self._hosted.items()}

    def _renewed(self, project: Project, account: SignedIn) -> SignedIn:
        try:
            renewed = accounts.renew(project, account, self._workspace.timings)
        except OutsideError:
            if monotonic() > account.ends:
                raise
            return account
        _require_admin(project, renewed)
        return renewed

    def _sign_out(self, entered: Mapping[Project, SignedIn]) -> None:
        for project, account in entered.items():
            # What cannot be ended ends by itself; the browser has lost its number all the same.
            with suppress(LepinetError):
                accounts.sign_out(project, account, self._workspace.timings)


def _require_admin(project: Project, account: SignedIn) -> None:
    if account.role != _ROLE:
        raise NotAdminError(
            "this account may not look here",
            where=project.host,
            todo="ask the project's owner, who grants it: lepinet admin add E-MAIL",
        )
