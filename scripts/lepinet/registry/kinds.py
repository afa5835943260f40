"""The one table of registry kinds: what `models.yaml` calls them, and what speaks with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import assert_never

from lepinet.errors import UsageError
from lepinet.manifest.model import RegistrySettings
from lepinet.registry import Registry
from lepinet.registry.calls import Connection
from lepinet.registry.postgres import Address, PostgresTransport
from lepinet.settings import Settings
from lepinet.timings import Timings


@contextmanager
def open_registry(
    kind: RegistrySettings, environment: str | None, folder: Callable[[], Path], settings: Settings, timings: Timings
) -> Iterator[Registry]:
    """The registry of one environment; nothing is asked or started before its first call.

    Args:
        kind: `registry` of the environment in `models.yaml`.
        environment: its name, which may have a database of its own; None where there are no environments.
        folder: tells where this machine keeps the repository's data; kinds that live elsewhere do not ask.
        settings: where the database's address is found.
        timings: every call's limits.

    Raises:
        UsageError: the address is missing or no address, or this kind cannot be had on this machine.
    """
    match kind.kind:
        case "postgres":
            yield Registry(PostgresTransport(_database_url(settings, environment), timings))
        case "embedded":
            # Imported here: what it is made of does not exist on Windows, where the other kinds work.
            from lepinet.registry.embedded import EmbeddedTransport  # noqa: PLC0415  # as said

            with closing(EmbeddedTransport(embedded_folder(folder()), timings)) as transport:
                yield Registry(transport)
        case _:
            assert_never(kind.kind)


def embedded_folder(folder: Path) -> Path:
    """Where the embedded registry lies among a repository's data on this machine."""
    return folder / "registry"


def _database_url(settings: Settings, environment: str | None) -> str:
    if url := settings.get("DATABASE_URL", environment):
        return url
    if settings.get("SUPABASE_URL", environment) and settings.get("SUPABASE_SERVICE_KEY", environment):
        raise UsageError(
            "this version of LepiNet does not speak to Supabase by SUPABASE_URL and SUPABASE_SERVICE_KEY yet",
            todo="Set DATABASE_URL to the project's connection string (in its dashboard: Connect, Session pooler).",
        )
    raise UsageError(f"no DATABASE_URL {settings.places}", todo="It is postgresql://USER:PASSWORD@HOST:5432/DATABASE.")


@contextmanager
def open_database(
    kind: RegistrySettings, environment: str, folder: Callable[[], Path], settings: Settings, timings: Timings
) -> Iterator[tuple[Connection, str]]:
    """A direct connection as the database's owner, for migrations, and the database's name for messages.

    Arguments and errors as `open_registry`.
    """
    match kind.kind:
        case "postgres":
            address = Address(_database_url(settings, environment))
            with address.connect(timings) as connection:
                yield connection, address.where
        case "embedded":
            from lepinet.registry.embedded import EmbeddedServer  # noqa: PLC0415  # as above

            with EmbeddedServer(embedded_folder(folder())) as server, server.connect() as connection:
                yield connection, server.where
        case _:
            assert_never(kind.kind)
