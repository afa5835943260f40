"""What no visitor can do: send forms from elsewhere, come in by a number made up, be led away, or guess for long."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Queue
from threading import Event

import httpx
import pytest
from starlette.routing import Route

from dashboard.world import ADMIN, PASSWORD, Browser, World, fields_of
from lepinet.dashboard.app import create_app, routes
from lepinet.dashboard.attempts import SIGN_IN, SIGN_IN_FROM
from lepinet.dashboard.pages.sign_in import AT_ONCE
from lepinet.dashboard.server import site_of
from lepinet.dashboard.sessions import IDLE, LONGEST, MOST, Entry, Sessions
from lepinet.registry.accounts import NotSignedInError
from lepinet.settings import Settings
from lepinet.timings import Timings
from supabase_gateway.gateway import project_online, serving

ROUTES = [route for route in routes() if isinstance(route, Route)]
SOMEWHERE = {"path": "x", "name": "x", "version": "v1.0.0", "old": "v1.0.0", "new": "v1.1.0", "id": "1"}
STRICT = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
ALL = "0.0.0.0"  # noqa: S104 -- what is tested is that it does not listen there
OURS = {"Sec-Fetch-Site": "same-origin"}


def address(route: Route) -> str:
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: SOMEWHERE.get(found[1], "x"), route.path)


def strict(answer: httpx.Response) -> None:
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT
    assert answer.headers["x-request-id"]
    assert "no-store" in answer.headers["cache-control"] or "private" in answer.headers["cache-control"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{max(route.methods)} {route.path}")
def test_every_page_is_strict_and_shows_itself_only_to_people_who_came_in(
    hosted_here: str, inside: Browser, route: Route
) -> None:
    outside = httpx.Client(base_url=hosted_here)
    for method in (route.methods or set()) - {"HEAD"}:
        for who in (outside, inside.client):
            with who.stream(method, address(route)) as answer:
                strict(answer)
                if method == "POST":
                    assert answer.status_code in ({303, 403} if who is outside else {403}), route.path
                elif who is outside and route.path != "/sign-in":
                    assert answer.headers["location"].startswith("/sign-in") or answer.status_code == 401


@pytest.mark.parametrize(
    "path", ["/nothing", "/versions/", "/static", "/static/nothing", "/static/../app.py", "/static/%2e%2e/app.py"]
)
def test_what_is_not_there_is_strict_too(inside: Browser, path: str) -> None:
    answer = inside.get(path)
    assert answer.status_code == 404
    strict(answer)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://localhost:1"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        (OURS, False),
        ({}, False),
    ],
)
def test_a_form_that_is_sent_from_elsewhere_does_nothing(
    admin: Browser, headers: Mapping[str, str], *, token: bool
) -> None:
    fields = fields_of(admin.get("/").text, "/sign-out") if token else {}
    assert admin.send("/sign-out", fields, **headers).status_code == 403
    assert admin.get("/").status_code == 200


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape"])
def test_a_form_in_a_charset_that_gives_no_text_is_refused(visitor: Browser, charset: str) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n\\ud800\r\n--b--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    answer = visitor.client.post("/sign-in", content=form, headers=headers)
    assert (answer.status_code, "not in UTF-8" in answer.text) == (400, True)


def test_a_token_is_worth_nothing_to_another_browser(admin: Browser) -> None:
    with Browser(admin.url) as other:
        fields = fields_of(other.get("/sign-in").text, "/sign-in")
    assert admin.send("/sign-out", fields, **OURS).status_code == 403


def test_a_number_that_somebody_else_has_chosen_is_replaced_by_signing_in(visitor: Browser) -> None:
    chosen = "a" * 43
    visitor.cookies.set("lepinet", chosen, domain="127.0.0.1", path="/")
    visitor.sign_in(email=ADMIN.email, password=PASSWORD)
    assert visitor.get("/").status_code == 200
    with Browser(visitor.url) as attacker:
        attacker.cookies.set("lepinet", chosen, domain="127.0.0.1", path="/")
        assert attacker.get("/").status_code == 303
    assert visitor.cookies["lepinet"] != chosen


@pytest.mark.parametrize("number", ["a" * 43, "", "a", "x" * 10_000, "../../../etc/passwd", "é" * 43])
def test_a_number_that_is_made_up_opens_nothing(visitor: Browser, number: str) -> None:
    assert visitor.client.get("/", headers=[(b"Cookie", f"lepinet={number}".encode())]).status_code == 303


def test_a_token_of_the_project_opens_nothing_by_itself(visitor: Browser, hosted: World) -> None:
    assert hosted.project
    token = hosted.project.user_token(ADMIN)
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"lepinet={token}; sb-access-token={token}"}):
        assert visitor.get("/", **headers).status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        " //evil.example",
        "/" + "a" * 3000,
        "/\r\nSet-Cookie: lepinet=a",
    ],
)
def test_signing_in_leads_nowhere_else(visitor: Browser, elsewhere: str) -> None:
    entered = visitor.sign_in(email=ADMIN.email, password=PASSWORD, next=elsewhere)
    assert entered.headers["Location"] in {"/", "/%09/evil.example"}
    assert "evil" not in httpx.URL(visitor.url).join(entered.headers["Location"]).host


def test_after_some_wrong_passwords_the_right_one_has_to_wait_and_other_accounts_have_not(visitor: Browser) -> None:
    for _ in range(SIGN_IN.amount):
        assert visitor.sign_in(email=ADMIN.email, password="wrong").status_code == 403  # noqa: S106 -- of nobody
    assert visitor.sign_in(email=ADMIN.email.upper(), password=PASSWORD).status_code == 429
    refused = visitor.sign_in(email="visitor@example.org", password=PASSWORD)
    assert "this account may not look here" in refused.text


def test_one_address_cannot_try_one_account_after_the_other(visitor: Browser) -> None:
    for number in range(SIGN_IN_FROM.amount):
        assert visitor.sign_in(email=f"{number}@example.org", password=PASSWORD).status_code == 403
    assert visitor.sign_in(email=ADMIN.email, password=PASSWORD).status_code == 429


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_a_site_whose_name_leads_here_is_refused(browser: Browser, host: str) -> None:
    answer = browser.get("/", Host=host)
    assert answer.status_code == 400
    strict(answer)


def test_those_who_have_come_in_are_not_shut_out_by_their_own_success(visitor: Browser) -> None:
    for _ in range(SIGN_IN.amount - 1):
        assert visitor.sign_in(email=ADMIN.email, password="wrong").status_code == 403  # noqa: S106 -- of nobody
    for _ in range(2):
        assert visitor.sign_in(email=ADMIN.email, password=PASSWORD).status_code == 303
        visitor.fill("/", "/sign-out")
    assert visitor.sign_in(email=ADMIN.email, password="wrong").status_code == 403  # noqa: S106 -- of nobody


@contextmanager
def behind_a_proxy(world: World, **settings: str) -> Iterator[httpx.Client]:
    """A dashboard that people reach as https://dashboard.example.org, and what comes to it from the proxy."""
    workspace = world.workspace
    there = replace(workspace, settings=Settings({**workspace.settings.environ, **settings}))
    with (
        site_of(there, host="127.0.0.1", url="https://dashboard.example.org", say=print) as site,
        serving(create_app(site)) as url,
        httpx.Client(base_url=url, headers={"Host": "dashboard.example.org"}) as client,
    ):
        yield client


