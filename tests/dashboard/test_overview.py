"""The first page: what is live, since when, who and why; how well it does; and whether anybody has to do something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest

from dashboard.world import MONITORED, Browser, World, on_github
from lepinet.registry.records import PerformanceLog
from workflow.desk import Desk


def environment(page: str, name: str) -> str:
    found = re.search(rf'<section class="environment" aria-labelledby="in-{name}">(.*?)</section>', page, re.DOTALL)
    assert found
    return found[1]


def test_it_says_what_is_live_who_moved_it_and_why(browser: Browser, world: World) -> None:
    page = browser.get("/").text
    assert "Nothing needs you.</h1>" in page
    production = environment(page, "production")
    assert "<b>v1.0.0</b> is live" in production
    assert f"moved by asha · commit <code>{world.desk.git('rev-parse', 'HEAD')[:7]}</code>" in production
    because = "Roll production back to v1.0.0: wrong names<br>Gardeners say so.<br>asked by bhanu@example.org"
    assert f'<p class="reason">{because}</p>' in production
    assert "in step" in production
    assert re.search(r"Could be next:</p>\s*<ul [^>]*>\s*<li><b>v1\.1\.0</b> \(active in staging\)", production)
    assert "Could be next" not in environment(page, "staging")
    assert "way back: v1.0.0</li>" in environment(page, "staging")
    assert "lepinet rollback" not in page
    assert "v1.2.0, logged and not in models.yaml" in page


def test_it_shows_how_well_it_does_with_the_table_behind_the_picture(browser: Browser) -> None:
    production = environment(browser.get("/").text, "production")
    assert production.count('<circle class="new"') == MONITORED
    assert production.count('<th scope="row">') == MONITORED
    assert "Last: 11 of 12 right; 65 to 99\N{NO-BREAK SPACE}% of all such photos" in production
    assert "monitor 1 hour ago" in production


def test_until_the_monitor_ran_it_says_how_the_version_was_tested(browser: Browser) -> None:
    page = browser.get("/").text
    assert re.search(
        r"<p>\d+ of 12 known images right when tested; not monitored yet\.</p>", environment(page, "staging")
    )
    assert "not monitored yet" not in environment(page, "production")


@pytest.fixture
def moving(world: World) -> Iterator[None]:
    """A run is at work on staging; it is as before in the end."""
    id_ = uuid4()
    with world.database() as owner:
        owner.execute(
            "insert into public.model_deployments (id, number, environment, kind, version_id, actor, status, begun_at)"
            " select %s, 1000, 'staging', 'merge', id, 'asha', 'started', now() from public.model_versions"
            " where version_name = 'v1.0.0'",
            [id_],
        )
        owner.execute(
            "insert into public.deployment_events (id, deployment_id, step, text) values (%s, %s, 'move', 'it moves')",
            [uuid4(), id_],
        )
        owner.execute(
            "update public.environments set claimant = %s, claimant_label = 'asha', claimant_commit = '',"
            " lease_until = now() + interval '1 hour' where name = 'staging'",
            [id_],
        )
        yield
        owner.execute("delete from public.deployment_events where deployment_id = %s", [id_])
        owner.execute("delete from public.model_deployments where id = %s", [id_])
        owner.execute(
            "update public.environments set claimant = null, claimant_label = null, claimant_commit = null,"
            " lease_until = null where name = 'staging'"
        )


@pytest.mark.usefixtures("moving")
def test_while_reconcile_is_at_work_its_steps_stand_there_and_nothing_else_is_offered(browser: Browser) -> None:
    page = browser.get("/").text
    assert "Reconcile is at work on staging.</h1>" in page
    staging = environment(page, "staging")
    assert "<b>move</b>: it moves" in staging
    assert "/changes/new" not in staging
    assert "/changes/new" in environment(page, "production")


def test_the_way_to_what_was_live_before_is_there_where_no_rollback_leads_to_it(browser: Browser) -> None:
    page = browser.get("/").text
    (address,) = re.findall(r'href="([^"]*)">Activate v1.1.0 again</a>', environment(page, "production"))
    form = browser.get(unescape(address)).text
    assert '<option value="production" selected>' in form
    assert 'name="version" list="version-list" value="v1.1.0"' in form
    assert ">Roll back to v1.0.0</a>" in environment(page, "staging")
    assert "again</a>" not in environment(page, "staging")


def test_what_was_rolled_back_is_called_so_where_it_could_be_next(browser: Browser) -> None:
    production = environment(browser.get("/").text, "production")
    assert re.search(
        r"<li><b>v1\.1\.0</b> \(active in staging\), rolled back <time [^>]*>[^<]*</time>: "
        "Roll production back to v1.0.0: wrong names · Gardeners say so. · asked by bhanu@example.org</li>",
        production,
    )


def test_what_is_live_until_reconcile_is_not_offered_as_next(world: World) -> None:
    before = world.desk.git("rev-parse", "main")
    world.desk.set_active("staging", "v1.0.0")
    world.desk.commit("Roll staging back to v1.0.0")
    with world.dashboard() as url, Browser(url) as browser:
        page = browser.get("/").text
    world.desk.git("reset", "--quiet", "--hard", before)
    staging = environment(page, "staging")
    assert "<b>v1.1.0</b> is live" in staging
    assert "Could be next" not in staging


def test_an_admin_sees_the_same_with_the_rights_of_an_admin(admin: Browser) -> None:
    page = admin.get("/").text
    assert "asha@example.org" in page
    assert "Roll production back to v1.0.0: wrong names" in environment(page, "production")


def test_what_nothing_answers_for_is_not_called_live(world: World, tmp_path: Path) -> None:
    with on_github(world, tmp_path) as (there, _):
        there.desk.alter("endpoint: none\n  production", "endpoint: local\n  production")
        there.desk.commit("Serve staging here")
        there.desk.git("push", "--quiet", "origin", "main")
        with there.dashboard() as url, Browser(url) as browser:
            page = browser.get("/").text
    assert "<b>v1.1.0</b> should be live; nothing answers</p>" in environment(page, "staging")
    assert "it does not run" in environment(page, "staging")
    assert "<b>v1.0.0</b> is live</p>" in environment(page, "production")


def test_drift_needs_a_person_and_is_named(hostile: World) -> None:
    with hostile.database() as owner:
        owner.execute("update public.model_versions set is_active = false where is_active")
    with hostile.dashboard() as url, Browser(url) as browser:
        page = browser.get("/").text
    assert "production: a person is needed.</h1>" in page
    assert "by hand" in environment(page, "production")
    with hostile.database() as owner:
        owner.execute("update public.model_versions set is_active = true where version_name = 'v1.0.0'")


def test_where_the_endpoint_cannot_be_asked_the_monitor_s_last_look_stands(world: World, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repository", world.desk.home)
    world.desk.git("clone", "--quiet", "--no-local", "--branch=main", ".", str(desk.folder))
    desk.git("remote", "remove", "origin")
    desk.alter(r"(production:\n    active: .*\n    registry: .*\n    endpoint: )none", r"\g<1>local")
    desk.commit("Serve production from this machine")
    found = PerformanceLog(
        id=uuid4(),
        version_name="v1.0.0",
        kind="monitor",
        test_accuracy=1,
        test_sample_size=12,
        notes="the endpoint is set to v1.1.0",
        details={"looked": "asked", "runs": {"drift": 1}},
    )
    with world.workspace.registry("production") as registry:
        registry.log_performance(found, "production")
    with replace(world, desk=desk).dashboard() as url, Browser(url) as browser:
        production = environment(browser.get("/").text, "production")
    with world.database() as owner:
        owner.execute("delete from public.model_performance_logs where id = %s", [found.id])
    assert "lepinet serve -e production" in production
    assert re.search(r"monitor [^<]* ago: the endpoint is set to v1.1.0", production)
    assert "ALARM: models.yaml, database and endpoint do not agree" in production


def test_a_row_that_a_hand_changes_is_seen_though_rows_are_remembered(hostile: World) -> None:
    def by_hand(file_path: str) -> None:
        with hostile.database() as owner:
            owner.execute("update public.model_versions set file_path = %s where version_name = 'v1.1.0'", [file_path])

    with hostile.dashboard() as url, Browser(url) as browser:
        assert "other files" not in environment(browser.get("/").text, "production")
        by_hand("models/other")
        assert "v1.1.0 in the registry is other files" in environment(browser.get("/").text, "production")
        by_hand("models/v1.1.0")
        assert "other files" not in environment(browser.get("/").text, "production")
