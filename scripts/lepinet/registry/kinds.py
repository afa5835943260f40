"""The one table of registry kinds: what `models.yaml` calls them, and what speaks with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import assert_never

import psycopg

from lepinet.errors import UsageError
from lepinet.manifest.model import RegistrySettings
from lepinet.registry import Registry
from lepinet.registry.calls import Connection, explained
from lepinet.registry.postgres import Address, PostgresTransport
from lepinet.registry.project import Project, User, reference
from lepinet.registry.records import OldRow
from lepinet.settings import Settings
from lepinet.timings import Timings


@contextmanager
def open_registry(
    kind: RegistrySettings,
    environment: str | None,
    folder: Callable[[], Path],
    settings: Settings,
    timings: Timings,
    *,
    repository: str | None = None,
    asking: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Registry]:
    """The registry of one environment; nothing is asked or started before its first call.

    Args:
        kind: `registry` of the environment in `models.yaml`.
        environment: its name, which may have a database of its own; None where there are no environments.
        folder: tells where this machine keeps the repository's data; kinds that live elsewhere do not ask.
        settings: where the database's address is found.
        timings: every call's limits.
        repository: as for `Registry`.
        asking: as for `Registry`.

    Raises:
        UsageError: the address is missing or no address, or this kind cannot be had on this machine.
    """
    match kind.kind:
        case "postgres":
            yield Registry(PostgresTransport(_database_url(settings, environment), timings), repository, asking)
        case "embedded":
            # Imported here: what it is made of does not exist on Windows, where the other kinds work.
            from lepinet.registry.embedded import EmbeddedTransport  # noqa: PLC0415  # as said

            with closing(EmbeddedTransport(embedded_folder(folder()), timings)) as embedded:
                yield Registry(embedded, repository, asking)
        case "supabase":
            # Imported here: its client takes longer to load than most commands take.
            from lepinet.registry.supabase import SupabaseTransport  # noqa: PLC0415  # as said

            with closing(SupabaseTransport(_project(kind, settings, environment), timings)) as supabase:
                yield Registry(supabase, repository, asking)
        case _:
            assert_never(kind.kind)


def opened_by(kind: RegistrySettings, environment: str, settings: Settings) -> str:
    """What lets this machine in, in words; arguments and errors as `open_registry`."""
    match kind.kind:
        case "postgres":
            return "DATABASE_URL"
        case "embedded":
            return "this machine's user"
        case "supabase":
            return _project(kind, settings, environment).opened_by
        case _:
            assert_never(kind.kind)


def old_rows(
    kind: RegistrySettings, folder: Callable[[], Path], settings: Settings, timings: Timings
) -> tuple[OldRow, ...]:
    """The rows of `model_versions` as they stand, in a database that has seen no migration too.

    Arguments and errors as `open_registry`; the settings are those that every environment shares.
    """
    if kind.kind == "supabase":
        from lepinet.registry.supabase import SupabaseTransport  # noqa: PLC0415  # as above

        with closing(SupabaseTransport(_project(kind, settings, None), timings)) as supabase:
            return tuple(OldRow.model_validate(row) for row in supabase.rows("model_versions"))
    with open_database(kind, None, folder, settings, timings) as (connection, where):
        try:
            found = connection.execute("select to_jsonb(v) from public.model_versions v order by v.id").fetchall()
        except psycopg.Error as error:
            raise explained(error, where) from None
        return tuple(OldRow.model_validate(row) for (row,) in found)


def embedded_folder(folder: Path) -> Path:
    """Where the embedded registry lies among a repository's data on this machine."""
    return folder / "registry"


def _project(kind: RegistrySettings, settings: Settings, environment: str | None) -> Project:
    url = _required_url(kind, settings, environment)
    if key := settings.get("SUPABASE_SERVICE_KEY", environment):
        return Project(url, key)
    if user := _user(settings, environment):
        return Project(url, _users_key(settings, environment), user)
    raise UsageError(
        f"no SUPABASE_SERVICE_KEY {settings.places}",
        todo="It is the project's secret key, sb_secret_… (in its dashboard: Settings, API Keys). Or sign in as a user "
        "with less rights: SUPABASE_PUBLISHABLE_KEY, SUPABASE_USER_EMAIL and SUPABASE_USER_PASSWORD.",
    )


