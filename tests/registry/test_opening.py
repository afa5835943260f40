"""From `registry` in models.yaml and the settings to a registry: what is looked for where, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lepinet.errors import UsageError
from lepinet.manifest.model import RegistrySettings
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.kinds import open_database, open_registry
from lepinet.registry.project import Project
from lepinet.settings import Settings
from lepinet.timings import Timings

SUPABASE = RegistrySettings(kind="supabase")
OURS, THEIRS = "abcdefghijklmnopqrst", "tsrqponmlkjihgfedcba"


def open_and_ask(kind: RegistrySettings, environment: str | None = None, **settings: str) -> object:
    with open_registry(kind, environment, Path, Settings(settings), Timings(retries=0)) as registry:
        return registry.active_version()


@pytest.mark.usefixtures("database")
def test_a_project_s_url_stands_in_models_yaml_or_in_the_settings(project: Project) -> None:
    declared = RegistrySettings(kind="supabase", url=project.url)
    assert open_and_ask(declared, SUPABASE_SERVICE_KEY=project.key, SUPABASE_URL="https://other.example.org") is None
    assert open_and_ask(SUPABASE, SUPABASE_SERVICE_KEY=project.key, SUPABASE_URL=project.url) is None


@pytest.mark.usefixtures("database")
def test_an_environment_s_own_settings_go_before_the_common_ones(project: Project) -> None:
    common = {"SUPABASE_URL": "https://other.example.org", "SUPABASE_SERVICE_KEY": "sb_secret_other"}
    own = {"SUPABASE_URL_LIVE_EU": project.url, "SUPABASE_SERVICE_KEY_LIVE_EU": project.key}
    assert open_and_ask(SUPABASE, "live-eu", **common, **own) is None


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, "no SUPABASE_URL in the environment or in .env"),
        ({"SUPABASE_SERVICE_KEY": "sb_secret_geheim"}, "no SUPABASE_URL"),
        ({"SUPABASE_URL": f"https://{OURS}.supabase.co"}, "no SUPABASE_SERVICE_KEY in the environment or in .env"),
        ({"SUPABASE_URL": "http://example.org", "SUPABASE_SERVICE_KEY": "sb_secret_geheim"}, "not https"),
    ],
)
def test_what_is_missing_is_named_with_where_to_find_it(settings: dict[str, str], missing: str) -> None:
    with pytest.raises(UsageError, match=missing) as refused:
        open_and_ask(SUPABASE, **settings)
    assert "dashboard" in str(refused.value.todo)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "database_url",
    [
        f"postgresql://postgres:geheim@db.{THEIRS}.supabase.co:5432/postgres",
        f"postgresql://postgres.{THEIRS}:geheim@aws-0-eu-west-1.pooler.supabase.com:5432/postgres",
        f"postgresql://postgres.{THEIRS}:geheim@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
    ],
    ids=["direct", "session pooler", "transaction pooler"],
)
def test_tables_are_not_changed_in_another_project(database_url: str) -> None:
    settings = Settings({"DATABASE_URL": database_url, "SUPABASE_URL": f"https://{OURS}.supabase.co"})
    refused = pytest.raises(UsageError, match=f"DATABASE_URL leads to the project {THEIRS}, and SUPABASE_URL to {OURS}")
    with refused, open_database(SUPABASE, "production", Path, settings, Timings()):
        pass


def test_tables_are_changed_over_a_connection_of_their_own(server: EmbeddedServer, database: str) -> None:
    settings = Settings({"DATABASE_URL": server.url(database), "SUPABASE_URL": f"https://{OURS}.supabase.co"})
    with open_database(SUPABASE, "production", Path, settings, Timings()) as (connection, _):
        assert connection.info.dbname == database
    with (
        pytest.raises(UsageError, match="no DATABASE_URL"),
        open_database(SUPABASE, "production", Path, Settings({}), Timings()),
    ):
        pass
