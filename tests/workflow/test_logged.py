"""What waits is handed on small and oldest first, however much was logged, and no row hides another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from github_stand_in.server import TOKEN, StandIn, stand_in
from lepinet.workflow.logged import LoggedRow, Waiting, newest_logged, read_logged, waiting
from workflow.desk import Desk, Ended, lay, put_on_github

REVISION, OTHER = "1" * 40, "2" * 40
FLOOD = """
insert into public.model_versions (version_name, file_path, notes, created_at)
select {name}, {path}, {notes}, timestamptz '2026-11-01' + {after} + n * interval '1 second'
from generate_series(1, {count}) n
"""


def logged(name: str, path: str = "asha/butterflies", revision: str | None = REVISION, minute: int = 0) -> LoggedRow:
    moment = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=minute)
    return LoggedRow(name=name, file_path=path, revision=revision, created_at=moment)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Its registry has two rows that models.yaml explains."""
    made = lay(tmp_path_factory.mktemp("desk"))
    assert made.lepinet("db", "migrate").code == 0
    assert made.lepinet("reconcile").code == 0
    return made


@dataclass(frozen=True)
class Flooded:
    desk: Desk
    told: Ended
    file: Path


@pytest.fixture(scope="module")
def flooded(desk: Desk) -> Flooded:
    """500 rows that are as long as can be once handed on, 10,001 later ones, and one from before names had a limit."""
    notes = "repeat(chr(1), 2000) || repeat('x', 63000)"
    longest = {"name": "rpad(n::text, 1000, chr(1))", "path": "repeat(chr(1), 2000)", "notes": notes}
    usual = {"name": "'night ' || n", "path": "'asha/butterflies'", "notes": "null"}
    with desk.database() as database:
        database.execute(FLOOD.format(count=500, after="interval '0'", **longest).encode())
        database.execute(FLOOD.format(count=10_001, after="interval '1 day'", **usual).encode())
        database.execute("alter table public.model_versions disable trigger lepinet_bound")
        database.execute(
            "insert into public.model_versions (version_name, file_path) values (repeat('x', 1001), 'a/b')"
        )
        database.execute("alter table public.model_versions enable trigger lepinet_bound")
    told = desk.lepinet("github", "logged", GITHUB_ACTIONS="true")
    file = desk.home.parent / "logged.json"
    file.write_text(told.out)
    return Flooded(desk, told, file)


@pytest.mark.slow
def test_however_much_is_logged_what_is_handed_on_can_be_read(flooded: Flooded) -> None:
    assert flooded.told.code == 0, flooded.told.err
    read = read_logged(flooded.file)
    assert [row.name.rstrip("\x01") for row in read.rows] == [str(number) for number in range(1, 501)]
    assert {len(row.notes or "") for row in read.rows} == {2000}
    assert read.highest == "v1.1.0"


@pytest.mark.slow
def test_a_row_from_before_there_were_limits_is_not_offered(flooded: Flooded) -> None:
    newest = [row.name for row in newest_logged(flooded.desk.workspace)]
    assert "x" * 1001 not in newest
    assert "night 10001" in newest


@pytest.mark.slow
def test_what_is_left_out_is_said_beside_the_run(flooded: Flooded) -> None:
    over, many = flooded.told.err.splitlines()
    assert over == "::warning::left out, for their name, path or revision is too long to be one: 1 logged rows"
    assert many.startswith("::warning::10,501 logged versions wait; the oldest 500 are looked at. ")


def test_another_file_is_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    job = {"GITHUB_REPOSITORY": "acme/butterflies", "GITHUB_TOKEN": TOKEN}
    refused = desk.lepinet("github", "register", str(tmp_path / "other.json"), **job)
    assert refused.code == 2
    assert "is not what lepinet github logged writes" in refused.err


def test_one_name_for_other_files_in_two_registries_is_the_older_rows(desk: Desk) -> None:
    first, second = logged("v2.0.0"), logged("v2.0.0", revision=OTHER, minute=1)
    again = logged("v2.0.0", minute=2)
    taken = "another registry has v2.0.0, and there it is asha/butterflies @ 1111111"
    assert list(waiting(desk.workspace, [second, again, first])) == [
        Waiting(first, "v2.0.0"),
        Waiting(second, "v2.0.0", taken),
    ]


@pytest.mark.parametrize(
    ("path", "revision", "told"),
    [
        ("asha/butterflies", None, True),
        ("models/v1.0.0", f"sha256:{'0' * 64}", True),
        ("models/v1.0.0", None, False),
        ("models/v1.0.0", "main", False),
    ],
)
def test_a_name_that_models_yaml_has_for_other_files_is_told(
    desk: Desk, path: str, revision: str | None, *, told: bool
) -> None:
    row = logged("v1.0.0", path, revision)
    taken = Waiting(row, "v1.0.0", "models.yaml has or had v1.0.0, and that is other files")
    assert list(waiting(desk.workspace, [row])) == [taken] * told


def test_a_free_name_is_above_all_that_any_registry_has(desk: Desk) -> None:
    first, second = logged("final"), logged("final (2)", minute=1)
    found = waiting(desk.workspace, [second, first, logged("v1.3.0", minute=2)], ["v1.4.7"])
    assert [one.name for one in found] == ["v1.4.8", "v1.4.9", "v1.3.0"]


@pytest.fixture
def there() -> Iterator[StandIn]:
    with stand_in() as github:
        yield github


def test_the_row_whose_name_is_taken_is_reported_once(tmp_path: Path, there: StandIn) -> None:
    desk = lay(tmp_path)
    there.origin = put_on_github(desk)
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.commit("Bring the files")
    desk.git("push", "--quiet", "origin", "main")
    desk.git("remote", "set-head", "origin", "main")
    files: list[Path] = []
    for name, path in (("staging", "models/v1.2.0"), ("production", "asha/elsewhere")):
        row = logged("v1.2.0", path, revision=None, minute=len(files))
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(f'{{"rows": [{row.model_dump_json()}]}}')
    job = {"GITHUB_API_URL": there.url, "GITHUB_REPOSITORY": there.repository, "GITHUB_TOKEN": TOKEN}
    for _ in range(2):
        told = desk.lepinet("github", "register", *map(str, files), **job)
        assert told.code == 0, told.out + told.err
    (pull,), (issue,) = there.pulls, there.issues
    assert pull["title"] == "Register v1.2.0"
    assert issue["title"] == "v1.2.0 was logged and cannot be registered"
    assert "another registry has v1.2.0, and there it is models/v1.2.0" in issue["body"].replace("\\", "")