def test_over_an_encrypted_way_the_number_stays_on_it(hosted: World) -> None:
    with behind_a_proxy(hosted) as client:
        page = client.get("/sign-in")
        assert client.get("/sign-in", headers={"Host": "127.0.0.1"}).status_code == 400
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-lepinet=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert page.headers["strict-transport-security"].startswith("max-age=")


def test_behind_a_proxy_forms_are_taken_from_its_address(hosted: World) -> None:
    with behind_a_proxy(hosted) as client:
        page = client.get("/sign-in")
        number = page.headers["set-cookie"].partition(";")[0]
        said = {**fields_of(page.text, "/sign-in"), "email": ADMIN.email, "password": PASSWORD}
        for origin, status in (("http://dashboard.example.org", 403), ("https://dashboard.example.org", 303)):
            headers = {"Origin": origin, "Cookie": number}
            assert client.post("/sign-in", data=said, headers=headers).status_code == status


def wrong_token(client: httpx.Client, *forwarded: str) -> int:
    """The status of a sign-in that came through these proxies, each of which has written its own line."""
    page = client.get("/sign-in")
    said = {**fields_of(page.text, "/sign-in"), "token": "b" * 32}
    lines = [("X-Forwarded-For", one) for one in forwarded]
    headers = [("Origin", "https://dashboard.example.org"), ("Cookie", page.headers["set-cookie"].partition(";")[0])]
    return client.post("/sign-in", data=said, headers=[*headers, *lines]).status_code


