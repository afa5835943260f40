"""A registry that is down: one page waits for it, the others say at once since when."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import httpx

from dashboard.world import ADMIN, Browser, World, fields_of, on_the_wire
from lepinet.dashboard.outages import Outages
from lepinet.dashboard.place import AT_ONCE
from lepinet.timings import Timings
from reconcile.supabase_wire import Fault
from reconcile.watch import DEADLINE, Watch

PAGES = ("/", "/versions", "/species", "/deployments")


def out_of_order(request: BaseHTTPRequestHandler) -> None:
    request.send_error(503, "Service Unavailable")


def down(times: int = 99) -> Fault:
    """A project that fails at what every Overview asks first."""
    return Fault(call="registry_snapshot", answers=out_of_order, times=times)


def silent(request: BaseHTTPRequestHandler) -> None:
    """Takes the call, and says nothing until the other side hangs up."""
    request.connection.recv(1)


def timings(outage: float) -> Timings:
    return Timings(outage=outage, retries=0)


def signed_in(url: str) -> Browser:
    browser = Browser(url)
    assert browser.sign_in(email=ADMIN.email, password=ADMIN.password).status_code == 303
    return browser


def test_what_one_page_has_found_out_the_others_say_at_once_and_since_when(hosted: World) -> None:
    watch = down()
    with on_the_wire(hosted, watch, timings(outage=3600)) as (url, _), signed_in(url) as browser:
        said = [browser.get(page) for page in PAGES]
        assert watch.calls[1:] == ["registry_snapshot"]  # after the sign-in
        assert [answer.status_code for answer in said] == [200, 502, 502, 502]
        since = {moment for one in said for moment in re.findall(r"no answer since \d\d:\d\d:\d\d UTC", one.text)}
        assert len(since) == 1
        assert all("HTTP 503" in one.text for one in said)


def test_what_takes_connections_and_never_answers_is_waited_for_once(hosted: World) -> None:
    swallowing = Fault(call="registry_snapshot", answers=silent)
    with (
        on_the_wire(hosted, swallowing, replace(timings(outage=3600), request=2)) as (url, _),
        signed_in(url) as browser,
    ):
        said = [browser.get(page) for page in PAGES]
        assert swallowing.calls[1:] == ["registry_snapshot"]
        assert all("no answer since" in one.text for one in said)


def test_who_comes_while_a_page_waits_waits_for_the_same_answer(hosted: World) -> None:
    asked = threading.Event()

    def swallow(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        silent(request)

    swallowing = Fault(call="registry_snapshot", answers=swallow)
    with (
        on_the_wire(hosted, swallowing, replace(timings(outage=3600), request=3, doubt=0)) as (url, _),
        signed_in(url) as browser,
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(browser.get, "/")
        assert asked.wait(DEADLINE)
        others = list(pool.map(browser.get, PAGES))
        assert swallowing.calls[1:] == ["registry_snapshot"]
        assert all("no answer since" in one.text for one in (first.result(), *others))


def test_one_slow_answer_holds_nobody_up_while_the_registry_answers_others() -> None:
    now = 0.0
    outages = Outages(pause=3600, doubt=4, clock=lambda: now)

    def ask() -> None:
        with outages.asking("a"):
            pass

    with ThreadPoolExecutor() as pool, outages.asking("a"):
        now += 1
        pool.submit(ask).result(DEADLINE)
        now += 6
        pool.submit(ask).result(DEADLINE)


def test_what_asks_no_registry_does_not_wait_behind_what_does(hosted: World) -> None:
    asked, over = threading.Semaphore(0), threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        asked.release()
        over.wait(DEADLINE)
        out_of_order(request)

    slow_one = Fault(call="model_version_page", answers=slow)
    with (
        on_the_wire(hosted, slow_one, replace(timings(outage=3600), request=DEADLINE, doubt=DEADLINE)) as (url, _),
        signed_in(url) as browser,
        ThreadPoolExecutor(2 * AT_ONCE) as pool,
    ):
        pages = [pool.submit(browser.get, "/versions") for _ in range(2 * AT_ONCE)]
        assert all(asked.acquire(timeout=DEADLINE) for _ in range(AT_ONCE))
        others = [httpx.get(url + path, timeout=DEADLINE) for path in ("/sign-in", "/static/dashboard.css")]
        others.append(browser.get("/check-photo"))
        assert not any(page.done() for page in pages)
        over.set()
        assert [one.status_code for one in others] == [200, 200, 200]


def test_a_form_waits_for_a_registry_in_the_threads_of_pages_that_do(hosted: World) -> None:
    asked, over = threading.Event(), threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        over.wait(DEADLINE)
        out_of_order(request)

    with (
        on_the_wire(hosted, Fault(call="model_version_page", answers=slow), timings(outage=3600)) as (url, site),
        signed_in(url) as browser,
        ThreadPoolExecutor() as pool,
    ):
        said = fields_of(browser.get("/changes/new?kind=activate").text, "/changes/activate")
        sent = pool.submit(browser.send, "/changes/register", said | {"logged": "v1.2.0", "reason": "Why not"})
        assert asked.wait(DEADLINE)
        waiting = site.reading.borrowed_tokens
        over.set()
        assert (waiting, sent.result().status_code) == (1, 502)


def test_the_pause_over_it_is_asked_again_and_all_is_well(hosted: World) -> None:
    watch = down(times=2)
    with on_the_wire(hosted, watch, timings(outage=0)) as (url, _), signed_in(url) as browser:
        assert "no answer since" in browser.get("/").text
        page = browser.get("/").text
        assert "no answer since" not in page
        assert "Nothing needs you.</h1>" in page


def test_rows_of_versions_are_asked_for_once(hosted: World) -> None:
    watch = Watch()

    def snapshots(browser: Browser) -> int:
        before = watch.calls.count("registry_snapshot")
        browser.get("/")
        return watch.calls.count("registry_snapshot") - before

    with on_the_wire(hosted, watch, timings(outage=0)) as (url, _), signed_in(url) as browser:
        assert snapshots(browser) == 4
        # What other tests have changed may be counted only now.
        assert any(snapshots(browser) == 2 for _ in range(20))
