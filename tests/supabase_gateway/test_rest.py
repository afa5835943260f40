"""What PostgREST documents of itself, request by request: asked of the gateway, and of PostgREST where that is here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest

from supabase_gateway import tokens
from supabase_gateway.conftest import MAX_ROWS, SECRET

Ask: TypeAlias = Callable[..., httpx.Response]

OBJECT = {"Accept": "application/vnd.pgrst.object+json"}
SHOWN = {"Prefer": "return=representation"}
BLUE_TIGER = {
    "id": 1,
    "name": "Blue Tiger",
    "wings": {"pairs": 2},
    "seen_at": "2026-11-20T10:00:00+00:00",
    "rare": False,
}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in PostgREST's form."""
    body = answer.json()
    assert body.keys() == {"code", "details", "hint", "message"}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Proxy-Status"] == f"PostgREST; error={body['code']}"
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    ("function", "arguments", "answer"),
    [
        ("add", {"a": 1, "b": 2}, 3),
        ("add", {"a": 1}, 2),
        ("add", {"a": "1"}, 2),
        ("add", {"a": None}, None),
        ("whole", {"it": {"x": [1, None, "é"]}}, {"x": [1, None, "é"]}),
        ("whole", {"it": None}, None),
        ("view_of", {"name": "Crow"}, {"species": "Crow", "certainty": 0.9}),
        ("no_view", {}, {"species": None, "certainty": None}),
        ("up_to", {"n": 3}, [1, 2, 3]),
        ("up_to", {"n": 0}, []),
        ("pairs", {"n": 2}, [{"a": 1, "b": "1"}, {"a": 2, "b": "2"}]),
    ],
)
def test_a_function_answers_in_json(ask: Ask, function: str, arguments: dict[str, Any], answer: Any) -> None:
    called = ask("POST", f"/rpc/{function}", json=arguments)
    assert (called.status_code, called.json()) == (200, answer)
    assert called.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_function_without_an_answer_has_none(ask: Ask) -> None:
    called = ask("POST", "/rpc/nothing", json={})
    assert (called.status_code, called.content) == (204, b"")
    assert ask("POST", "/rpc/nothing").status_code == 204


@pytest.mark.parametrize(
    ("function", "arguments", "status", "code"),
    [
        ("nowhere", {}, 404, "PGRST202"),
        ("add", {}, 404, "PGRST202"),
        ("add", {"a": 1, "c": 2}, 404, "PGRST202"),
        ("same", {"a": 1}, 300, "PGRST203"),
        ("add", {"a": "one"}, 400, "22P02"),
        ("write_in_secret", {}, 405, "25006"),
        ("forbidden", {}, 403, "42501"),
    ],
)
def test_a_call_that_cannot_be_made(ask: Ask, function: str, arguments: Any, status: int, code: str) -> None:
    assert refusal(ask("POST", f"/rpc/{function}", json=arguments)) == (status, code)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        *(("PT404", 404), ("PT409", 409), ("PT423", 423), ("PT503", 503)),
        *(("P0001", 400), ("P0002", 500), ("LP001", 400), ("22023", 400), ("22P02", 400), ("23502", 400)),
        *(("23503", 409), ("23505", 409), ("23514", 400), ("25006", 405), ("28P01", 403), ("2D000", 500)),
        *(("40001", 500), ("40P01", 500), ("42501", 403), ("42703", 400), ("42883", 404), ("42P01", 404)),
        *(("53100", 503), ("53400", 500), ("55P03", 500), ("57014", 500), ("57P01", 503), ("58030", 500)),
        *(("0L000", 403), ("0P000", 403), ("08006", 503), ("21000", 500), ("XX000", 500)),
    ],
)
def test_an_error_of_the_database_has_a_status(ask: Ask, state: str, status: int) -> None:
    answer = ask("POST", "/rpc/refuse", json={"state": state})
    assert refusal(answer) == (status, state)
    assert answer.json() == {"code": state, "message": "no", "hint": "ask", "details": '{"next": 1}'}


