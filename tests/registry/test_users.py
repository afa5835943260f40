"""Signed-in users of a Supabase project with one right each, through the API as their programs ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from lepinet.registry.embedded import EmbeddedServer
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

USERS = {
    name: User(f"{name}@example.org", "correct horse", app_metadata)
    for name, app_metadata in {
        "trainer": {"role": "trainer"},
        "monitor": {"role": "monitor"},
        "admin": {"role": "admin"},
        "visitor": {},
    }.items()
}
VERSION = {"version_name": "v2.0.0", "file_path": "Bhanura/lepinet-model-v2"}


@pytest.fixture
def signed_in(server: EmbeddedServer, database: str) -> Iterator[Callable[[str], Client]]:
    """Supabase's own client, with the publishable key and a user signed in."""
    project = Project(server.url(database, "authenticator"), users=tuple(USERS.values()))
    with project_online(project) as url, httpx.Client() as http:

        def signed_in(name: str) -> Client:
            client = create_client(url, project.publishable_key, ClientOptions(httpx_client=http))
            client.auth.sign_in_with_password({"email": USERS[name].email, "password": USERS[name].password})
            return client

        yield signed_in


def test_a_trainer_logs_a_version_and_nobody_else_does(signed_in: Callable[[str], Client], owner: Rows) -> None:
    for name in ("visitor", "monitor", "admin"):
        with pytest.raises(APIError, match=r"needs a user whose app_metadata\.role is trainer"):
            signed_in(name).rpc("log_model_version", VERSION).execute()
    for _ in range(2):
        signed_in("trainer").rpc("log_model_version", VERSION).execute()
    logged = owner.execute("select version_name, file_path, is_active from public.model_versions").fetchall()
    assert logged == [(*VERSION.values(), False)]


def test_a_monitor_reads_the_snapshot_and_logs_what_it_measured(
    signed_in: Callable[[str], Client], owner: Rows
) -> None:
    owner.execute("insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'm')")
    snapshot: Any = signed_in("monitor").rpc("registry_snapshot", {"environment": "production"}).execute().data
    assert [version["version_name"] for version in snapshot["versions"]] == ["v1.0.0"]
    asked = {"version_name": "v1.0.0", "environment": "production"}
    assert signed_in("monitor").rpc("tested_answers", asked).execute().data is None
    measured = {"id": str(uuid4()), "version_name": "v1.0.0", "test_accuracy": 0.9, "test_sample_size": 96}
    for name, kind in (("monitor", "proof"), ("trainer", "monitor"), ("visitor", "monitor")):
        with pytest.raises(APIError, match=r"no user may do this|needs a user whose"):
            signed_in(name).rpc("log_model_performance", {**measured, "kind": kind}).execute()
    signed_in("monitor").rpc("log_model_performance", {**measured, "kind": "monitor"}).execute()
    assert owner.execute("select kind, test_accuracy from public.model_performance_logs").fetchall() == [
        ("monitor", 0.9)
    ]


def test_a_trainer_fills_in_what_waits_and_nothing_of_what_was_ever_shipped(
    signed_in: Callable[[str], Client], owner: Rows
) -> None:
    for name in ("waiting", "marked", "was active", "deployed", "active in staging"):
        owner.execute("insert into public.model_versions (version_name, file_path) values (%s, 'm')", [name])
    owner.execute("update public.model_versions set is_active = true where version_name = 'was active'")
    owner.execute("update public.model_versions set is_active = false")
    owner.execute(
        "insert into public.model_deployments (id, environment, kind, version_id, actor, status)"
        " select gen_random_uuid(), 'staging', 'merge', id, 'asha', 'failed' from public.model_versions"
        " where version_name = 'deployed'"
    )
    owner.execute(
        "update public.environments set active_version_id ="
        " (select id from public.model_versions where version_name = 'active in staging') where name = 'staging'"
    )
    owner.execute("update public.model_versions set is_active = true where version_name = 'marked'")
    said = {"file_path": "m", "revision": "r", "notes": "n", "training_image_count": 9, "metrics": {}, "links": {}}
    names = owner.execute("select version_name from public.model_versions").fetchall()
    for (name,) in names:
        answer: Any = signed_in("trainer").rpc("log_model_version", {"version_name": name, **said}).execute().data
        assert answer["revision"] == ("r" if name == "waiting" else None)
    changed = owner.execute(
        "select version_name from public.model_versions"
        " where coalesce(revision, notes, training_image_count::text, metrics::text, links::text) is not null"
    )
    assert changed.fetchall() == [("waiting",)]


