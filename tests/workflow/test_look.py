"""`status`, `versions` and `history` of two environments whose registry has seen a few merges."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lepinet.model_files import folder_revision
from lepinet.registry.records import PerformanceLog
from lepinet.workflow.change import activation_proposal
from lepinet.workflow.requested import Request, ask
from workflow.desk import Desk, Ended, lay

HOSTILE = "Activate v1.1.0 \x1b[2J\x1b]0;title\x07 \u202efor all\u2066"
TRAINED = datetime(2026, 11, 20, 10, tzinfo=UTC)
BEGUN, ENDED, LATER = (f"{datetime(2026, 11, day, 12, tzinfo=UTC).astimezone():%Y-%m-%d}" for day in (20, 21, 22))
"""Days as they are counted where the tests run."""

BACK = """Roll staging back to v1.0.0: wrong names

Gardeners say so,
in the rain too.

Requested-by: bhanu@example.org
Proposed-by: lepinet
"""
WHY = "Roll staging back to v1.0.0: wrong names · Gardeners say so, in the rain too. · asked by bhanu@example.org"


@dataclass(frozen=True)
class Lived:
    """A repository, and what status said on the way."""

    desk: Desk
    without_tables: Ended
    before: Ended
    before_json: Ended
    planned: Ended


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Newest first: staging back on v1.0.0; production v1.1.0, then v1.0.0; staging v1.1.0, on the 20th and 21st."""
    desk = lay(tmp_path_factory.mktemp("look"))
    without_tables = desk.lepinet("status")
    succeeds(desk, "db", "migrate")
    log(desk, "v1.1.0", training_image_count=1248, accuracy_score=0.9265, created_at=TRAINED)
    before, before_json = desk.lepinet("status"), desk.lepinet("status", "--json")
    planned = desk.lepinet("plan")
    succeeds(desk, "reconcile")
    with desk.database() as owner:
        owner.execute(
            "update public.model_deployments set begun_at = '2026-11-20 12:00Z', ended_at = '2026-11-21 12:00Z'"
            " where environment = 'staging'"
        )
    desk.set_active("production", "v1.1.0")
    desk.commit(HOSTILE)
    succeeds(desk, "reconcile")
    desk.set_active("staging", "v1.0.0")
    desk.commit(BACK)
    succeeds(desk, "reconcile")
    log(desk, "v1.2.0", training_image_count=1500, accuracy_score=0.93, notes="\x1b[2J")
    return Lived(desk, without_tables, before, before_json, planned)


@pytest.fixture(scope="module")
def desk(lived: Lived) -> Desk:
    return lived.desk


def succeeds(desk: Desk, *arguments: str) -> None:
    ended = desk.lepinet(*arguments)
    assert ended.code == 0, ended.err


def log(desk: Desk, name: str, **figures: object) -> None:
    """As a trainer does."""
    folder = desk.folder / "models" / name
    revision = folder_revision(folder) if folder.is_dir() else "1" * 40
    path = f"models/{name}" if folder.is_dir() else "Bhanura/lepinet-model"
    with desk.workspace.registry("production") as registry:
        registry.log_version(name, path, revision=revision, **figures)  # type: ignore[arg-type]  # as they are named


@contextmanager
def by_hand(desk: Desk, version: str) -> Iterator[None]:
    """Production's row is another one, as the old guide has it, and then again what it was."""

    def activate(name: str) -> None:
        with desk.database() as owner:
            owner.execute("update public.model_versions set is_active = false where is_active")
            owner.execute("update public.model_versions set is_active = true where version_name = %s", [name])

    activate(version)
    yield
    activate("v1.1.0")


def quiet(ended: Ended) -> None:
    """Nothing in it that a terminal would act on, or that hides or turns what stands there."""
    assert {sign for sign in ended.out + ended.err if unicodedata.category(sign) in {"Cc", "Cf"}} <= {"\n"}