def users_project(kind: RegistrySettings, environment: str, settings: Settings, user: User) -> Project:
    """The Supabase project of an environment, as one of its users comes to it: no key that opens more is looked at.

    Raises:
        UsageError: its URL or its publishable key is missing, or cannot be right.
    """
    return Project(_required_url(kind, settings, environment), _users_key(settings, environment), user)


def owners_project(kind: RegistrySettings, environment: str, settings: Settings) -> Project:
    """The Supabase project of an environment, as its owner comes to it.

    Raises:
        UsageError: its URL or its secret key is missing, or cannot be right.
    """
    url = _required_url(kind, settings, environment)
    if key := settings.get("SUPABASE_SERVICE_KEY", environment):
        return Project(url, key)
    raise UsageError(
        f"no SUPABASE_SERVICE_KEY {settings.places}",
        todo="It is the project's secret key, sb_secret_… (in its dashboard: Settings, API Keys).",
    )


def names_somebody(settings: Settings, environment: str | None) -> bool:
    """Whether the settings say who asks a Supabase project: by its service key, or as one of its users."""
    return bool(settings.get("SUPABASE_SERVICE_KEY", environment) or _user(settings, environment))


def _user(settings: Settings, environment: str | None) -> User | None:
    if token := settings.get("SUPABASE_USER_TOKEN", environment):
        return User(token=token)
    email, password = (settings.get(f"SUPABASE_USER_{what}", environment) for what in ("EMAIL", "PASSWORD"))
    if not email:
        return None
    if not password:
        raise UsageError(
            f"no SUPABASE_USER_PASSWORD {settings.places}", todo="It is that of the user SUPABASE_USER_EMAIL."
        )
    return User(email, password)


def _users_key(settings: Settings, environment: str | None) -> str:
    if key := settings.get("SUPABASE_PUBLISHABLE_KEY", environment):
        return key
    raise UsageError(
        f"no SUPABASE_PUBLISHABLE_KEY {settings.places}",
        todo="It is sb_publishable_… (in the project's dashboard: Settings, API Keys).",
    )


def _required_url(kind: RegistrySettings, settings: Settings, environment: str | None) -> str:
    if url := _project_url(kind, settings, environment):
        return url
    raise UsageError(
        f"no SUPABASE_URL {settings.places}",
        todo="It is https://….supabase.co (in the project's dashboard: Connect, API).",
    )


def _project_url(kind: RegistrySettings, settings: Settings, environment: str | None) -> str | None:
    return kind.url or settings.get("SUPABASE_URL", environment)


def _require_project(address: Address, url: str | None) -> None:
    named = reference(url) if url else None
    if address.project and named and address.project != named:
        raise UsageError(
            f"DATABASE_URL leads to the project {address.project}, and SUPABASE_URL to {named}",
            todo="take both from one project; an environment's own are DATABASE_URL_… and SUPABASE_URL_…",
        )


def _database_url(settings: Settings, environment: str | None) -> str:
    if url := settings.get("DATABASE_URL", environment):
        return url
    raise UsageError(
        f"no DATABASE_URL {settings.places}",
        todo="It is postgresql://USER:PASSWORD@HOST:5432/DATABASE (Supabase's dashboard: Connect, Session pooler).",
    )


@contextmanager
def open_database(
    kind: RegistrySettings, environment: str | None, folder: Callable[[], Path], settings: Settings, timings: Timings
) -> Iterator[tuple[Connection, str]]:
    """A direct connection as the database's owner, for migrations, and the database's name for messages.

    Arguments and errors as `open_registry`. A Supabase project's API cannot change tables: its database has a
    connection string of its own.
    """
    match kind.kind:
        case "postgres" | "supabase":
            address = Address(_database_url(settings, environment))
            if kind.kind == "supabase":
                _require_project(address, _project_url(kind, settings, environment))
            with address.connect(timings) as connection:
                yield connection, address.where
        case "embedded":
            from lepinet.registry.embedded import EmbeddedServer  # noqa: PLC0415  # as above

            with EmbeddedServer(embedded_folder(folder())) as server, server.connect() as connection:
                yield connection, server.where
        case _:
            assert_never(kind.kind)