def test_a_right_that_is_missing_asks_the_anonymous_to_sign_in(ask: Ask) -> None:
    anonymous = ask("GET", "/moths", None)
    assert refusal(anonymous) == (401, "42501")
    assert anonymous.headers["WWW-Authenticate"] == "Bearer"
    assert refusal(ask("GET", "/moths", "authenticated")) == (403, "42501")


def test_a_request_is_its_role_s_with_its_claims_and_limits(ask: Ask) -> None:
    claims = {"sub": "7", "app_metadata": {"role": "admin"}}
    said = ask("POST", "/rpc/who", "authenticated", claims=claims).json()
    assert said["claims"] == {**claims, "role": "authenticated"}
    assert (said["role"], said["method"], said["timeout"], said["read_only"]) == ("authenticated", "POST", "8s", "on")
    nobody = ask("POST", "/rpc/who", None).json()
    assert (nobody["role"], nobody["claims"], nobody["timeout"]) == ("anon", {"role": "anon"}, "3s")
    assert ask("POST", "/rpc/who").json()["timeout"] == "8s"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (tokens.sign({"role": "service_role"}, "another-secret-with-quite-enough-letters"), "PGRST301"),
        (tokens.sign({"role": "service_role"}, SECRET)[:-3] + "abc", "PGRST301"),
        ("sb_secret_no_token_at_all", "PGRST301"),
        (tokens.sign({"role": "service_role", "exp": time.time() - 86400}, SECRET), "PGRST303"),
        (tokens.sign({"role": "service_role", "iat": time.time() + 86400}, SECRET), "PGRST303"),
        (tokens.sign({"role": "service_role", "nbf": time.time() + 86400}, SECRET), "PGRST303"),
        (tokens.sign({"role": "service_role", "exp": "soon"}, SECRET), "PGRST303"),
        (tokens.sign({"role": "nobody_here"}, SECRET), "22023"),
    ],
)
def test_a_token_that_does_not_count(ask: Ask, token: str, code: str) -> None:
    answer = ask("POST", "/rpc/who", None, headers={"Authorization": f"Bearer {token}"})
    assert refusal(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_clocks_may_differ_a_little(ask: Ask) -> None:
    claims = {"exp": int(time.time()) - 10, "iat": int(time.time()) + 10}
    assert ask("POST", "/rpc/who", claims=claims).status_code == 200


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Blue Tiger", "Common Crow", "Hidden One", 'Tailed "Jay", green']),
        ("id=eq.2", ["Common Crow"]),
        ("id=neq.2&id=lt.4", ["Blue Tiger", "Hidden One"]),
        ("id=gt.1&id=gte.2&id=lte.3", ["Common Crow", "Hidden One"]),
        ("rare=is.true", ["Hidden One", 'Tailed "Jay", green']),
        ("rare=is.null", ["Common Crow"]),
        ("seen_at=is.not_null", ["Blue Tiger", 'Tailed "Jay", green']),
        ("name=like.*Tiger", ["Blue Tiger"]),
        ("id=in.(1,3)", ["Blue Tiger", "Hidden One"]),
        ('name=in.(Blue Tiger,"Tailed \\"Jay\\", green")', ["Blue Tiger", 'Tailed "Jay", green']),
        ("limit=2", ["Blue Tiger", "Common Crow"]),
        ("limit=2&offset=3", ['Tailed "Jay", green']),
        ("id=eq.77", []),
    ],
)
def test_rows_are_filtered(ask: Ask, query: str, names: list[str]) -> None:
    answer = ask("GET", f"/butterflies?select=name&order=id&{query}")
    assert (answer.status_code, answer.json()) == (200, [{"name": name} for name in names])


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("id.desc", [4, 3, 2, 1]),
        ("seen_at.desc.nullslast,id", [4, 1, 2, 3]),
        ("seen_at.desc,id.desc", [3, 2, 4, 1]),
        ("seen_at.nullsfirst,id.asc", [2, 3, 1, 4]),
    ],
)
def test_rows_are_ordered(ask: Ask, order: str, ids: list[int]) -> None:
    assert [row["id"] for row in ask("GET", f"/butterflies?order={order}").json()] == ids