def rows(ended: Ended) -> list[tuple[str, str]]:
    """Environment and version of each line of a history."""
    assert ended.code == 0, ended.err
    return [(row["environment"], row["version"]) for row in ended.json]


def test_a_registry_without_tables_says_what_makes_them(lived: Lived) -> None:
    assert lived.without_tables.code == 1
    assert "the database cannot be asked" in lived.without_tables.out
    assert "lepinet db migrate" in lived.without_tables.out
    assert lived.without_tables.out.endswith("staging, production: a person is needed.\n")


def test_nothing_is_live_yet(lived: Lived) -> None:
    assert lived.before.code == 0
    assert "production  nothing is live yet; git declares v1.0.0" in lived.before.out
    assert lived.before.out.endswith("Not in step yet: staging, production. Next: lepinet reconcile\n")
    production = lived.before_json.json[1]
    assert (production["environment"], production["declared"], production["active"]) == ("production", "v1.0.0", None)
    assert (production["in_step"], production["needs_a_person"]) == (False, False)


def test_in_step(desk: Desk) -> None:
    ended = desk.lepinet("status")
    assert ended.code == 0, ended.out
    assert "production  v1.1.0  live less than a minute (since " in ended.out
    assert f"git = database  {desk.workspace.manifest.target('v1.1.0')}  in step" in ended.out
    assert "way back: v1.0.0 · lepinet rollback v1.0.0 -e production --reason …" in ended.out
    assert f'· moved by asha · "{WHY}"' in ended.out
    register = f"lepinet register v1.2.0 --file-path Bhanura/lepinet-model --revision {'1' * 40} --images 1500"
    assert ended.out.splitlines()[-2:] == [
        f"waiting     v1.2.0, logged and not in models.yaml: {register} --accuracy 0.93",
        "Nothing needs you.",
    ]
    for one in desk.lepinet("status", "--json").json:
        assert (one["in_step"], one["needs_a_person"], one["why"]) == (True, False, None)
        assert one["declared"] == one["active"]


def test_a_change_that_waits_for_a_merge_here_is_named(desk: Desk) -> None:
    asked_for = ask(
        desk.workspace, activation_proposal("production", "v1.0.0", None), Request.of("asha@example.org", "Calm")
    ).key
    everywhere, elsewhere = desk.lepinet("status"), desk.lepinet("status", "-e", "staging")
    for name in desk.workspace.git.branches():
        if name != "main":
            desk.git("branch", "--quiet", "-D", name)
    assert everywhere.out.splitlines()[-2:] == [
        f"on its way: Activate v1.0.0 in production, commit {asked_for[:7]}",
        "A change waits for a person.",
    ]
    assert elsewhere.out.splitlines()[-1] == "Nothing needs you."


def monitored(
    desk: Desk, hours_ago: int, environment: str = "staging", notes: str = "11 of 12 right \x1b[2J", **details: Any
) -> None:
    """The monitor ran, so long ago."""
    kept = {"looked": "asked", **details}
    log = PerformanceLog(
        id=uuid4(),
        version_name="v1.0.0",
        kind="monitor",
        test_accuracy=0.9,
        test_sample_size=12,
        notes=notes,
        details=kept,
    )
    with desk.workspace.registry(environment) as registry:
        registry.log_performance(log, environment)
    with desk.database() as owner:
        owner.execute(
            "update public.model_performance_logs set test_date = clock_timestamp() - %s * interval '1 hour'"
            " where id = %s",
            [hours_ago, log.id],
        )


def unmonitored(desk: Desk) -> None:
    with desk.database() as owner:
        owner.execute("delete from public.model_performance_logs where kind = 'monitor'")


def test_a_monitor_that_never_ran_is_nobodys_matter(desk: Desk) -> None:
    assert "monitor" not in desk.lepinet("status").out
    assert [one["monitored"] for one in desk.lepinet("status", "--json").json] == [None, None]


