"""What PostgREST has and this folder's gateway has not: refused by its name, never answered wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from lepinet.registry.embedded import EmbeddedServer
from supabase_gateway import tokens
from supabase_gateway.conftest import SECRET, Rows
from supabase_gateway.gateway import serving
from supabase_gateway.rest import Rest


@pytest.fixture(scope="module")
def client(server: EmbeddedServer, owner: Rows) -> Iterator[httpx.Client]:
    authorization = {"Authorization": f"Bearer {tokens.sign({'role': 'service_role'}, SECRET)}"}
    with (
        closing(Rest(server.url(owner.info.dbname, "authenticator"), SECRET)) as rest,
        serving(rest.app()) as url,
        httpx.Client(base_url=url, headers=authorization) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("method", "path", "more", "named"),
    [
        ("GET", "/rpc/add?a=1", {}, "functions by GET"),
        ("POST", "/rpc/up_to?limit=1", {"json": {"n": 1}}, "filters on a function's result"),
        ("POST", "/rpc/add", {"json": [{"a": 1}]}, "several objects"),
        ("HEAD", "/butterflies", {}, ""),
        ("PUT", "/butterflies?id=eq.1", {"json": {"id": 1}}, "PUT"),
        ("GET", "/butterflies?select=name,moths(*)", {}, "moths(*)"),
        ("GET", "/butterflies?select=called:name", {}, "called:name"),
        ("GET", "/butterflies?select=id::text", {}, "id::text"),
        ("GET", "/butterflies?wings->pairs=eq.2", {}, "wings->pairs"),
        ("GET", "/butterflies?or=(id.eq.1,id.eq.2)", {}, "or"),
        ("GET", "/butterflies?id=not.eq.1", {}, "not"),
        ("GET", "/butterflies?name=fts(english).tiger", {}, "fts"),
        ("GET", "/butterflies", {"headers": {"Range": "0-1"}}, "Range"),
        ("GET", "/butterflies", {"headers": {"Prefer": "count=exact"}}, "count=exact"),
        ("POST", "/butterflies", {"headers": {"Prefer": "resolution=merge-duplicates"}}, "resolution=merge-duplicates"),
        ("POST", "/butterflies?on_conflict=id", {"json": {"id": 1}}, "on_conflict"),
        ("POST", "/butterflies", {"json": []}, "an insert of nothing"),
        ("PATCH", "/butterflies?id=eq.1", {"json": {}}, "an update of nothing"),
    ],
)
def test_what_is_missing_is_named(
    client: httpx.Client, method: str, path: str, more: dict[str, Any], named: str
) -> None:
    answer = client.request(method, path, **more)
    assert (answer.status_code, answer.headers["Proxy-Status"]) == (400, "PostgREST; error=PGRST127")
    if method != "HEAD":
        assert answer.json()["message"] == "Feature not implemented"
        assert named in answer.json()["details"]


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"rare": True}), ("DELETE", None)])
def test_not_all_rows_at_once_as_supabase_has_it(client: httpx.Client, method: str, body: Any) -> None:
    answer = client.request(method, "/butterflies", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "21000")
    assert answer.json()["message"].endswith("requires a WHERE clause")


def test_a_database_that_is_gone_is_said_to_be(server: EmbeddedServer) -> None:
    url = server.url("postgres", "authenticator").replace("/postgres?", "/nowhere?")
    with closing(Rest(url, SECRET)) as rest, serving(rest.app()) as served:
        answer = httpx.get(f"{served}/butterflies")
    assert (answer.status_code, answer.json()["code"]) == (503, "PGRST000")
