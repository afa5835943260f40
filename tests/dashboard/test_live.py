"""Open pages are told what happens: by PostgreSQL at once, of a Supabase project by one look for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message, Scope

from dashboard.world import ADMIN, PASSWORD, Browser, World, on_github, on_the_wire
from lepinet.dashboard.app import create_app
from lepinet.dashboard.aside import Aside
from lepinet.dashboard.live import MOST_OF_ONE
from lepinet.dashboard.place import Site
from reconcile.watch import Watch
from supabase_gateway.project import User

OTHER = User("bhanura@example.org", PASSWORD, {"role": "admin"})
LOOK = 0.05
"""Seconds between two looks."""


@contextmanager
def following(browser: Browser) -> Iterator[Iterator[str]]:
    """The notices of a page that lies open, the first of which says that it is followed."""
    with browser.client.stream("GET", "/events", timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.status_code
        notices = (line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: "))
        assert next(notices) == "registry"
        yield notices


def note(world: World) -> str:
    """Something happens to the newest deployment, whose id it is."""
    with world.database() as owner:
        row = owner.execute("select id::text from public.model_deployments order by number desc limit 1").fetchone()
        assert row
        owner.execute(
            "insert into public.deployment_events (id, deployment_id, step, text) values (%s, %s, 'move', 'a secret')",
            [uuid4(), row[0]],
        )
        return str(row[0])


def test_a_step_is_told_at_once_and_by_its_id_alone(hostile: World) -> None:
    with hostile.dashboard() as url, Browser(url) as browser, following(browser) as notices:
        assert f"deployment_events {note(hostile)}" == next(notices)


def test_a_merge_is_told_before_anything_is_reconciled(hostile: World) -> None:
    with hostile.dashboard() as url, Browser(url) as browser, following(browser) as notices:
        hostile.desk.git("commit", "--quiet", "--allow-empty", "--message", "Merge")
        assert next(notices) == "git"


def test_a_branch_that_is_made_or_deleted_is_told(hostile: World) -> None:
    """Without GitHub it is a change that somebody proposes or withdraws."""
    with hostile.dashboard() as url, Browser(url) as browser, following(browser) as notices:
        for change in (("branch", "proposed", "main"), ("branch", "--quiet", "--delete", "--force", "proposed")):
            hostile.desk.git(*change)
            assert next(notices) == "git"


def test_a_pull_request_that_was_asked_for_here_is_told(world: World, tmp_path: Path) -> None:
    """It is no branch of this clone."""
    with (
        on_github(world, tmp_path) as (there, _),
        there.dashboard() as url,
        Browser(url) as browser,
        following(browser) as notices,
    ):
        chosen = {"environment": "production", "version": "v1.1.0", "reason": "Better at dusk."}
        assert browser.fill("/changes/new?kind=activate", "/changes/activate", **chosen).status_code == 303
        assert next(notices) == "changes"


def test_all_that_moves_is_told_and_a_lease_is_not(hostile: World) -> None:
    changes = (
        "update public.environments set lease_until = lease_until where name = 'production'",
        "update public.environments set active_version_id = active_version_id where name = 'production'",
        "update public.model_deployments set error = error where number = 0",
        "insert into public.model_performance_logs (id, kind) values ('00000000-0000-0000-0000-000000000009', 'proof')",
    )
    with hostile.dashboard() as url, Browser(url) as browser, following(browser) as notices:
        with hostile.database() as owner:
            for change in changes:
                owner.execute(change.encode())
        told = [next(notices) for _ in range(3)]
    assert told[0] == "environments production"
    assert told[1].startswith("model_deployments ")
    assert told[2] == "model_performance_logs 00000000-0000-0000-0000-000000000009"


def test_a_page_that_was_made_before_the_last_notice_is_told_at_once(hostile: World) -> None:
    with hostile.dashboard() as url, Browser(url) as browser, following(browser) as notices:
        note(hostile)
        next(notices)
        for made, told in (("0", True), (f"{time.monotonic() + 60}", False)):
            with browser.client.stream("GET", f"/events?made={made}", timeout=20) as late:
                lines = (line for line in late.iter_lines() if line.startswith("data: "))
                if not told:
                    note(hostile)
                assert next(lines).startswith("data: registry" if told else "data: deployment_events")


def test_one_browser_follows_with_a_few_pages(here: str) -> None:
    with ExitStack() as stack, Browser(here) as browser:
        browser.get("/")
        streams = [stack.enter_context(browser.client.stream("GET", "/events")) for _ in range(MOST_OF_ONE + 1)]
        assert [answer.status_code for answer in streams] == [200] * MOST_OF_ONE + [204]


def test_pages_that_are_opened_at_once_are_counted_too(world: World) -> None:
    """Each asks for a place before any of the others is answered."""
    asked = 3 * MOST_OF_ONE
    with world.site() as site:
        app, cookie = create_app(site), f"lepinet={'a' * 43}"

        async def statuses() -> list[int]:
            began: list[int] = []
            all_asked = asyncio.Event()

            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    began.append(message["status"])
                    if len(began) == asked:
                        all_asked.set()
                    await all_asked.wait()

            async def receive() -> Message:
                await all_asked.wait()
                return {"type": "http.disconnect"}

            async with asyncio.timeout(60):
                await asyncio.gather(*(app(events_asked(cookie), receive, send) for _ in range(asked)))
            return began

        assert sorted(asyncio.run(statuses())) == [200] * MOST_OF_ONE + [204] * (asked - MOST_OF_ONE)
        assert site.live.numbers == ()


def events_asked(cookie: str) -> Scope:
    """A request for `/events`."""
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    asked = {"method": "GET", "path": "/events", "query_string": b"", "headers": headers, "http_version": "1.1"}
    return {"type": "http", "scheme": "http", "server": ("localhost", 80), "client": None, "root_path": "", **asked}


@contextmanager
def looked_at(world: World) -> Iterator[tuple[str, Site, Watch]]:
    """A dashboard of a Supabase project, what its requests share, and who hears of its calls."""
    watch = Watch()
    with on_the_wire(world, watch, replace(world.workspace.timings, look=LOOK), (ADMIN, OTHER)) as (url, site):
        yield url, site, watch


@contextmanager
def signed_in(url: str, user: User = ADMIN) -> Iterator[Browser]:
    with Browser(url) as browser:
        assert browser.sign_in(email=user.email, password=user.password).status_code == 303
        yield browser


def looks(watch: Watch) -> int:
    return watch.calls.count("registry_pulse")


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_many_open_pages_cost_one_look_at_a_time_and_none_when_none_is_open(hosted: World) -> None:
    with looked_at(hosted) as (url, site, watch), signed_in(url) as one, signed_in(url, OTHER) as other:
        one.get("/")
        assert looks(watch) == 0
        with following(one), following(one), following(other):
            begun, before = time.monotonic(), looks(watch)
            assert soon(lambda: looks(watch) >= before + 5)
            assert looks(watch) - before <= (time.monotonic() - begun) / LOOK + 2
        assert soon(lambda: not site.live.numbers)
        one.get("/")  # which takes longer than what may be under way
        after = looks(watch)
        for _ in range(5):
            one.get("/")
        assert looks(watch) == after


def test_what_a_look_finds_is_told_to_every_page(hosted: World) -> None:
    with (
        looked_at(hosted) as (url, _, _),
        signed_in(url) as one,
        signed_in(url, OTHER) as other,
        following(one) as first,
        following(other) as second,
    ):
        note(hosted)
        assert next(first) == next(second) == "registry"


def test_when_the_one_it_looked_as_signs_out_another_one_s_rights_are_used(hosted: World) -> None:
    with (
        looked_at(hosted) as (url, site, _),
        signed_in(url) as one,
        signed_in(url, OTHER) as other,
        following(one) as first,
        following(other) as second,
    ):
        one.fill("/", "/sign-out")
        assert list(first) == []
        assert soon(lambda: len(site.live.numbers) == 1)
        note(hosted)
        assert next(second) == "registry"


def test_whoever_has_not_come_in_is_told_nothing(hosted_here: str) -> None:
    answer = httpx.get(f"{hosted_here}/events", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.text) == (401, "Sign in again.")


@pytest.mark.parametrize("path", ["/", "/deployments"])
def test_pages_that_follow_say_when_they_were_made(browser: Browser, path: str) -> None:
    page = browser.get(path).text
    assert f'data-made="{time.monotonic():.3f}'[:14] in page
    assert "/static/live.js" in page


def test_what_was_fetched_before_something_was_told_is_asked_for_again() -> None:
    aside, fetched = Aside(patience=60, clock=lambda: 10), count()
    assert [aside.get("list", lambda: next(fetched), news) for news in (9, 10, 11)] == [0, 0, 1]


def test_what_was_fetched_while_somebody_changed_it_is_asked_for_again() -> None:
    aside = Aside(patience=60, clock=lambda: 10)

    def fetched_meanwhile() -> str:
        aside.forget("list")
        return "before"

    assert [aside.get("list", fetch) for fetch in (fetched_meanwhile, lambda: "after")] == [None, "after"]
