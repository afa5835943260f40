"""Which registry a script means: its repository's, SUPABASE_URL's, DATABASE_URL's, or that of LEPINET_HOME."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from begun import begin
from lepinet import get_active_model, log_model_version
from lepinet.errors import LepinetError, OutsideError, UsageError
from lepinet.registry import migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.kinds import embedded_folder

MANIFEST = """\
schema_version: 1
environments:
  staging: {registry: STAGING, endpoint: none}
  production: {registry: PRODUCTION, endpoint: {kind: local}}
versions: {}
"""


def repository(folder: Path, *, staging: str, production: str) -> str:
    """Make the folder a git repository with a models.yaml; its first commit."""
    (folder / "models.yaml").write_text(MANIFEST.replace("STAGING", staging).replace("PRODUCTION", production))
    return begin(folder)


def log() -> object:
    return log_model_version("v2.0.0", "models/v2.0.0", 5400, 0.9234, strict=True)


def test_an_embedded_registry_serves_its_repository_and_after_that_any_folder(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = bare / "home"
    monkeypatch.setenv("LEPINET_HOME", str(home))
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/of_something_else")
    first = repository(bare, staging="embedded", production="embedded")
    (bare / "src").mkdir()
    monkeypatch.chdir(bare / "src")
    with pytest.raises(OutsideError, match="lepinet db migrate"):
        log()
    with EmbeddedServer(embedded_folder(home / first)) as server, server.connect() as connection:
        migrate.apply(connection)

        assert log()

        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.chdir("/")
        assert log()
        assert connection.execute("select count(*) from model_versions").fetchone() == (1,)


def test_in_a_repository_the_last_environments_registry_is_meant(
    bare: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    first = repository(bare, staging="embedded", production="postgres")
    with psycopg.connect(database_url) as owner:
        owner.execute("update public.environments set repository = %s", [first])
    with pytest.raises(UsageError, match="no DATABASE_URL"):
        log()
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/of_something_else")
    (bare / ".env").write_text(f"DATABASE_URL_PRODUCTION={database_url}\n")

    assert log()


@pytest.mark.usefixtures("bare")
def test_elsewhere_a_project_goes_before_a_database_and_that_before_this_machine(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("LEPINET_HOME", ".")
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert log()
    monkeypatch.setenv("SUPABASE_URL", "https://project.invalid")
    assert log(), "a project without a key may be another program's"
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "sb_secret_1")
    with pytest.raises(OutsideError, match="no project has this address"):
        log()


@pytest.mark.usefixtures("bare")
def test_an_environment_that_models_yaml_has_not_is_named(tmp_path: Path) -> None:
    repository(tmp_path / "training", staging="embedded", production="embedded")

    with pytest.raises(UsageError, match=r"no environment prod\nIt has staging, production"):
        get_active_model("prod")


def test_a_models_yaml_that_is_wrong_is_said_with_its_line(bare: Path) -> None:
    repository(bare, staging="embedded", production="sqlite")

    with pytest.raises(LepinetError, match=r"models.yaml:4:"):
        log()


def test_a_home_with_two_repositories_needs_to_know_which(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for first in ("a" * 40, "b" * 40):
        embedded_folder(bare / first).mkdir(parents=True)
    monkeypatch.setenv("LEPINET_HOME", str(bare))

    with pytest.raises(UsageError, match="more than one repository"):
        log()
