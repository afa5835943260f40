"""A Supabase project's address and key, read and checked before anything is sent to it."""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from lepinet.errors import UsageError
from lepinet.manifest.fields import PROJECT_URL

_HOSTED: Final = re.compile(r"(?P<reference>[a-z0-9]{20})\.supabase\.co")
_DASHBOARD: Final = re.compile(
    r"https?://(app\.|www\.)?supabase\.(com|io)/dashboard/project/(?P<reference>[a-z0-9]{20})"
)
_PATH: Final = re.compile(r"(https?://[^/?#\s]+)[/?#]")
_KEY: Final = re.compile(r"[A-Za-z0-9_.=+/-]+")
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+")
_KEYS: Final = re.compile(r"sb_(?:secret|publishable)_|\beyJ")
"""How keys and tokens begin."""
_SERVICE_KEY: Final = "SUPABASE_SERVICE_KEY"
_USERS_KEY: Final = "SUPABASE_PUBLISHABLE_KEY"
_READS_LITTLE: Final = "may read the active version and nothing else"
_RIGHT_KEY: Final = (
    "it is the project's secret key, sb_secret_…, or the old kind's service_role (in its dashboard: Settings, API Keys)"
)
_RIGHT_USERS_KEY: Final = (
    "it is the project's publishable key, sb_publishable_…, or the old kind's anon (in its dashboard: Settings, "
    "API Keys)"
)


@dataclass(frozen=True)
class User:
    """A user of a project, whose `app_metadata.role` says what it may do: by password, or signed in elsewhere."""

    email: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """What signing in elsewhere gave; it counts for an hour, unless the project says otherwise."""


@dataclass(frozen=True)
class Project:
    """Where a project answers, and a key that opens all of it, or a user and the key for users. Its text shows no key.

    Raises:
        UsageError: one of them cannot be right. None is repeated: a key may stand in the place of the URL.
    """

    url: str
    key: str = field(repr=False)
    user: User | None = None

    def __post_init__(self) -> None:
        _check_url(self.url)
        if self.user is None:
            _check_key(self.key, self.reference)
        else:
            _check_user(self.user)
            _check_users_key(self.key, self.reference)
            _check_token(self.user.token)

    @property
    def host(self) -> str:
        """For messages."""
        return urlsplit(self.url).netloc

    @property
    def reference(self) -> str | None:
        return reference(self.url)

    @property
    def on_this_machine(self) -> bool:
        return self.url.startswith("http://")

    @property
    def bearer(self) -> str:
        """What calls carry as their Authorization, as long as nobody has signed in by password."""
        return (self.user.token if self.user else "") or self.key

    @property
    def opened_by(self) -> str:
        """The kind of key, in words."""
        if self.user:
            return f"{self.user.email}, who signs in" if self.user.password else "a user's token"
        return "the secret key" if self.key.startswith("sb_secret_") else "the service_role key, of the old kind"

    @property
    def key_setting(self) -> str:
        """Where the key stands."""
        return _USERS_KEY if self.user else _SERVICE_KEY

    @property
    def key_ended(self) -> datetime | None:
        """Since when the key does not count any more, by this machine's clock; None when that cannot be said."""
        return _ended(self.key)

    @property
    def token_ended(self) -> datetime | None:
        """The same of the user's token."""
        return _ended(self.user.token) if self.user else None

    def hidden(self, text: str, *others: str) -> str:
        """Somebody else's text without the key, what the user signs in with and `others`, should it quote them."""
        mine = (self.user.password, self.user.token) if self.user else ()
        for secret in filter(None, (self.key, *mine, *others)):
            for written in (secret, json.dumps(secret)[1:-1]):  # as it is, and within quoted JSON
                text = text.replace(written, "***")
        return text


def reference(url: str) -> str | None:
    """What Supabase calls the project at a URL; None at an address of somebody's own."""
    found = _HOSTED.fullmatch(urlsplit(url).hostname or "")
    return found["reference"] if found else None