NESTED: Any = [[]]
for _ in range(40):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"notes": "ü" * 40_000}, "notes has 80000 bytes, and may have 65536"),
        ({"metrics": {"loss": [0.123456789] * 30_000}}, r"metrics has \d+ bytes, and may have 262144"),
        ({"links": {"run": "x" * 300_000}}, r"links has \d+ bytes"),
        ({"metrics": {"deep": NESTED}}, "metrics is nested deeper than 32 levels"),
        ({"metrics": {"loss": [0.5, {"last": 10**400}]}}, "metrics has a number beyond"),
        ({"links": {"run": -(10**4000)}}, "links has a number beyond"),
        ({"version_name": "v1.0.0 "}, "version_name has a space at an end"),
        ({"version_name": "v1.0.0\u200b"}, "version_name has a space at an end, or a character that cannot be seen"),
        ({"created_at": "infinity"}, "created_at is infinity"),
        ({"created_at": "0001-01-01T00:00:00Z"}, "created_at is 0001"),
        ({"training_image_count": -1}, "training_image_count is -1"),
        ({"file_path": "m" * 3000}, "file_path has 3000 bytes"),
        ({"revision": "r" * 300}, "revision has 300 bytes"),
    ],
)
def test_a_trainer_can_fill_no_row_so_that_others_cannot_read_it(
    signed_in: Callable[[str], Client], owner: Rows, said: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(APIError, match=refusal):
        signed_in("trainer").rpc("log_model_version", VERSION | said).execute()
    assert owner.execute("select from public.model_versions").fetchall() == []
    if not {"file_path", "version_name"} & said.keys():
        signed_in("trainer").rpc("log_model_version", VERSION).execute()
        with pytest.raises(APIError, match=refusal):
            signed_in("trainer").rpc("log_model_version", VERSION | said).execute()


def test_a_monitor_can_fill_no_row_so_that_others_cannot_read_it(
    signed_in: Callable[[str], Client], owner: Rows
) -> None:
    owner.execute("insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'm')")
    measured = {"version_name": "v1.0.0", "kind": "monitor", "test_accuracy": 0.9, "test_sample_size": 96}
    for said, refusal in (
        ({"details": {"differing": ["photo"] * 60_000}}, r"details has \d+ bytes, and may have 262144"),
        ({"details": {"deep": NESTED}}, "details is nested deeper"),
        ({"details": {"median_ms": 10**4000}}, "details has a number beyond"),
        ({"notes": "x" * 70_000}, "notes has 70000 bytes"),
        ({"environment": "nowhere"}, "this registry has no environment nowhere"),
        ({"test_accuracy": 5}, "test_accuracy is 5"),
        ({"test_accuracy": "NaN"}, "test_accuracy is NaN"),
        ({"top3_accuracy": -0.1}, "top3_accuracy -0.1"),
        ({"test_sample_size": -1}, "test_sample_size is -1"),
    ):
        with pytest.raises(APIError, match=refusal):
            signed_in("monitor").rpc("log_model_performance", {"id": str(uuid4()), **measured, **said}).execute()
    assert owner.execute("select from public.model_performance_logs").fetchall() == []


def test_a_row_from_before_names_were_looked_at_is_still_filled_in(
    signed_in: Callable[[str], Client], owner: Rows
) -> None:
    owner.execute("insert into public.model_versions (version_name, file_path) values ('first ', 'm')")
    said = {"version_name": "first ", "file_path": "m", "notes": "n"}
    answer: Any = signed_in("trainer").rpc("log_model_version", said).execute().data
    assert answer["notes"] == "n"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("model_versions (version_name, file_path, metrics)", "metrics"),
        ("model_performance_logs (notes, kind, details)", "details"),
    ],
)
def test_what_the_secret_key_inserts_is_looked_at_too(owner: Rows, table: str, column: str) -> None:
    owner.execute("set role service_role")
    insert = f"insert into public.{table} values ('v', 'm', %s)"  # noqa: S608 -- one of these two
    with pytest.raises(psycopg.Error, match=f"{column} has a number beyond"):
        owner.execute(insert.encode(), ['{"a": [1e5000]}'])
