"""The code that the old guide had its readers paste, against the registry of today, with Supabase's own client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from lepinet.registry.embedded import EmbeddedServer
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

ADMIN = User("asha@example.org", "correct horse", {"role": "admin"})
VISITOR = User("visitor@example.org", "battery staple", user_metadata={"role": "admin"})
# Its functions, their docstrings and most of what they print left out.
TRAINER = """
import os
from supabase import create_client, Client

def log_model_version(version_name, file_path, training_image_count, accuracy_score, is_active=False):
    try:
        url = os.environ.get("SUPABASE_URL")
        key = os.environ.get("SUPABASE_SERVICE_KEY")
        supabase: Client = create_client(url, key)
        data = {
            "version_name": version_name,
            "file_path": file_path,
            "training_image_count": training_image_count,
            "accuracy_score": accuracy_score,
            "is_active": is_active
        }
        response = supabase.table("model_versions").insert(data).execute()
        return response.data
    except Exception as e:
        print(f"Error logging model version: {str(e)}")
        return None

rows = log_model_version("v2.0.0", "Bhanura/lepinet-model-v2", 5400, 0.9234, is_active=True)
print([(row["version_name"], row["is_active"]) for row in rows or []])
"""
ENDPOINT = """
import os
from supabase import create_client

url, key = os.environ["SUPABASE_URL"], os.environ["SUPABASE_SERVICE_KEY"]

def get_active_model_path():
    supabase = create_client(url, key)
    result = supabase.table("model_versions")\\
        .select("file_path")\\
        .eq("is_active", True)\\
        .single()\\
        .execute()
    if result.data:
        return result.data["file_path"]
    else:
        return "Bhanura/lepinet-model-default"

print(get_active_model_path())
"""


@pytest.fixture(scope="module")
def project(server: EmbeddedServer, migrated: str) -> Project:
    return Project(server.url(migrated, "authenticator"), users=(ADMIN, VISITOR))


@pytest.fixture
def url(project: Project, owner: Rows) -> Iterator[str]:
    """A project where v1.0.0 is active and v1.1.0 is not."""
    owner.execute(
        "insert into public.model_versions (version_name, file_path, accuracy_score, created_at) values"
        " ('v1.0.0', 'Bhanura/lepinet-model', 0.9, '2026-11-01'),"
        " ('v1.1.0', 'Bhanura/lepinet-model-v1', 0.91, '2026-11-02')"
    )
    owner.execute("select public.emergency_activate('v1.0.0', 'a test', 'production')")
    with project_online(project) as url:
        yield url


def run(code: str, folder: Path, url: str, key: str) -> str:
    """What pasted code prints, its client's warnings about itself aside."""
    settings = {"SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": key}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["secret_key", "service_key"])
def test_the_trainer_s_insert_is_a_row_not_yet_active(url: str, project: Project, tmp_path: Path, kind: str) -> None:
    assert run(TRAINER, tmp_path, url, getattr(project, kind)) == "[('v2.0.0', False)]\n"


def test_the_trainer_s_insert_needs_the_secret_key(url: str, project: Project, tmp_path: Path) -> None:
    said = run(TRAINER, tmp_path, url, project.anon_key)
    assert "Error logging model version: " in said
    assert "permission denied for table model_versions" in said


@pytest.mark.parametrize("kind", ["secret_key", "service_key", "publishable_key", "anon_key"])
def test_the_endpoint_s_question_has_its_answer_with_every_key(
    url: str, project: Project, tmp_path: Path, kind: str
) -> None:
    assert run(ENDPOINT, tmp_path, url, getattr(project, kind)) == "Bhanura/lepinet-model\n"


@pytest.fixture
def page(url: str, project: Project) -> Iterator[Callable[[User], Client]]:
    """The admin page's client, with a user signed in."""
    with httpx.Client() as http:

        def signed_in(user: User) -> Client:
            client = create_client(url, project.anon_key, ClientOptions(httpx_client=http))
            client.auth.sign_in_with_password({"email": user.email, "password": user.password})
            return client

        yield signed_in


def models(client: Client) -> list[Any]:
    """What the page lists."""
    found: Any = client.table("model_versions").select("*").order("created_at", desc=True).execute().data
    return [row["version_name"] for row in found]


def test_the_admin_page_lists_all_versions_for_an_admin_alone(page: Callable[[User], Client]) -> None:
    assert models(page(ADMIN)) == ["v1.1.0", "v1.0.0"]
    assert models(page(VISITOR)) == []


def test_the_admin_page_s_button_changes_nothing_and_is_told_what_does(
    page: Callable[[User], Client], owner: Rows
) -> None:
    versions = page(ADMIN).table("model_versions")
    nobody = "00000000-0000-0000-0000-000000000000"
    for button in (
        versions.update({"is_active": False}).neq("id", nobody),
        versions.update({"is_active": True}).eq("version_name", "v1.1.0"),
    ):
        with pytest.raises(APIError, match=r"v1\.0\.0 is still active: models are switched in models\.yaml") as refused:
            button.execute()
        assert "emergency_activate" in str(refused.value.hint)
    assert owner.execute("select version_name from public.model_versions where is_active").fetchall() == [("v1.0.0",)]