def _check_url(url: str) -> None:
    if re.fullmatch(PROJECT_URL, url):
        return
    todo = "it is like https://abcdefghijklmnopqrst.supabase.co (in the project's dashboard: Connect, API)"
    if found := _DASHBOARD.match(url):
        raise UsageError("SUPABASE_URL is the dashboard's", todo=f"it is https://{found['reference']}.supabase.co")
    if (found := _PATH.match(url)) and re.fullmatch(PROJECT_URL, found[1]):
        raise UsageError("SUPABASE_URL goes on behind the host: a project's URL has no path", todo=todo)
    if re.fullmatch(PROJECT_URL, f"https://{url}") and url.islower():  # keys of the old kind have capitals
        raise UsageError("SUPABASE_URL has no https:// in front", todo=todo)
    if url.startswith("http://"):
        raise UsageError("SUPABASE_URL is not https: everybody on the way could read the key", todo=todo)
    if url.startswith(("postgresql://", "postgres://")):
        raise UsageError("SUPABASE_URL is a connection string, as DATABASE_URL is", todo=todo)
    raise UsageError("SUPABASE_URL is no project's URL, which has no path, user, quotes or spaces", todo=todo)


def _check_key(key: str, project: str | None) -> None:
    if key.startswith("sb_secret_") and _KEY.fullmatch(key):
        return
    if key.startswith("sb_publishable_"):
        raise UsageError(f"{_SERVICE_KEY} is the publishable key, which {_READS_LITTLE}", todo=_RIGHT_KEY)
    claims = _claims(key)
    if claims.get("role") == "anon":
        raise UsageError(f"{_SERVICE_KEY} is the anon key, which {_READS_LITTLE}", todo=_RIGHT_KEY)
    if claims.get("role") != "service_role":
        raise UsageError(f"{_SERVICE_KEY} is no key that opens a project{_pasted(key)}", todo=_RIGHT_KEY)
    _check_project(claims, project, _SERVICE_KEY)


def _check_users_key(key: str, project: str | None) -> None:
    if key.startswith("sb_publishable_") and _KEY.fullmatch(key):
        return
    claims = _claims(key)
    if key.startswith("sb_secret_") or claims.get("role") == "service_role":
        raise UsageError(f"{_USERS_KEY} is the secret key, which users do not need", todo=_RIGHT_USERS_KEY)
    if claims.get("role") != "anon":
        raise UsageError(f"{_USERS_KEY} is no key of a project{_pasted(key)}", todo=_RIGHT_USERS_KEY)
    _check_project(claims, project, _USERS_KEY)


def _pasted(key: str) -> str:
    """What came along with it, as the end of a sentence."""
    if re.search(r"\s", key):
        return ": it has a space or a line end within"
    return ": it has quotes around it, which are not a part of it" if re.search(r"[\"'`]", key) else ""


def _check_project(claims: Mapping[str, Any], project: str | None, setting: str) -> None:
    named = claims.get("ref")
    if project and named and named != project:
        raise UsageError(
            f"the key is the project {named}'s, and the URL {project}'s",
            todo=f"take both from one project; an environment's own are SUPABASE_URL_… and {setting}_…",
        )


def _check_user(user: User) -> None:
    if user.password and (not _ADDRESS.fullmatch(user.email) or _KEYS.search(user.email)):
        raise UsageError(
            "SUPABASE_USER_EMAIL is no user's address",
            todo="it is like asha@example.org (in the project's dashboard: Authentication, Users)",
        )


def _check_token(token: str) -> None:
    if token and _claims(token).get("role") != "authenticated":
        raise UsageError(
            "SUPABASE_USER_TOKEN is no token of a signed-in user",
            todo="it is the access_token that signing in gives; or set SUPABASE_USER_EMAIL and SUPABASE_USER_PASSWORD",
        )


def _ended(token: str) -> datetime | None:
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        ended = datetime.fromtimestamp(_claims(token)["exp"], UTC)
        return ended if ended < datetime.now(UTC) else None
    return None


def _claims(key: str) -> Mapping[str, Any]:
    """What a key of the old kind, a signed token, says of itself; nothing where it is none."""
    parts = key.split(".")
    if len(parts) != 3 or not _KEY.fullmatch(key):
        return {}
    with suppress(binascii.Error, ValueError):
        claims = json.loads(urlsafe_b64decode(parts[1] + "=="))
        return claims if isinstance(claims, dict) else {}
    return {}