@pytest.mark.parametrize(("hours", "code"), [(1, 0), (20, 0), (21, 1)])
def test_a_monitor_that_missed_three_runs_needs_a_person(desk: Desk, hours: int, code: int) -> None:
    monitored(desk, hours)
    ended, told = desk.lepinet("status"), desk.lepinet("status", "--json")
    unmonitored(desk)
    assert (ended.code, told.code) == (code, code)
    assert f"monitor {hours} hour{'s' if hours > 1 else ''} ago: 11 of 12 right" in ended.out
    assert ("the monitor has missed 3 runs: is its schedule still on?" in ended.out) == bool(code)
    assert [one["needs_a_person"] for one in told.json] == [bool(code), False]
    quiet(ended)


@pytest.mark.parametrize(("hours", "activated"), [(0, "as when activated"), (1, "before this activation")])
def test_a_run_says_nothing_of_an_activation_that_came_after_it(desk: Desk, hours: int, activated: str) -> None:
    monitored(desk, hours, notes="11 of 12 right, as when activated")
    told = desk.lepinet("status").out
    unmonitored(desk)
    assert f" ago: 11 of 12 right, {activated}\n" in told


def test_an_alarm_of_the_monitor_needs_a_person_until_it_is_over(desk: Desk) -> None:
    monitored(desk, 2, runs={"answers": 1})
    seen_once = desk.lepinet("status")
    monitored(desk, 1, runs={"answers": 2})
    alarmed = desk.lepinet("status")
    unmonitored(desk)
    assert (seen_once.code, alarmed.code) == (0, 1)
    assert "ALARM: the endpoint answers otherwise than it was tested" in alarmed.out
    assert alarmed.out.endswith("staging: a person is needed.\n")


def test_a_disagreement_that_is_over_alarms_nobody_though_the_monitor_has_not_looked_again(desk: Desk) -> None:
    monitored(desk, 1, "production", runs={"drift": 1})
    with by_hand(desk, "v1.0.0"):
        still = desk.lepinet("status", "-e", "production")
    over = desk.lepinet("status", "-e", "production")
    unmonitored(desk)
    assert (still.code, over.code) == (1, 0)
    assert "ALARM" in still.out
    assert "ALARM" not in over.out


def test_one_environment_alone(desk: Desk) -> None:
    assert "production" not in desk.lepinet("status", "-e", "staging").out
    nowhere = desk.lepinet("status", "-e", "nowhere")
    assert nowhere.code == 2
    assert "it has staging, production" in nowhere.err


def test_a_hand_at_work_is_drift_and_needs_a_person(desk: Desk) -> None:
    with by_hand(desk, "v1.0.0"):
        ended = desk.lepinet("status")
        assert ended.code == 1
        assert "git v1.1.0 · database v1.0.0 · no endpoint  DRIFT" in ended.out
        assert "the database says v1.0.0 by hand. Keep it: lepinet rollback v1.0.0 -e production" in ended.out
        assert "undo it: lepinet reconcile -e production --mend" in ended.out
        assert ended.out.endswith("production: a person is needed.\n")
        told = desk.lepinet("status", "--json")
        assert told.code == 1
        assert [one["needs_a_person"] for one in told.json] == [False, True]
        assert desk.lepinet("status", "-e", "staging").code == 0, "it is another environment's"
    assert desk.lepinet("status").code == 0


def test_a_merge_that_is_not_reconciled_yet_needs_no_person(desk: Desk) -> None:
    desk.set_active("production", "v1.0.0")
    ended = desk.lepinet("status", "-e", "production")
    desk.git("checkout", "--quiet", "models.yaml")
    assert ended.code == 0
    assert "git v1.0.0 · database v1.1.0 · no endpoint  not in step" in ended.out
    assert ended.out.endswith("Not in step yet: production. Next: lepinet reconcile\n")