def test_a_row_has_its_columns_and_an_answer_its_range(ask: Ask) -> None:
    answer = ask("GET", "/butterflies?select=*&id=lt.3&order=id")
    assert answer.json()[0] == BLUE_TIGER
    assert answer.headers["Content-Range"] == "0-1/*"
    assert ask("GET", "/butterflies?id=eq.77").headers["Content-Range"] == "*/*"
    assert ask("GET", "/rarities", None).json() == [{"name": "Hidden One"}, {"name": 'Tailed "Jay", green'}]


def test_a_role_sees_what_its_policies_show(ask: Ask) -> None:
    assert [row["id"] for row in ask("GET", "/butterflies?order=id", "authenticated").json()] == [1, 2, 4]


@pytest.mark.parametrize(("ids", "found"), [("(1)", 1), ("(77)", 0), ("(1,2)", 2)])
def test_one_object_is_one_row(ask: Ask, ids: str, found: int) -> None:
    answer = ask("GET", f"/butterflies?select=name&id=in.{ids}", headers=OBJECT)
    if found == 1:
        assert answer.json() == {"name": "Blue Tiger"}
        assert answer.headers["Content-Type"].startswith(OBJECT["Accept"])
    else:
        assert refusal(answer) == (406, "PGRST116")
        assert answer.json()["details"] == f"The result contains {found} rows"


def test_what_was_written_is_undone_when_it_is_not_one_row(ask: Ask, owner: psycopg.Connection[Any]) -> None:
    assert refusal(ask("POST", "/rpc/stray", json={}, headers=OBJECT)) == (406, "PGRST116")
    two = [{"id": 91, "name": "One"}, {"id": 92, "name": "Two"}]
    assert refusal(ask("POST", "/butterflies", json=two, headers=OBJECT | SHOWN)) == (406, "PGRST116")
    assert owner.execute("select count(*) from butterflies").fetchone() == (4,)


def test_a_row_is_inserted_and_shown_if_wanted(ask: Ask) -> None:
    shown = ask("POST", "/butterflies", json={"id": 5, "name": "Peacock Pansy", "wings": [1]}, headers=SHOWN)
    assert (shown.status_code, shown.json()) == (
        201,
        [{"id": 5, "name": "Peacock Pansy", "wings": [1], "seen_at": None, "rare": False}],
    )
    quiet = ask("POST", "/butterflies", json={"id": 6, "name": "Plain Tiger"})
    assert (quiet.status_code, quiet.content) == (201, b"")
    part = ask("POST", "/butterflies?select=id", json={"id": 7, "name": "Crimson Rose"}, headers=SHOWN)
    assert part.json() == [{"id": 7}]


def test_several_rows_are_inserted_together_or_not_at_all(ask: Ask) -> None:
    rows = [{"id": 5, "name": "One"}, {"id": 6, "name": "Two"}]
    assert ask("POST", "/butterflies?columns=id,name", json=rows).status_code == 201
    again = [{"id": 7, "name": "Three"}, {"id": 5, "name": "Again"}]
    assert refusal(ask("POST", "/butterflies", json=again)) == (409, "23505")
    assert [row["id"] for row in ask("GET", "/butterflies?id=gt.4&order=id").json()] == [5, 6]


