"""A real PostgreSQL, and before it this folder's gateway or, where this machine has one, PostgREST itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest

from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import SUPERUSER
from supabase_gateway import tokens
from supabase_gateway.gateway import serving
from supabase_gateway.rest import Rest

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SECRET = "a-secret-of-this-project-with-enough-letters"  # noqa: S105 -- of nothing
MAX_ROWS = 5
WORLD = """
    create type point_of_view as (species text, certainty numeric);
    create table butterflies (
      id integer primary key, name text not null, wings jsonb, seen_at timestamptz, rare boolean default false
    );
    alter table butterflies enable row level security;
    create policy everybody on butterflies using (name <> 'Hidden One');
    grant select, insert, update, delete on butterflies to service_role;
    grant select, insert on butterflies to authenticated;
    grant insert on butterflies to anon;
    create table moths (name text);
    create view rarities as select name from butterflies where rare;
    grant select on rarities to anon;

    create function add(a integer, b integer default 1) returns integer language sql immutable as $$ select a + b $$;
    create function whole(it jsonb) returns jsonb language sql immutable as $$ select it $$;
    create function view_of(name text) returns point_of_view language sql stable as $$
      select row(name, 0.9)::point_of_view $$;
    create function no_view() returns point_of_view language sql stable as $$ select null::point_of_view $$;
    create function up_to(n integer) returns setof integer language sql stable as $$ select generate_series(1, n) $$;
    create function pairs(n integer) returns table (a integer, b text) language sql stable as $$
      select i, i::text from generate_series(1, n) i $$;
    create function nothing() returns void language sql as $$ select $$;
    create function same(a integer) returns text language sql as $$ select 'integer' $$;
    create function same(a text) returns text language sql as $$ select 'text' $$;
    create function who() returns jsonb language sql stable as $$
      select jsonb_build_object('role', current_user, 'claims', current_setting('request.jwt.claims')::jsonb,
        'method', current_setting('request.method'), 'timeout', current_setting('statement_timeout'),
        'read_only', current_setting('transaction_read_only')) $$;
    create function write() returns void language sql as $$ insert into moths values ('one') $$;
    create function write_in_secret() returns void language sql stable as $$ select write() $$;
    create function stray() returns setof butterflies language sql as $$
      insert into butterflies values (91, 'One'), (92, 'Two') returning * $$;
    create function refuse(state text) returns void language plpgsql as $$
      begin raise exception using errcode = state, message = 'no', hint = 'ask', detail = '{"next": 1}'; end $$;
    create function forbidden() returns integer language sql as $$ select 1 $$;
    revoke execute on function forbidden() from public;
"""
ROWS = """
    delete from butterflies;
    insert into butterflies (id, name, wings, seen_at, rare) values
      (1, 'Blue Tiger', '{"pairs": 2}', '2026-11-20T10:00:00Z', false),
      (2, 'Common Crow', null, null, null),
      (3, 'Hidden One', null, null, true),
      (4, 'Tailed "Jay", green', null, '2026-11-21T10:00:00Z', true);
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(scope="session")
def owner(server: EmbeddedServer) -> Iterator[Rows]:
    with server.connect("postgres", SUPERUSER) as connection:
        connection.execute("create database butterflies")
    with server.connect("butterflies", SUPERUSER) as connection:
        connection.execute(WORLD)
        yield connection


@pytest.fixture(scope="session", params=["gateway", "postgrest"])
def api(request: pytest.FixtureRequest, server: EmbeddedServer, owner: Rows, tmp_path_factory: Any) -> Iterator[str]:
    """The URL of the database's API: what is asked of one is asked of the other."""
    url = server.url(owner.info.dbname, "authenticator")
    if request.param == "gateway":
        with closing(Rest(url, SECRET, MAX_ROWS)) as rest, serving(rest.app()) as served:
            yield served
    elif program := shutil.which("postgrest"):
        with postgrest(program, url, tmp_path_factory.mktemp("postgrest")) as served:
            yield served
    else:
        pytest.skip("no postgrest on the PATH: its contract is tested with this folder's gateway alone")


@contextmanager
def postgrest(program: str, url: str, folder: Path) -> Iterator[str]:
    """The URL of the program itself, set as Supabase sets it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "db-uri": url,
        "db-schemas": "public",
        "db-extra-search-path": "public, extensions",
        "db-anon-role": "anon",
        "db-max-rows": str(MAX_ROWS),
        "jwt-secret": SECRET,
        "openapi-mode": "disabled",
        "server-host": "127.0.0.1",
        "server-port": str(port),
    }
    configuration = folder / "postgrest.conf"
    configuration.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    with subprocess.Popen([program, str(configuration)], stderr=subprocess.DEVNULL) as running:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/butterflies?limit=0")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx.get(url).status_code < 500:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "postgrest did not become ready"
        time.sleep(0.05)


@pytest.fixture
def ask(api: str, owner: Rows) -> Iterator[Callable[..., httpx.Response]]:
    """Sends a request as a role, or with a token's claims, to the database as it is at first."""
    owner.execute(ROWS)
    with httpx.Client(base_url=api) as client:

        def ask(
            method: str,
            path: str,
            role: str | None = "service_role",
            *,
            claims: Mapping[str, Any] | None = None,
            headers: Mapping[str, str] | None = None,
            **content: Any,
        ) -> httpx.Response:
            said = {"role": role, **(claims or {})}
            authorization = {"Authorization": f"Bearer {tokens.sign(said, SECRET)}"} if role else {}
            return client.request(method, path, headers={**authorization, **(headers or {})}, **content)

        yield ask