@pytest.fixture
def elsewhere(desk: Desk) -> Iterator[Desk]:
    """The checkout one commit back; on main again in the end."""
    desk.git("switch", "--quiet", "--detach", "HEAD~1")
    yield desk
    desk.git("switch", "--quiet", "main")


def test_an_older_checkout_does_not_tell_what_is_in_step(elsewhere: Desk) -> None:
    ended = elsewhere.lepinet("status", "-e", "production")
    assert ended.code == 0
    assert "this checkout is older than" in ended.out
    assert "in step" not in ended.out
    assert ended.out.endswith("This checkout is too old to tell: production. Next: git pull\n")
    (told,) = elsewhere.lepinet("status", "-e", "production", "--json").json
    assert (told["in_step"], told["needs_a_person"]) == (False, False)
    assert "git pull" in told["why"]
    assert "this checkout is older than" in elsewhere.lepinet("plan", "-e", "production").out


def test_a_rewritten_main_is_seen_before_reconcile_stops_at_it(elsewhere: Desk) -> None:
    elsewhere.git("commit", "--quiet", "--allow-empty", "--message", "Rewrite")
    ended = elsewhere.lepinet("status", "-e", "production")
    assert ended.code == 1
    assert "is not in this checkout's history" in ended.out
    assert "lepinet reconcile -e production --accept-history REASON" in ended.out


def test_versions_have_their_figures_from_the_registry_where_the_file_has_none(desk: Desk) -> None:
    first, second, third = desk.lepinet("versions", "--json").json
    assert (first["name"], first["active_in"], first["accuracy_score"]) == ("v1.0.0", ["staging"], None)
    assert (second["name"], second["active_in"]) == ("v1.1.0", ["production"])
    assert (second["accuracy_score"], second["training_image_count"]) == (0.9265, 1248)
    assert datetime.fromisoformat(second["created_at"]) == TRAINED
    assert (third["name"], third["in_manifest"], third["active_in"]) == ("v1.2.0", False, [])
    table = [line.split() for line in desk.lepinet("versions").out.splitlines()]
    assert table[2][:5] == ["v1.1.0", "production", "92.65%", "1,248", "2026-11-20"]
    assert table[3][:4] == ["v1.2.0", "waiting", "93.00%", "1,500"]
    assert table[4][:5] == ["v1.2.0", "waits:", "lepinet", "register", "v1.2.0"]


def test_the_file_wins_over_the_registry(desk: Desk) -> None:
    desk.alter(r"(v1\.1\.0: \{file_path: models/v1\.1\.0, )", r"\1training_image_count: 7, accuracy_score: 0, ")
    told = desk.lepinet("versions", "--json").json[1]
    said = desk.lepinet("versions").out
    planned = desk.lepinet("plan").out
    desk.git("checkout", "--quiet", "models.yaml")
    assert (told["training_image_count"], told["accuracy_score"]) == (7, 0)
    assert "v1.1.0: training_image_count is 7 in models.yaml, 1248 in the registry\n" in said
    assert "1248" not in planned


def test_what_reconcile_would_not_take_is_said(desk: Desk) -> None:
    desk.begin_branch()
    desk.set_active("staging", "v1.1.0")
    told = [desk.lepinet(command, "-e", "staging").out for command in ("plan", "status")]
    desk.commit("Activate v1.1.0")
    merged = [desk.lepinet(command, "-e", "staging").out for command in ("plan", "status")]
    desk.git("switch", "--quiet", "main")
    assert all("not committed yet" in out for out in told)
    assert all("not merged yet" in out for out in merged)


def test_a_plan_says_that_the_verdict_comes_before(lived: Lived) -> None:
    assert "staging: before that reconcile judges v1.1.0" in lived.planned.out


