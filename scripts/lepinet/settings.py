"""Addresses, keys and folders that git must not hold: from the environment, `.env` or Colab's secrets."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from lepinet.errors import UsageError

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", re.ASCII)
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?:#.*)?""")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_COLAB_SECONDS = 10
_TOKEN = re.compile(r"[!-~]+")
_OPENING = ("SUPABASE_SERVICE_KEY", "SUPABASE_USER_")
"""How the names of settings begin that open a Supabase project."""


@dataclass(frozen=True)
class Settings:
    """Values by name: the environment's wins over `.env`'s, that one over Colab's. Its text shows none of them."""

    environ: Mapping[str, str] = field(repr=False)
    dotenv: Mapping[str, str] = field(repr=False, default_factory=dict)
    colab: Callable[[str], str | None] | None = field(repr=False, default=None)
    """Asks Colab for one secret; None outside of Colab."""

    def get(self, name: str, environment: str | None = None) -> str | None:
        """The value, without spaces around it; None when it is missing or empty (as an absent secret is in CI).

        Args:
            name: such as `DATABASE_URL`.
            environment: one of `models.yaml`; `DATABASE_URL_PRODUCTION` then goes before `DATABASE_URL`.
        """
        own = _own(name, environment) if environment else name
        return self._find(own) or (self._find(name) if own != name else None)

    def name_of(self, name: str, environment: str) -> str:
        """The setting whose value `get` takes; arguments as there."""
        own = _own(name, environment)
        return own if self._find(own) else name

    def token(self, name: str, environment: str | None = None) -> str | None:
        """As `get`, of what is sent in a header.

        Raises:
            UsageError: it could not be sent; it is looked at here, since errors of HTTP clients quote what they refuse.
        """
        value = self.get(name, environment)
        if value is not None and not _TOKEN.fullmatch(value):
            named = self.name_of(name, environment) if environment else name
            raise UsageError(f"{named} is no token: it holds spaces or letters that none has")
        return value

    def as_user(self, tokens: Mapping[str, str]) -> Settings:
        """The same for somebody who has signed in, without what opens more than that user may read.

        Args:
            tokens: the user's, by environment.
        """
        own = {_own("SUPABASE_USER_TOKEN", environment): token for environment, token in tokens.items()}
        kept, dotenv = (
            {name: value for name, value in values.items() if not name.startswith(_OPENING)}
            for values in (self.environ, self.dotenv)
        )
        return Settings({**kept, **own}, dotenv)

    @property
    def home(self) -> Path:
        """Where this machine keeps what is no repository's business: LEPINET_HOME, else the user's data folder.

        Never from `.env`: a checkout that names the place could bring answers of its own with it.

        Raises:
            UsageError: the user has no home folder, and LEPINET_HOME is not set.
        """
        named = self.environ.get("LEPINET_HOME", "").strip()
        data = self.environ.get("XDG_DATA_HOME") or "~/.local/share"
        try:
            return Path(named or Path(data, "lepinet")).expanduser().absolute()
        except RuntimeError:
            raise UsageError("there is no home folder for LepiNet's data", todo="Set LEPINET_HOME to one.") from None

    @property
    def places(self) -> str:
        """Where a value was looked for, as the end of a sentence about one that is missing."""
        if self.colab is None:
            return "in the environment or in .env"
        return (
            'in the environment, in .env or in Colab\'s secrets (key icon, switch "Notebook access" on;'
            " a script started with ! cannot read them)"
        )

    def _find(self, name: str) -> str | None:
        for values in (self.environ, self.dotenv):
            if found := values.get(name, "").strip():
                return found
        return self.colab(name) if self.colab else None


def _own(name: str, environment: str) -> str:
    return f"{name}_{environment.upper().replace('-', '_')}"


def read_settings(folder: Path | None = None) -> Settings:
    """The settings of this process, with the `.env` of `folder` (default: the working directory) if there is one.

    Raises:
        UsageError: there is a `.env` that cannot be read.
    """
    return Settings(dict(os.environ), _read_dotenv((folder or Path()) / ".env"), _colab())


def parse_dotenv(text: str) -> dict[str, str]:
    """`KEY=VALUE` lines, `export` allowed; quotes around a value are dropped, and nothing in it is expanded or run.

    Without quotes a value ends before ` #`. A name that comes twice has the last value. Other lines are skipped.
    """
    values = {}
    for line in text.split("\n"):
        if found := _ASSIGNMENT.fullmatch(line.rstrip()):
            name, value = found.groups()
            quoted = _QUOTED.fullmatch(value)
            values[name] = quoted[2] if quoted else _COMMENT.sub("", value).strip()
    return values


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():  # virtual environments are called .env too
        return {}
    try:
        return parse_dotenv(path.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path.absolute())) from None


def _colab() -> Callable[[str], str | None] | None:
    try:
        ask: Callable[[str], str] = import_module("google.colab.userdata").get
    except (ImportError, AttributeError):
        return None

    def secret(name: str) -> str | None:
        answers: list[str] = []

        def fetch() -> None:
            with suppress(Exception):  # not there, not allowed, no notebook around: each means no value
                answers.append(ask(name))

        # Colab itself waits without end when the notebook's page was closed, as it is after a long training.
        asking = threading.Thread(target=fetch, daemon=True)
        asking.start()
        asking.join(_COLAB_SECONDS)
        return answers[0].strip() or None if answers else None

    return secret
