"""Changes asked for in a browser: by their forms alone, once, in the person's name; then followed to their end."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from itertools import count
from pathlib import Path
from threading import Event
from urllib.parse import urlencode

import httpx
import pytest

from dashboard.world import ADMIN, Browser, World, fields_of, on_github
from dripping import dripping
from evaluation.photo_files import drawing, saved
from github_stand_in.server import TOKEN, Failure, StandIn
from hf_stand_in.server import hub_online
from lepinet.dashboard.app import create_app
from lepinet.dashboard.aside import Aside
from lepinet.dashboard.pages import PAGES
from lepinet.dashboard.place import AT_ONCE
from lepinet.dashboard.server import site_of
from lepinet.registry.keeper import SUPERUSER
from lepinet.settings import Settings
from lepinet.timings import Timings
from supabase_gateway.gateway import serving

REASON = "Right more often at dusk"
FORMS = ("activate", "rollback", "register", "retire")


@pytest.fixture
def desk(world: World) -> Iterator[World]:
    """The world, whose branches are taken away again."""
    yield world
    for name in world.workspace.git.branches():
        if name != "main":
            world.desk.git("branch", "--quiet", "-D", name)


@pytest.fixture
def github(world: World, tmp_path: Path) -> Iterator[tuple[Browser, StandIn]]:
    """A browser before a dashboard whose repository is on GitHub."""
    with on_github(world, tmp_path) as (there, github), there.dashboard() as url, Browser(url) as browser:
        yield browser, github


def activate(browser: Browser, **fields: str) -> str:
    """Where it is followed."""
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON} | fields
    answer = browser.fill("/changes/new?kind=activate", "/changes/activate", **said)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def branches(world: World) -> set[str]:
    return set(world.workspace.git.branches()) - {"main"}


def test_an_activation_is_a_branch_in_the_persons_name_and_is_followed(browser: Browser, desk: World) -> None:
    place = activate(browser)
    assert branches(desk) == {"activate-production-v1.1.0"}
    message = desk.desk.git("log", "-1", "--format=%B", "activate-production-v1.1.0")
    assert REASON in message
    assert "Requested-by: asha\n" in message
    shown = browser.get(place).text
    assert "<h1>Activate v1.1.0 in production</h1>" in shown
    assert f'<p class="reason">{REASON}</p>' in shown
    assert "git merge --no-ff --no-edit activate-production-v1.1.0" in shown
    assert f'<a href="{place}">Activate v1.1.0 in production</a>' in browser.get("/changes").text


@pytest.mark.usefixtures("desk")
def test_a_verdict_that_leaves_it_to_a_person_is_drawn_neither_as_good_nor_as_bad(browser: Browser) -> None:
    shown = browser.get(activate(browser)).text
    (verdict,) = [step for step in shown.split("<li>") if "<b>Verdict</b>" in step]
    assert "undecided, a person decides" in verdict
    assert '<svg class="sign undecided"' in verdict
    assert '<b>Verdict</b> <span class="mark">undecided</span>' in verdict


def test_a_change_is_on_its_way_until_it_is_live_and_the_overview_says_what_waits(
    browser: Browser, desk: World
) -> None:
    assert "On its way" not in browser.get("/").text
    place = activate(browser)
    overview = browser.get("/").text
    assert "A change waits for a person.</h1>" in overview
    assert f'<a href="{place}">On its way: Activate v1.1.0 in production, undecided, a person decides</a>' in overview
    assert "· undecided, a person decides</p>" in browser.get("/changes").text
    before = desk.desk.git("rev-parse", "main")
    desk.desk.git("merge", "--quiet", "--no-ff", "--no-edit", "activate-production-v1.1.0")
    listed = browser.get("/changes").text
    desk.desk.git("reset", "--quiet", "--hard", before)
    assert "Nothing is on its way." not in listed
    assert "merged, not live yet: reconcile has not begun yet" in listed.partition("<h2>Over</h2>")[0]


def test_sent_twice_it_is_one_change(browser: Browser, desk: World) -> None:
    assert activate(browser) == activate(browser)
    assert len(branches(desk)) == 1


@pytest.mark.usefixtures("desk")
def test_who_asks_for_the_same_with_other_words_is_told_that_the_first_ones_stay(browser: Browser) -> None:
    first = activate(browser)
    second = activate(browser, reason="The season begins")
    assert second == f"{first}?in-other-words"
    shown = browser.get(second).text
    assert "on its way already, asked for by asha: it keeps the words above, and yours were not added." in shown
    assert REASON in shown
    assert "The season begins" not in shown
    assert "on its way already" not in browser.get(first).text


def test_where_the_server_keeps_main_is_told_to_no_browser(browser: Browser, desk: World) -> None:
    desk.desk.git("switch", "--quiet", "--create", "activate-production-v1.1.0")
    desk.desk.commit("By somebody else")
    desk.desk.git("switch", "--quiet", "main")
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
    refused = browser.fill("/changes/new?kind=activate", "/changes/activate", **said)
    assert '<p class="problem" role="alert">the branch activate-production-v1.1.0 has commits of others' in refused.text
    assert "lepinet-dashboard-" not in refused.text


@pytest.mark.usefixtures("desk")
def test_two_changes_for_one_environment_name_each_other_and_each_its_withdrawal(browser: Browser) -> None:
    forward = activate(browser)
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
    back = browser.fill("/changes/new?kind=rollback", "/changes/rollback", **said).headers["Location"]
    elsewhere = activate(browser, environment="staging", version="v1.0.0")
    shown = browser.get(back).text
    assert f'<a href="{forward}">Activate v1.1.0 in production</a>. What is merged last counts.' in shown
    assert "To withdraw it: <code>git branch -D rollback-production-v1.1.0</code>" in shown
    assert "Also on its way" not in browser.get(elsewhere).text


def test_an_open_page_names_others_only_for_as_long_as_they_are_on_their_way(desk: World) -> None:
    with desk.site() as site, serving(create_app(site)) as url, Browser(url) as browser:
        activate(browser)
        said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
        back = browser.fill("/changes/new?kind=rollback", "/changes/rollback", **said).headers["Location"]
        shown = browser.get(back).text
        assert "Also on its way" in shown
        (address,) = re.findall(r'hx-get="([^"]*)"', shown)
        assert browser.get(unescape(address)).status_code == 204
        desk.desk.git("branch", "--quiet", "-D", "activate-production-v1.1.0")
        renewed = browser.get(unescape(address))
    assert (renewed.status_code, "Also on its way" in renewed.text) == (200, False)


def test_a_link_fills_the_form_in(browser: Browser) -> None:
    shown = browser.get("/changes/new?kind=activate&environment=production&version=v1.1.0").text
    assert '<option value="production" selected>production, which has v1.0.0</option>' in shown
    assert 'name="version" list="version-list" value="v1.1.0"' in shown


def test_a_link_to_the_form_of_an_environment_that_there_is_not_finds_none(browser: Browser) -> None:
    answer = browser.get("/changes/new?kind=activate&environment=moon")
    assert (answer.status_code, "There is no environment moon." in answer.text) == (404, True)


def test_a_versions_page_leads_to_the_forms_that_name_it(browser: Browser) -> None:
    shown = unescape(browser.get("/version?name=v1.1.0").text)
    activate_it, photo = (
        "/changes/new?kind=activate&version=v1.1.0&environment=production",
        "/check-photo?version=v1.1.0",
    )
    assert f'href="{activate_it}"' in shown
    assert f'href="{photo}"' in shown
    assert 'value="v1.1.0"' in browser.get(activate_it).text
    assert 'href="/changes/new?kind=register&logged=v1.2.0"' in unescape(browser.get("/version?name=v1.2.0").text)


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"reason": ""}, 422, "a change needs a reason"),
        ({"reason": "x" * 1001}, 422, "more than 1,000 characters"),
        ({"version": "v9.9.9"}, 422, "has no version v9.9.9"),
        ({"environment": "moon"}, 422, "has no environment moon"),
        ({"version": "v1.0.0"}, 409, "on main already"),
    ],
)
def test_what_cannot_be_asked_for_is_said_on_the_form_and_nothing_is_lost(
    browser: Browser, desk: World, fields: dict[str, str], status: int, says: str
) -> None:
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON} | fields
    answer = browser.fill("/changes/new?kind=activate", "/changes/activate", **said)
    assert answer.status_code == status
    assert says in unescape(answer.text)
    assert f">{said['reason']}</textarea>" in answer.text
    assert not branches(desk)


def test_a_rollback_returns_to_the_version_before(browser: Browser, desk: World) -> None:
    said = {"environment": "staging", "reason": "wrong names"}
    answer = browser.fill("/changes/new?kind=rollback", "/changes/rollback", **said)
    assert answer.status_code == 303, answer.text
    assert "Roll staging back to v1.0.0" in browser.get(answer.headers["Location"]).text
    assert branches(desk) == {"rollback-staging-v1.0.0"}


def test_the_form_of_a_rollback_says_what_counts_as_one(browser: Browser, desk: World) -> None:
    form = browser.get("/changes/new?kind=rollback").text
    assert "Without a comparison: in staging v1.0.0; in production none." in form
    assert "counts as an activation: it is compared with the version that is live" in form
    nowhere = {"environment": "production", "reason": "wrong names"}
    answer = browser.fill("/changes/new?kind=rollback", "/changes/rollback", **nowhere)
    assert (answer.status_code, branches(desk)) == (422, set())
    assert "nothing was active in production before, or it was rolled back" in answer.text
    assert "lepinet rollback" not in answer.text


def test_what_a_trainer_logged_and_nobody_can_resolve_is_explained(desk: World, tmp_path: Path) -> None:
    with hub_online(tmp_path) as hub, desk.dashboard(HF_ENDPOINT=hub.url) as url, Browser(url) as browser:
        assert '<option value="v1.2.0">' in browser.get("/changes/new?kind=register").text
        answer = browser.fill("/changes/new?kind=register", "/changes/register", logged="v1.2.0", reason=REASON)
    assert (answer.status_code, branches(desk)) == (409, set())
    assert "models/v1.2.0" in answer.text


def test_where_nothing_may_go_there_is_no_form_to_retire_it(browser: Browser) -> None:
    shown = browser.get("/changes/new?kind=retire").text
    assert "The rules of retention let no version go yet." in shown
    assert "Propose it" not in shown


HOSTILE = (
    "<script>alert(1)</script> [x](javascript:alert(1)) $(reboot) `id`\n\nRequested-by: boss@example.org\nCloses #1"
)


def test_a_hostile_reason_is_text_everywhere(browser: Browser, desk: World) -> None:
    place = activate(browser, reason=HOSTILE, override=HOSTILE)
    message = desk.desk.git("log", "-1", "--format=%B", "activate-production-v1.1.0")
    assert re.findall(r"^[\w-]+-by: .*$", message, re.MULTILINE) == ["Requested-by: asha", "Proposed-by: lepinet"]
    assert "#1" not in message
    filled_in = urlencode({"kind": "activate", "reason": HOSTILE, "version": HOSTILE})
    for path in (place, "/changes", f"/changes/new?{filled_in}"):
        assert "<script>alert" not in browser.get(path).text


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_of_another_site_changes_nothing(browser: Browser, desk: World, kind: str) -> None:
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON, "logged": "v1.2.0"}
    assert browser.send(f"/changes/{kind}", said).status_code == 403
    assert browser.send(f"/changes/{kind}", said | {"csrf_token": "0" * 64}).status_code == 403
    assert browser.send(f"/changes/{kind}", said, Origin="https://evil.example").status_code == 403
    assert not branches(desk)


@pytest.mark.parametrize(
    ("sent_to", "form"),
    [
        *((f"/changes/{kind}", f"/changes/new?kind={kind}") for kind in FORMS),
        ("/known-images/photo", "/known-images"),
        ("/known-images/photo?name=blue_tiger_01.jpg", None),
        ("/known-images/add", None),
        ("/sign-out", "/"),
    ],
)
def test_where_a_form_was_sent_to_leads_back_to_the_form(browser: Browser, sent_to: str, form: str | None) -> None:
    """A tab that a browser restores, and Enter in its line of addresses, ask for it without what was typed."""
    answer = browser.get(sent_to)
    assert (answer.status_code, answer.headers.get("Location")) == (303 if form else 200, form)
    assert browser.get(form or sent_to).status_code == 200


@pytest.mark.parametrize(
    ("page", "sent_to", "said"),
    [
        ("/changes/new?kind=activate", "/changes/activate", {"environment": "production", "version": "v1.1.0"}),
        ("/known-images/photo?name=blue_tiger_01.jpg", "/known-images/photo", {"species": "046", "answer": "remove"}),
        ("/known-images/add", "/known-images/add", {"species": "045"}),
    ],
)
def test_a_form_that_lay_open_while_the_dashboard_started_again_is_shown_again(
    desk: World, page: str, sent_to: str, said: dict[str, str]
) -> None:
    with desk.dashboard() as url, Browser(url) as browser:
        lay_open = fields_of(browser.get(page).text, sent_to) | said | {"reason": REASON}
    with desk.dashboard() as url, Browser(url) as browser:
        answer = browser.send(sent_to, lay_open)
        assert (answer.status_code, branches(desk)) == (403, set())
        assert "nothing was done: since this page was opened, the dashboard was started again" in answer.text
        assert f">{REASON}</textarea>" in answer.text
        for value in said.values():
            assert re.search(rf'value="{value}"( selected| checked| autocomplete)', answer.text), value
        again = browser.send(sent_to, lay_open | fields_of(answer.text, sent_to))
    assert again.status_code == (422 if sent_to.endswith("add") else 303), "there is no photo to add"


def test_who_was_signed_out_meanwhile_learns_that_nothing_was_done(hosted: World) -> None:
    page = "/changes/new?kind=rollback"
    with hosted.dashboard() as url, Browser(url) as browser:
        browser.sign_in(email=ADMIN.email, password=ADMIN.password)
        lay_open, cookie = fields_of(browser.get(page).text, "/changes/rollback"), dict(browser.cookies)
    with hosted.dashboard() as url, Browser(url) as browser:
        browser.client.cookies.update(cookie)
        answer = browser.send("/changes/rollback", lay_open | {"environment": "staging", "reason": REASON})
        assert (answer.status_code, branches(hosted)) == (303, set())
        assert "Nothing was done with what you sent" in browser.get(answer.headers["Location"]).text
        entered = browser.fill(answer.headers["Location"], "/sign-in", email=ADMIN.email, password=ADMIN.password)
        assert browser.get(entered.headers["Location"]).headers["Location"] == page


def test_who_signs_out_after_the_session_has_ended_is_signed_out(hosted: World) -> None:
    with hosted.dashboard() as url, Browser(url) as browser:
        browser.sign_in(email=ADMIN.email, password=ADMIN.password)
        lay_open, cookie = fields_of(browser.get("/").text, "/sign-out"), dict(browser.cookies)
    with hosted.dashboard() as url, Browser(url) as browser:
        browser.client.cookies.update(cookie)
        answer = browser.send("/sign-out", lay_open)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


@pytest.mark.parametrize("kind", FORMS)
def test_who_has_not_come_in_asks_for_nothing(visitor: Browser, hosted: World, kind: str) -> None:
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
    answer = visitor.send(f"/changes/{kind}", said, Origin=visitor.url)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert not branches(hosted)


def test_an_admin_is_named_by_the_account(admin: Browser, hosted: World) -> None:
    activate(admin)
    message = hosted.desk.git("log", "-1", "--format=%B", "activate-production-v1.1.0")
    hosted.desk.git("branch", "--quiet", "-D", "activate-production-v1.1.0")
    assert "Requested-by: asha@example.org\n" in message


@pytest.mark.parametrize(
    "path", ["/changes/1", "/changes/main", "/changes/..%2f1", "/changes/new?kind=drop", "/changes/HEAD"]
)
def test_there_is_no_other_change(browser: Browser, path: str) -> None:
    assert browser.get(f"/changes/{path}").status_code == 404


@pytest.mark.usefixtures("desk")
def test_what_was_listed_a_moment_ago_is_no_change_either(browser: Browser) -> None:
    assert browser.get(activate(browser)).status_code == 200
    assert browser.get("/changes/changes").status_code == 404


def test_on_github_it_is_a_pull_request_and_the_page_moves_only_when_it_does(github: tuple[Browser, StandIn]) -> None:
    browser, there = github
    place = activate(browser)
    assert (place, there.pulls[0]["head"]["ref"]) == ("/changes/1", "activate-production-v1.1.0")
    shown = browser.get(place).text
    assert 'href="https://github.com/acme/butterflies/pull/1"' in shown
    (address,) = re.findall(r'hx-get="([^"]*)"', shown)
    still = browser.get(unescape(address))
    assert (still.status_code, still.text) == (204, "")
    assert "To withdraw it, close the pull request." in shown
    moved = browser.get(re.sub(r"=\w+$", "=before", unescape(address)))
    assert moved.text.lstrip().startswith('<section id="progress"')
    assert "comes when the check has tested it" in moved.text


def test_pull_requests_that_wait_are_named_and_github_holds_up_no_page(world: World, tmp_path: Path) -> None:
    with on_github(world, tmp_path) as (there, github), there.site() as site:
        with serving(create_app(replace(site, aside=Aside(patience=60)))) as url, Browser(url) as browser:
            activate(browser)
            photo = "/known-images/photo?name=blue_tiger_01.jpg"
            assert browser.fill(photo, "/known-images/photo", answer="remove", reason=REASON).status_code == 303
            github.open("work", "0" * 40, title="By hand", body=None)
            overview, about_the_photo = browser.get("/").text, browser.get(photo).text
        github.failures = [Failure(403, message="Resource not accessible")]
        later = create_app(replace(site, aside=Aside(patience=60)))
        with serving(later) as url, Browser(url) as browser:
            refused = browser.get("/").text
        aside, gate = Aside(patience=0), Event()
        with serving(create_app(replace(site, aside=aside))) as url, Browser(url) as browser:
            aside.get(("asha", "changes"), gate.wait)
            early = browser.get("/").text
            gate.set()
    assert '<a href="/changes/1">On its way: Activate v1.1.0 in production, waits for a merge</a>' in overview
    assert "By hand" not in overview
    assert "2 changes wait for a person.</h1>" in overview
    assert '<a href="/changes/2">Take blue_tiger_01.jpg out of the known images</a>' in about_the_photo
    assert "Of pull requests nothing is known now: GitHub" in refused
    assert "Resource not accessible" in refused
    assert "Of pull requests nothing is known now: GitHub has not answered yet." in early


def test_while_github_hangs_other_pages_answer(world: World, tmp_path: Path) -> None:
    with dripping() as hanging, on_github(world, tmp_path) as (there, _):
        slow = Timings(request=2, retries=0, doubt=0.2)
        settings = Settings({**there.workspace.settings.environ, "GITHUB_API_URL": hanging})
        workspace = replace(there.workspace, settings=settings, timings=slow)
        with site_of(workspace, host="127.0.0.1", url=None, say=print) as site, serving(create_app(site)) as url:
            with ThreadPoolExecutor(AT_ONCE + 1) as pool:
                waiting = [pool.submit(httpx.get, f"{url}/changes/7", timeout=10) for _ in range(AT_ONCE + 1)]
                overview, versions = (httpx.get(f"{url}{path}", timeout=10) for path in ("/", "/versions"))
            listed = httpx.get(f"{url}/changes", timeout=10)
    assert {one.result().status_code for one in waiting} == {502}
    assert "GitHub has not answered yet" in waiting[0].result().text
    assert (overview.status_code, versions.status_code, listed.status_code) == (200, 200, 200)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_github_told_stays_where_the_next_look_breaks() -> None:
    now = count(step=60)
    aside = Aside(patience=60, clock=lambda: next(now))
    told = [aside.get("list", ask) for ask in (lambda: 7, lambda: 1 // 0)]
    for thread in threading.enumerate():
        if thread.name == "aside":
            # What it says of its end is said within this test.
            thread.join()
    assert told == [7, 7]


def test_a_pull_request_that_was_closed_is_listed_as_withdrawn(github: tuple[Browser, StandIn]) -> None:
    browser, there = github
    activate(browser)
    there.pulls[0]["state"] = "closed"
    assert "· withdrawn</p>" in browser.get("/changes").text.partition("<h2>Over</h2>")[2]


def test_however_many_follow_a_change_github_is_asked_once(github: tuple[Browser, StandIn]) -> None:
    browser, there = github
    place = activate(browser)
    there.requests.clear()
    for _ in range(5):
        assert browser.get(place).status_code == 200
    assert there.requests.count("GET /repos/acme/butterflies/pulls/1") == 1


def test_what_github_does_not_take_is_said_on_the_form_and_nothing_is_lost(github: tuple[Browser, StandIn]) -> None:
    browser, there = github
    there.failures = [Failure(403, message="Resource not accessible by personal access token")]
    said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
    answer = browser.fill("/changes/new?kind=activate", "/changes/activate", **said)
    assert (answer.status_code, "Resource not accessible" in answer.text) == (502, True)
    assert f">{REASON}</textarea>" in answer.text
    assert TOKEN not in answer.text


def test_without_a_token_for_github_the_page_says_what_is_missing(world: World, tmp_path: Path) -> None:
    with (
        on_github(world, tmp_path) as (there, _),
        there.dashboard(GITHUB_TOKEN="", GH_TOKEN="", PATH="/usr/bin:/bin") as url,
        Browser(url) as browser,
    ):
        assert "there is no token for GitHub" in browser.get("/changes").text
        said = {"environment": "production", "version": "v1.1.0", "reason": REASON}
        answer = browser.fill("/changes/new?kind=activate", "/changes/activate", **said)
    assert (answer.status_code, "no token for GitHub" in answer.text) == (422, True)


def test_no_button_and_no_page_writes_a_row(browser: Browser, desk: World) -> None:
    before = rows(desk)
    with counting_calls(desk):
        activate(browser)
        browser.fill("/changes/new?kind=rollback", "/changes/rollback", environment="staging", reason=REASON)
        photo = ("mine.jpg", saved(drawing("blue_tiger_02")))
        said = {"species": "045", "reason": REASON}
        assert browser.give([photo], "/known-images/add", "/known-images/add", **said).status_code == 303
        assert browser.give([photo], "/check-photo", "/check-photo", version="v1.1.0").status_code == 200
        pages = {page.path for page in PAGES} | set(re.findall(r'href="(/[^"#]*)"', browser.get("/").text))
        for page in pages:
            assert browser.get(unescape(page)).status_code == 200
        called = calls(desk)
    assert rows(desk) == before
    assert {"registry_snapshot", "model_version_page", "deployment_history"} <= called.keys()
    # PostgreSQL itself keeps a function that is not volatile from writing.
    assert {name for name, volatility in called.items() if volatility == "v"} == set()


@contextmanager
def counting_calls(world: World) -> Iterator[None]:
    """PostgreSQL counts each function that is called from now on."""
    with world.server.connect(user=SUPERUSER) as superuser:
        superuser.execute("alter system set track_functions = 'all'")
        superuser.execute("select pg_reload_conf(), pg_stat_reset()")
        yield
        superuser.execute("alter system reset track_functions")
        superuser.execute("select pg_reload_conf()")


def calls(world: World) -> dict[str, str]:
    """Functions that were called, each with its volatility."""
    with world.database() as owner:
        return dict(
            owner.execute(
                "select proname, provolatile::text from pg_stat_user_functions join pg_proc on funcid = pg_proc.oid"
            ).fetchall()
        )


def rows(world: World) -> dict[str, str]:
    """A digest of every table's rows."""
    with world.database() as owner:
        tables = owner.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'lepinet')"
        ).fetchall()
        digest = "select md5(string_agg(t::text, '|' order by t::text)) from {} t"
        return {name: owner.execute(digest.format(name)).fetchall()[0][0] for (name,) in tables}
