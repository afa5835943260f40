"""Keys of both kinds, signing in, and Supabase's own client and the old guide's code in front of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import AuthApiError, Client, ClientOptions, create_client

from lepinet.registry.embedded import EmbeddedServer
from supabase_gateway.conftest import ROWS, Rows
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

ASHA = User("asha@example.org", "correct horse", {"role": "admin"}, {"name": "Asha"})


@pytest.fixture
def project(server: EmbeddedServer, owner: Rows) -> Project:
    owner.execute(ROWS)
    return Project(server.url(owner.info.dbname, "authenticator"), users=(ASHA,))


@pytest.fixture
def url(project: Project) -> Iterator[str]:
    with project_online(project) as url:
        yield url


def who(url: str, **headers: str) -> Any:
    """What the database takes a request for, or how the gateway refuses it."""
    answer = httpx.post(f"{url}/rest/v1/rpc/who", headers=headers)
    return answer.json()["role"] if answer.status_code == 200 else (answer.status_code, answer.json()["message"])


def test_a_key_of_either_kind_stands_for_its_role(url: str, project: Project) -> None:
    for anyone in (project.publishable_key, project.anon_key):
        assert who(url, apikey=anyone, Authorization=f"Bearer {anyone}") == "anon"
    for server in (project.secret_key, project.service_key):
        assert who(url, apikey=server, Authorization=f"Bearer {server}") == "service_role"
    assert who(url, apikey=project.secret_key) == "service_role"


def test_a_signed_in_user_s_token_goes_with_a_key(url: str, project: Project) -> None:
    token = f"Bearer {project.user_token(ASHA)}"
    for key in (project.publishable_key, project.anon_key):
        assert who(url, apikey=key, Authorization=token) == "authenticated"


def test_a_key_that_does_not_count_is_refused_before_the_database(url: str, project: Project) -> None:
    assert who(url) == (401, "No API key found in request")
    assert who(url, apikey="sb_secret_of_another_project") == (401, "Invalid API key")
    assert who(url, apikey=replace(project, secret="another " * 5).service_key) == (401, "Invalid API key")
    mixed = {"apikey": project.anon_key, "Authorization": f"Bearer {project.secret_key}"}
    assert who(url, **mixed) == (401, "Expected 3 parts in JWT; got 1")
    mixed["apikey"] = project.publishable_key
    assert who(url, **mixed) == (401, "Invalid API key")
    browser = {"apikey": project.secret_key, "User-Agent": "Mozilla/5.0"}
    assert who(url, **browser) == (401, "Forbidden use of secret API key in browser")


def test_keys_of_the_old_kind_can_be_disabled(project: Project) -> None:
    with project_online(replace(project, legacy_keys=False)) as url:
        assert who(url, apikey=project.service_key) == (401, "Legacy API keys are disabled")
        assert who(url, apikey=project.secret_key) == "service_role"


def test_the_project_s_clock_decides_about_tokens(project: Project) -> None:
    behind = replace(project, clock=lambda: project.clock() - 600)
    with project_online(behind) as url:
        authorization = f"Bearer {project.user_token(ASHA)}"
        assert who(url, apikey=project.publishable_key, Authorization=authorization) == (401, "JWT issued at future")
        assert who(url, apikey=project.service_key, Authorization=f"Bearer {project.service_key}") == "service_role"


def data(request: Any) -> Any:
    """What comes of a request of the client's, whose own type for that is any JSON."""
    return request.execute().data


@pytest.fixture
def official(url: str) -> Iterator[Callable[[str], Client]]:
    """Supabase's own client with a key."""
    with httpx.Client() as http:
        yield lambda key: create_client(url, key, ClientOptions(httpx_client=http))


@pytest.fixture
def client(official: Callable[[str], Client], project: Project) -> Client:
    return official(project.publishable_key)


def test_a_user_signs_in_and_is_known_to_the_database(client: Client, url: str) -> None:
    assert data(client.rpc("who", {}))["role"] == "anon"
    session = client.auth.sign_in_with_password({"email": ASHA.email, "password": ASHA.password})
    assert session.user is not None
    assert session.user.app_metadata == {"role": "admin"}
    said = data(client.rpc("who", {}))
    assert said["role"] == "authenticated"
    assert said["claims"]["app_metadata"] == {"role": "admin"}
    assert httpx.get(f"{url}/auth/v1/.well-known/jwks.json", headers={"apikey": client.supabase_key}).json() == {
        "keys": []
    }


def test_a_wrong_password_is_refused(client: Client) -> None:
    with pytest.raises(AuthApiError, match="Invalid login credentials"):
        client.auth.sign_in_with_password({"email": ASHA.email, "password": "guessed"})


def test_supabase_s_own_client_reads_and_writes_rows(official: Callable[[str], Client], project: Project) -> None:
    client = official(project.secret_key)
    table = client.table("butterflies")
    assert data(table.insert({"id": 5, "name": "Plain Tiger"}))[0]["rare"] is False
    assert len(data(table.insert([{"id": 6, "name": "One"}, {"id": 7, "name": "Two"}]))) == 2
    assert data(table.select("id, name").order("id", desc=True).limit(1)) == [{"id": 7, "name": "Two"}]
    assert data(table.update({"rare": True}).eq("id", 6))[0]["rare"] is True
    rare = table.select("name").eq("rare", True).neq("id", 6).in_("id", [3, 4, 6])  # noqa: FBT003 -- the client's
    assert data(rare) == [{"name": "Hidden One"}, {"name": 'Tailed "Jay", green'}]
    assert data(table.select("name").eq("id", 5).single()) == {"name": "Plain Tiger"}
    assert table.select("name").eq("id", 77).maybe_single().execute() is None
    assert {row["id"] for row in data(table.delete().gt("id", 5))} == {6, 7}
    with pytest.raises(APIError) as refused:
        table.select("name").eq("id", 77).single().execute()
    assert (refused.value.code, refused.value.details) == ("PGRST116", "The result contains 0 rows")
    with pytest.raises(APIError) as refused:
        client.rpc("refuse", {"state": "PT409"}).execute()
    assert (refused.value.code, refused.value.hint) == ("PT409", "ask")