def test_an_address_that_is_made_up_is_not_counted_in_the_place_of_the_proxy_s(world: World) -> None:
    with behind_a_proxy(world, LEPINET_DASHBOARD_TOKEN="a" * 32) as client:
        for number in range(SIGN_IN_FROM.amount):
            assert wrong_token(client, f"198.51.100.{number}", "203.0.113.7") == 403
        assert wrong_token(client, "198.51.100.200", "203.0.113.7") == 429
        assert wrong_token(client, "203.0.113.7, 203.0.113.8") == 403


def test_on_this_machine_the_number_is_out_of_reach_of_scripts(visitor: Browser) -> None:
    cookie = visitor.get("/sign-in").headers["set-cookie"]
    assert cookie.startswith("lepinet=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def test_whoever_is_no_admin_any_more_is_out_when_the_account_is_renewed(hosted: World) -> None:
    assert hosted.project
    short = replace(hosted.project, session=60)
    with project_online(short) as project, hosted.dashboard(SUPABASE_URL=project) as url, Browser(url) as browser:
        browser.sign_in(email=ADMIN.email, password=PASSWORD)
        for _ in range(3):
            assert browser.get("/").status_code == 200
        changed = httpx.put(
            f"{project}/auth/v1/admin/users/{ADMIN.id}",
            headers={"apikey": short.secret_key},
            json={"app_metadata": {"role": None}},
        )
        assert changed.status_code == 200
        assert browser.get("/").status_code == 303


@dataclass(frozen=True)
class FaultyDoor:
    """One with a mistake in it."""

    asks: tuple[str, ...] = ("token",)

    def enter(self, said: Mapping[str, str]) -> Entry:
        raise ZeroDivisionError(said["token"])

    def stay(self, entry: Entry) -> Entry:
        return entry

    def leave(self, entry: Entry) -> None:
        """Nothing."""


def test_what_nobody_foresaw_is_written_down_and_the_visitor_gets_its_number(world: World) -> None:
    said: list[str] = []
    with world.site() as site:
        app = create_app(replace(site, door=FaultyDoor(), say=said.append))
        with serving(app) as url, Browser(url) as browser:
            answer = browser.sign_in(token="a secret")  # noqa: S106 -- of nothing
            assert browser.get("/sign-in").status_code == 200
    assert answer.status_code == 500
    strict(answer)
    assert answer.headers["x-request-id"] in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert said[0] == f"request {answer.headers['x-request-id']} failed:"
    assert "ZeroDivisionError" in said[-1]


@dataclass
class SlowDoor:
    """One that does not answer until it is told to."""

    asks: tuple[str, ...] = ("email", "password")
    open: Event = field(default_factory=Event)
    tried: Queue[str] = field(default_factory=Queue)

    def enter(self, said: Mapping[str, str]) -> Entry:
        self.tried.put(said["email"])
        assert self.open.wait(60)
        raise NotSignedInError("this is not the password")

    def stay(self, entry: Entry) -> Entry:
        return entry

    def leave(self, entry: Entry) -> None:
        """Nothing."""


@contextmanager
def slow_door(world: World) -> Iterator[tuple[SlowDoor, str]]:
    """It, and the URL of a dashboard with it."""
    door = SlowDoor()
    with world.site() as site, serving(create_app(replace(site, door=door))) as url:
        try:
            yield door, url
        finally:
            door.open.set()


def tries(url: str, email: str) -> httpx.Response:
    with Browser(url) as browser:
        return browser.sign_in(email=email, password="wrong")  # noqa: S106 -- of nobody


def test_while_sign_ins_hang_the_next_is_refused_and_everything_else_answers(world: World) -> None:
    with slow_door(world) as (door, url), ThreadPoolExecutor(AT_ONCE) as people:
        hanging = [people.submit(tries, url, f"{number}@example.org") for number in range(AT_ONCE)]
        for _ in hanging:
            door.tried.get(timeout=60)
        refused = tries(url, "one-more@example.org")
        assert (refused.status_code, "Too many at once" in refused.text) == (503, True)
        assert httpx.get(f"{url}/static/style.css").status_code == 200
        assert httpx.get(f"{url}/sign-in").status_code == 200
        door.open.set()
        assert [one.result().status_code for one in hanging] == [403] * AT_ONCE
    assert door.tried.empty()


def test_passwords_that_are_tried_at_once_are_counted_too(world: World) -> None:
    with slow_door(world) as (door, url), ThreadPoolExecutor(SIGN_IN.amount) as people:
        hanging = [people.submit(tries, url, "asha@example.org") for _ in range(SIGN_IN.amount)]
        for _ in hanging:
            door.tried.get(timeout=60)
        assert tries(url, "Asha@example.org").status_code == 429
        door.open.set()
        assert [one.result().status_code for one in hanging] == [403] * SIGN_IN.amount
    assert door.tried.empty()


def test_sessions_end_after_a_while_without_requests_and_in_any_case_after_half_a_day() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    number = sessions.begin(Entry("asha"))
    now += IDLE
    assert sessions.find(number)
    now += IDLE + 1
    assert sessions.find(number) is None
    number = sessions.begin(Entry("asha"))
    for _ in range(int(LONGEST / IDLE)):
        now += IDLE
        assert sessions.find(number)
    now += 1
    assert sessions.find(number) is None


@pytest.mark.parametrize("said", [{"X-By-Itself": "1"}, {"Accept": "text/event-stream"}])
def test_what_an_open_page_asks_for_by_itself_keeps_nobody_in(world: World, said: Mapping[str, str]) -> None:
    now, token = 0.0, "a" * 32
    with world.site(LEPINET_DASHBOARD_TOKEN=token) as site:
        timed = replace(site, sessions=Sessions(lambda: now))
        with serving(create_app(timed)) as url, Browser(url) as browser:
            assert browser.sign_in(token=token).status_code == 303
            now += IDLE
            assert browser.get("/check-photo", **said).status_code == 200
            now += 1
            assert browser.get("/check-photo").status_code == 303


def test_of_too_many_sessions_the_one_unused_for_longest_ends() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    numbers = []
    for _ in range(MOST):
        now += 1
        numbers.append(sessions.begin(Entry("asha")))
    now += 1
    assert sessions.find(numbers[0])
    sessions.begin(Entry("asha"))
    assert [bool(sessions.find(number)) for number in numbers[:3]] == [True, False, True]


@pytest.mark.parametrize(
    ("options", "settings", "what"),
    [
        (["--host", ALL], {}, "under which address do people reach it?"),
        (["--host", ALL, "--url", "https://d.example.org"], {}, "there is no LEPINET_DASHBOARD_TOKEN"),
        (["--url", "http://d.example.org"], {}, "is no address of a site"),
        (["--url", "https://d.example.org/here"], {}, "is no address of a site"),
        ([], {"LEPINET_DASHBOARD_TOKEN": "a" * 31}, "has less than 32 characters"),
    ],
)
def test_it_does_not_begin_where_anybody_could_come_in(
    world: World, options: list[str], settings: dict[str, str], what: str
) -> None:
    ended = world.desk.lepinet("dashboard", *options, **settings)
    assert (ended.code, what in ended.err) == (2, True), ended.err
    assert "a" * 31 not in ended.err


def test_a_form_that_does_not_arrive_is_waited_for_a_while(world: World) -> None:
    workspace = replace(world.workspace, timings=Timings(form=0.1))
    head = "POST /changes/activate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with site_of(workspace, host="127.0.0.1", url=None, say=print) as site, serving(create_app(site)) as url:
        address = ("127.0.0.1", httpx.URL(url).port or 0)
        with socket.create_connection(address, timeout=60) as client, client.makefile("rb") as answer:
            client.sendall(f"{head}reason=".encode())
            assert answer.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
