"""What `lepinet doctor` finds in set-ups that lack one thing each, in a repository with a Supabase project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from begun import begin
from lepinet.model_files import folder_revision
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

KNOWN_IMAGES = Path(__file__).parents[1] / "known_images"
LIVE = "; active: nothing is live yet"
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  production: {registry: supabase, endpoint: none}
versions: {}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture
def database(server: EmbeddedServer) -> str:
    """The name of a new one, without migrations."""
    name = f"t{uuid4().hex}"
    with server.connect("postgres", SUPERUSER) as connection:
        connection.execute(f"create database {name} owner {OWNER}".encode())
    return name


@pytest.fixture
def settings(server: EmbeddedServer, database: str) -> Iterator[dict[str, str]]:
    """Of a project that works, or will once its database is migrated."""
    project = Project(server.url(database, "authenticator"))
    with project_online(project) as url:
        yield {"SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": project.secret_key, "DATABASE_URL": server.url(database)}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(MANIFEST)
    begin(tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "LEPINET_HOME": str(folder / "home"), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def missing(folder: Path, **settings: str) -> dict[str, Any]:
    """What mends it, by what is missing."""
    found = run(folder, "doctor", "--json", **settings)
    needs = json.loads(found.stdout)
    assert (found.returncode == 1) == any(need["mend"] for need in needs), found.stderr
    return {need["what"]: f"{need['state']} | {need['mend']}" for need in needs if need["mend"]}


def test_what_is_missing_is_said_with_what_mends_it(repository: Path, settings: dict[str, str]) -> None:
    registry = "production, registry (supabase)"
    nothing_yet = missing(repository)
    assert nothing_yet["known images"].startswith("there are none | put photos")
    assert nothing_yet[registry].startswith("no SUPABASE_URL")
    (repository / "photos" / "Blue Tiger").mkdir(parents=True)
    shutil.copy(KNOWN_IMAGES / "blue_tiger_02.jpg", repository / "photos" / "Blue Tiger")
    anon = missing(repository, **settings | {"SUPABASE_SERVICE_KEY": "sb_publishable_1"})
    assert "is the publishable key" in anon[registry]
    other = missing(repository, **settings | {"SUPABASE_SERVICE_KEY": "sb_secret_of_another_project"})
    assert "does not take the key" in other[registry]
    assert missing(repository, **settings)[registry].endswith("| lepinet db migrate")
    assert run(repository, "db", "migrate", **settings).returncode == 0
    assert missing(repository, **settings) == {}


def test_a_database_that_needs_more_migrations_or_another_binding_is_told(
    repository: Path, settings: dict[str, str], server: EmbeddedServer, database: str
) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    with server.connect(database) as owner:
        owner.execute("delete from supabase_migrations.schema_migrations where version > '20261126000100'")
        assert missing(repository, **settings)["production, migrations"].endswith("to come | lepinet db migrate")
        owner.execute("update public.environments set repository = %s", ["b" * 40])
        assert "belongs to another repository" in missing(repository, **settings)["production, registry (supabase)"]
        owner.execute("delete from public.environments")
        unbound = missing(repository, **settings)["production, registry (supabase)"]
        assert "this registry has no environment production" in unbound
        assert "lepinet db migrate" in unbound


def test_what_somebody_dropped_is_told_until_it_is_made_anew(
    repository: Path, settings: dict[str, str], server: EmbeddedServer, database: str
) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    with server.connect(database) as owner:
        owner.execute("drop function public.release(text, uuid)")
    gone = "recorded as applied, and not there: public.release()"
    told = missing(repository, **settings)["production, migrations"]
    assert told == f"{gone} | lepinet db migrate --again (docs/supabase.md)"
    refused = run(repository, "db", "migrate", **settings)
    assert refused.returncode == 1
    assert gone in refused.stderr
    assert run(repository, "db", "migrate", "--again", **settings).returncode == 0
    assert "production, migrations" not in missing(repository, **settings)
    with server.connect(database) as owner:
        owner.execute("drop schema lepinet cascade")
    assert missing(repository, **settings)["production, registry (supabase)"].endswith("| lepinet db migrate")
    assert "lepinet db migrate --again" in run(repository, "db", "migrate", **settings).stderr


def test_what_lets_others_in_is_told_with_the_sql_until_it_is_ended(
    repository: Path, settings: dict[str, str], server: EmbeddedServer, database: str
) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    ends = "drop policy everybody on public.model_versions;"
    with server.connect(database) as owner:
        owner.execute("create policy everybody on public.model_versions for select using (true)")
        told = missing(repository, **settings)["production, open to others"]
        assert told == f"the policy everybody shows rows of public.model_versions to everybody: true | {ends}"
        owner.execute(ends.encode())
        assert "production, open to others" not in missing(repository, **settings)


def test_the_text_has_a_line_for_each_need(repository: Path, settings: dict[str, str]) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    told = run(repository, "doctor", **settings)
    assert told.returncode == 1
    assert "done     models.yaml: 1 environment, 0 versions\n" in told.stdout
    assert "missing  known images: there are none\n         put photos whose species is certain" in told.stdout
    opened = "opened by the secret key; active: nothing is live yet\n"
    assert f"done     production, registry (supabase): {opened}" in told.stdout
    assert "done     production, migrations: current\n" in told.stdout


def test_labels_without_a_list_that_says_what_they_mean_are_told(repository: Path) -> None:
    assert "the model's own labels" in missing(repository)["species"]
    photos = repository / "photos" / "Blue Tiger"
    photos.mkdir(parents=True)
    shutil.copy(KNOWN_IMAGES / "blue_tiger_02.jpg", photos)
    assert "species" not in missing(repository)
    copy_active_model(repository, "v1.3.0")  # its labels are ids
    assert missing(repository)["labels of v1.3.0"].startswith("v1.3.0 has a label for 0 of the 1 species on the known")
    shutil.copy(KNOWN_IMAGES.parents[1] / "species.csv", repository)
    (repository / "models.yaml").write_text(f"species: species.csv\n{(repository / 'models.yaml').read_text()}")
    assert "labels of v1.3.0" not in missing(repository)


def copy_active_model(repository: Path, version: str) -> None:
    """Declare it active in production."""
    folder = shutil.copytree(KNOWN_IMAGES.parent / "models" / version, repository / "models" / version)
    entry = f"{{file_path: models/{version}, revision: '{folder_revision(folder)}'}}"
    text = MANIFEST.replace("{registry", f"{{active: {version}, registry")
    (repository / "models.yaml").write_text(text.replace("versions: {}", f"versions: {{{version}: {entry}}}"))


def test_the_lines_of_an_error_stay_lines(repository: Path) -> None:
    (repository / "models.yaml").write_text("schema_version: 1\nretention: {min_verions: 2}\n")
    told = run(repository, "doctor")
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    caret = next(place for place, line in enumerate(lines) if "^" in line)
    assert lines[caret - 1].index("min_verions") == lines[caret].index("^")


def test_a_models_yaml_that_is_wrong_is_the_first_thing_to_mend(repository: Path) -> None:
    (repository / "models.yaml").write_text("schema_version: 1\n")
    assert list(missing(repository)) == ["models.yaml"]
    assert missing(repository)["models.yaml"].endswith("| lepinet validate")
    (repository / "models.yaml").unlink()
    begun_by = missing(repository)["models.yaml"]
    assert "lepinet init writes one, lepinet import one from an old registry" in begun_by


def test_a_sign_in_is_asked_for_no_more_than_it_is_for(
    repository: Path, server: EmbeddedServer, database: str, settings: dict[str, str]
) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    may = {
        "trainer": ": a trainer, who may log versions",
        "monitor": f": a monitor, who may read it and log what it measures{LIVE}",
        "admin": f": an admin, who may read it and change nothing{LIVE}",
    }
    users = {role: User(f"{role}@example.org", "correct horse", {"role": role}) for role in may}
    project = Project(server.url(database, "authenticator"), users=tuple(users.values()))
    with project_online(project) as url:
        for role, user in users.items():
            found = run(repository, "doctor", "--json", **sign_in(project, url, user))
            needs = {need["what"]: (need["state"], need["mend"]) for need in json.loads(found.stdout)}
            said = f"opened by {role}@example.org, who signs in{may[role]}"
            assert needs["production, registry (supabase)"] == (said, None)
            assert needs["production, migrations"] == ("current", None)


def test_a_user_without_a_role_is_told_who_gives_one(
    repository: Path, server: EmbeddedServer, database: str, settings: dict[str, str]
) -> None:
    assert run(repository, "db", "migrate", **settings).returncode == 0
    user = User("visitor@example.org", "correct horse", {})
    project = Project(server.url(database, "authenticator"), users=(user,))
    with project_online(project) as url:
        registry = missing(repository, **sign_in(project, url, user))["production, registry (supabase)"]
    assert "whose app_metadata.role allows nothing here: there is none" in registry
    assert "the project's owner sets it in the SQL editor" in registry


def sign_in(project: Project, url: str, user: User) -> dict[str, str]:
    return {
        "SUPABASE_URL": url,
        "SUPABASE_PUBLISHABLE_KEY": project.publishable_key,
        "SUPABASE_USER_EMAIL": user.email,
        "SUPABASE_USER_PASSWORD": user.password,
    }


def test_keys_that_git_has_or_would_take_along_are_told(repository: Path) -> None:
    assert ".env" not in missing(repository)
    (repository / ".env").write_text("SUPABASE_SERVICE_KEY=sb_secret_geheim\n")
    assert "would take it along | echo .env >> .gitignore" in missing(repository)[".env"]
    (repository / ".gitignore").write_text(".env\n")
    assert ".env" not in missing(repository)
    subprocess.run(["git", "add", "--force", ".env"], cwd=repository, check=True)
    assert missing(repository)[".env"].startswith("git has it, and the keys in it | git rm --cached .env")
