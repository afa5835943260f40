"""`lepinet admin`: who may look at the dashboard, granted with the project's secret key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dashboard.world import ADMIN, PASSWORD, Browser, World
from supabase_gateway.gateway import project_online
from supabase_gateway.project import User
from workflow.desk import Ended

NEW = User("bhanura@example.org", PASSWORD)
LIKE = User("not-bhanura@example.org", PASSWORD)


@pytest.fixture
def admin(hosted: World) -> Iterator[Callable[..., Ended]]:
    """The command, of a project that is made anew each time."""
    assert hosted.project
    users = (*hosted.project.users, LIKE, NEW)
    with project_online(replace(hosted.project, users=users)) as url:

        def admin(*arguments: str, **variables: str) -> Ended:
            told = {**hosted.variables, "SUPABASE_URL": url, **variables}
            return hosted.desk.lepinet("admin", *arguments, **told)

        yield admin


def test_who_is_made_an_admin_comes_in_and_who_is_no_more_does_not(hosted: World, admin: Callable[..., Ended]) -> None:
    assert admin("list").out.endswith(f": {ADMIN.email}\n")
    added = admin("add", "Bhanura@example.org")
    assert (added.code, added.out.endswith("bhanura@example.org is an admin from the next sign-in on\n")) == (0, True)
    assert admin("list").out.endswith(f": {ADMIN.email}, {NEW.email}\n")
    assert admin("add", NEW.email).out.endswith("bhanura@example.org is an admin already\n")
    url = f"http://{added.out.partition(': ')[0]}"
    with hosted.dashboard(SUPABASE_URL=url) as dashboard, Browser(dashboard) as browser:
        assert browser.sign_in(email=NEW.email, password=PASSWORD).status_code == 303
        assert admin("remove", NEW.email).code == 0
        with Browser(dashboard) as other:
            assert other.sign_in(email=NEW.email, password=PASSWORD).status_code == 403
    assert admin("remove", NEW.email).out.endswith("bhanura@example.org is no admin\n")


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("add", "nobody@example.org"), 1, "nobody@example.org is no user of the project"),
        (("add", "trainer@example.org"), 1, "trainer@example.org is a trainer, and a user has one role"),
        (("remove", "nobody@example.org"), 1, "invite them first"),
    ],
)
def test_what_cannot_be_granted_is_said(
    admin: Callable[..., Ended], arguments: tuple[str, ...], code: int, what: str
) -> None:
    ended = admin(*arguments)
    assert (ended.code, what in ended.err) == (code, True), ended.err
    assert admin("list").out.endswith(f": {ADMIN.email}\n")


@pytest.mark.parametrize(
    ("key", "code", "what"),
    [
        ("", 2, "no SUPABASE_SERVICE_KEY"),
        ("sb_publishable_N0bodyMindsWhoKnowsThis_0", 2, "is the publishable key"),
        ("sb_secret_OfAnotherProject", 3, "the project does not take the key"),
    ],
)
def test_a_key_that_is_not_the_secret_one_is_told(admin: Callable[..., Ended], key: str, code: int, what: str) -> None:
    ended = admin("list", SUPABASE_SERVICE_KEY=key)
    assert (ended.code, what in ended.err) == (code, True), ended.err
    assert not key or key not in ended.err


def test_without_a_supabase_project_there_are_no_accounts(world: World) -> None:
    ended = world.desk.lepinet("admin", "list")
    assert (ended.code, "so there are no accounts" in ended.err) == (2, True)