def test_history_of_all_environments_is_newest_first(desk: Desk) -> None:
    told = desk.lepinet("history", "--json")
    assert rows(told) == [
        ("staging", "v1.0.0"),
        ("production", "v1.1.0"),
        ("production", "v1.0.0"),
        ("staging", "v1.1.0"),
    ]
    begun = [row["begun_at"] for row in told.json]
    assert begun == sorted(begun, reverse=True)
    lines = desk.lepinet("history").out.splitlines()
    assert len(lines) == 4
    head = desk.git("rev-parse", "--short=7", "HEAD")
    newest = f'  staging  v1.0.0  succeeded · moved by asha · {head} · "{WHY}"'
    assert lines[0].endswith(newest)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--most", "2"], [("staging", "v1.0.0"), ("production", "v1.1.0")]),
        (["--most", "1", "-e", "production"], [("production", "v1.1.0")]),
        (["--version", "v1.0.0"], [("staging", "v1.0.0"), ("production", "v1.0.0")]),
        (["--version", "v1.1.0", "-e", "staging"], [("staging", "v1.1.0")]),
        (["--at", BEGUN], [("staging", "v1.1.0")]),
        (["--at", ENDED], [("staging", "v1.1.0")]),
        (["--at", LATER], []),
    ],
)
def test_a_part_of_the_history(desk: Desk, arguments: list[str], expected: list[tuple[str, str]]) -> None:
    assert rows(desk.lepinet("history", "--json", *arguments)) == expected


def test_a_day_is_that_of_who_asks(desk: Desk) -> None:
    """What ended at noon in London ended on the next day where the day begins 14 hours earlier."""
    done = desk.process("history", "--at", "2026-11-22", "--json", TZ="Pacific/Kiritimati")
    assert rows(done) == [("staging", "v1.1.0")]


def test_an_empty_history_says_so(desk: Desk) -> None:
    assert desk.lepinet("history", "--at", "2020-01-01").out == "no deployment to show\n"
    assert desk.lepinet("history", "--at", "2020-01-01", "--json").json == []


def test_steps_are_shown_where_they_are_wanted(desk: Desk) -> None:
    (row,) = desk.lepinet("history", "--most", "1", "--json").json
    assert row["events"]
    said = desk.lepinet("history", "--most", "1", "--steps").out.splitlines()
    assert len(said) == 1 + len(row["events"])


def test_what_nothing_answers_for_is_not_called_live(desk: Desk) -> None:
    before = desk.manifest
    desk.alter("endpoint: none\n  production", "endpoint: local\n  production")
    ended = desk.lepinet("status", "-e", "staging")
    (desk.folder / "models.yaml").write_text(before)
    assert "staging  v1.0.0  should be live; nothing answers (since " in ended.out
    assert "it does not run" in ended.out
    assert "start it: lepinet serve -e staging" in ended.out


def test_what_others_wrote_moves_no_cursor(desk: Desk) -> None:
    for command in (["status"], ["history", "--steps"], ["versions"], ["plan"]):
        quiet(desk.lepinet(*command))
    assert "Activate v1.1.0" in desk.lepinet("status").out


def test_an_emergency_says_why_and_moves_no_cursor(tmp_path: Path) -> None:
    alone = lay(tmp_path)
    succeeds(alone, "db", "migrate")
    succeeds(alone, "reconcile")
    succeeds(alone, "rollback", "v1.1.0", "-e", "production", "--now", "--reason", "at once \x1b[2J\x1b]0;title\x07")
    (alone.folder / "\x1b[2Jmine.txt").write_text("not committed\n")
    for command, code in ((["status"], 1), (["plan"], 0), (["history", "--steps"], 0), (["reconcile"], 1)):
        ended = alone.lepinet(*command)
        assert ended.code == code, ended.err
        quiet(ended)
    status = alone.lepinet("status").out
    assert re.search(r"pinned to v1\.1\.0 by asha since .* UTC: at once", status)
    assert "no endpoint  PINNED" in status
    assert "· EMERGENCY" in status
    assert status.endswith("production: a person is needed.\n")
    assert "production  v1.1.0  succeeded EMERGENCY · moved by asha · " in alone.lepinet("history").out