def test_who_may_not_read_may_still_insert(ask: Ask) -> None:
    row = {"id": 5, "name": "Plain Tiger"}
    assert refusal(ask("POST", "/butterflies", None, json=row, headers=SHOWN)) == (401, "42501")
    assert ask("POST", "/butterflies", None, json=row).status_code == 201
    assert refusal(ask("POST", "/butterflies", None, json={"id": 8, "name": "Hidden One"})) == (401, "42501")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"content": b"{"}, 400, "PGRST102"),
        ({"content": b""}, 400, "PGRST102"),
        ({"content": b"id,name\n5,One\n", "headers": {"Content-Type": "text/plain"}}, 400, "PGRST102"),
        ({"json": [{"id": 5, "name": "One"}, {"id": 6}]}, 400, "PGRST102"),
        ({"json": {"id": 5, "name": "One", "colour": "blue"}}, 400, "PGRST204"),
        ({"json": {"id": 5}}, 400, "23502"),
        ({"json": {"id": "five", "name": "One"}}, 400, "22P02"),
        ({"json": {"id": 1, "name": "One"}}, 409, "23505"),
    ],
)
def test_a_row_that_cannot_be_inserted(ask: Ask, body: dict[str, Any], status: int, code: str) -> None:
    assert refusal(ask("POST", "/butterflies", **body)) == (status, code)


def test_rows_are_changed_and_deleted(ask: Ask) -> None:
    changed = ask("PATCH", "/butterflies?id=eq.2&select=name,rare", json={"rare": True}, headers=SHOWN)
    assert (changed.status_code, changed.json()) == (200, [{"name": "Common Crow", "rare": True}])
    assert ask("PATCH", "/butterflies?id=eq.1", json={"name": "Tiger", "wings": None}).status_code == 204
    assert ask("GET", "/butterflies?select=name,wings&id=eq.1").json() == [{"name": "Tiger", "wings": None}]
    assert ask("PATCH", "/butterflies?id=eq.77", json={"rare": True}, headers=SHOWN).json() == []
    assert ask("DELETE", "/butterflies?id=lte.2").status_code == 204
    assert [row["id"] for row in ask("DELETE", "/butterflies?id=gt.0&select=id", headers=SHOWN).json()] == [3, 4]
    assert refusal(ask("PATCH", "/butterflies?id=eq.1", "authenticated", json={"rare": True})) == (403, "42501")
    assert refusal(ask("PATCH", "/butterflies?id=eq.1", json={"colour": "blue"})) == (400, "PGRST204")


def test_no_answer_has_more_rows_than_the_limit(ask: Ask) -> None:
    for number in range(10, 20):
        ask("POST", "/butterflies", json={"id": number, "name": "One"})
    assert len(ask("GET", "/butterflies").json()) == MAX_ROWS
    assert len(ask("GET", "/butterflies?limit=100").json()) == MAX_ROWS
    assert ask("POST", "/rpc/up_to", json={"n": 100}).json() == list(range(1, MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("method", "path", "headers", "refused"),
    [
        ("GET", "/", {}, (404, "PGRST126")),
        ("GET", "/a/b/c", {}, (404, "PGRST125")),
        ("GET", "/nothing_here", {}, (404, "PGRST205")),
        ("GET", "/butterflies?colour=eq.blue", {}, (400, "42703")),
        ("GET", "/butterflies?select=colour", {}, (400, "42703")),
        ("GET", "/butterflies?id=equals.1", {}, (400, "PGRST100")),
        ("GET", "/butterflies?id=is.big", {}, (400, "PGRST100")),
        ("GET", "/butterflies?order=id.sideways", {}, (400, "PGRST100")),
        ("GET", "/butterflies?id=eq.one", {}, (400, "22P02")),
        ("GET", "/butterflies?limit=-1", {}, (416, "PGRST103")),
        ("GET", "/butterflies", {"Accept": "image/png"}, (406, "PGRST107")),
        ("GET", "/butterflies", {"Accept-Profile": "private"}, (406, "PGRST106")),
        ("POST", "/rpc/nothing", {"Content-Profile": "private"}, (406, "PGRST106")),
        ("PATCH", "/rpc/nothing", {}, (405, "PGRST101")),
    ],
)
def test_a_request_that_means_nothing(
    ask: Ask, method: str, path: str, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    assert refusal(ask(method, path, headers=headers)) == refused
