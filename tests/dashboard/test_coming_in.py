"""Who may look: accounts of the project, a token, this machine; and nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from html import unescape

import pytest

from dashboard.world import ADMIN, PASSWORD, Browser, World

TOKEN = "a" * 32


def test_nobody_sees_a_page_before_signing_in_and_then_the_page_that_was_asked_for(visitor: Browser) -> None:
    shown = visitor.get("/?environment=staging")
    assert (shown.status_code, shown.headers["Location"]) == (303, "/sign-in?next=%2F%3Fenvironment%3Dstaging")
    visitor.get(shown.headers["Location"])
    entered = visitor.fill(shown.headers["Location"], "/sign-in", email=ADMIN.email, password=PASSWORD)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/?environment=staging")
    assert visitor.get("/").status_code == 200


@pytest.mark.parametrize("name", ["trainer", "monitor", "visitor", "pretender"])
def test_only_admins_come_in_and_the_others_learn_whom_to_ask(visitor: Browser, name: str) -> None:
    refused = visitor.sign_in(email=f"{name}@example.org", password=PASSWORD)
    assert refused.status_code == 403
    assert "ask the project&#39;s owner" in refused.text
    assert visitor.get("/").status_code == 303


def test_a_wrong_password_is_said_and_the_right_one_still_counts(visitor: Browser) -> None:
    refused = visitor.sign_in(email=ADMIN.email, password=PASSWORD[::-1])
    assert (refused.status_code, "Invalid login credentials" in refused.text) == (403, True)
    assert visitor.sign_in(email=ADMIN.email, password=PASSWORD).status_code == 303


def test_whoever_signs_out_sees_nothing_any_more(admin: Browser) -> None:
    before = dict(admin.cookies)
    assert admin.fill("/", "/sign-out").headers["Location"] == "/sign-in"
    assert admin.get("/").status_code == 303
    admin.cookies.clear()
    assert admin.get("/", Cookie="; ".join(f"{name}={value}" for name, value in before.items())).status_code == 303


def test_a_token_opens_a_dashboard_without_accounts(world: World) -> None:
    with world.dashboard(LEPINET_DASHBOARD_TOKEN=TOKEN) as url, Browser(url) as browser:
        assert browser.get("/").status_code == 303
        assert browser.sign_in(token="b" * 32).status_code == 403
        assert browser.sign_in(token=TOKEN).status_code == 303
        assert browser.get("/").status_code == 200


@pytest.fixture
def nameless(world: World) -> Iterator[Mapping[str, str]]:
    """Settings of a machine on which nobody has said who sits there."""
    world.desk.git("config", "user.name", "")
    yield {"USER": "", "LOGNAME": ""}
    world.desk.git("config", "--unset", "user.name")


@pytest.mark.parametrize(
    "form",
    ["/changes/new?kind=activate", "/known-images/add", "/known-images/photo?name=blue_tiger_01.jpg"],
)
def test_who_has_no_name_is_told_before_the_history_gets_a_number(
    world: World, browser: Browser, nameless: Mapping[str, str], form: str
) -> None:
    told = f"the history will call you uid {os.getuid()}"
    assert told not in browser.get(form).text
    with world.dashboard(**nameless) as url, Browser(url) as somebody:
        page = unescape(somebody.get(form).text)
        assert told in page
        assert 'git config --global user.name "Your name", then start the dashboard again' in page
