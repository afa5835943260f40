"""A registry that was kept by hand, from `db migrate` to the first reconcile: each command says the same is live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workflow.desk import Desk, Ended, lay

WORDS = "v1.0.0, as marked by hand; nothing deployed yet"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = lay(tmp_path_factory.mktemp("marked"))
    assert succeeds(desk, "db", "migrate")
    with desk.database() as owner:
        owner.execute("insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'models/v1.0.0')")
        owner.execute("update public.model_versions set is_active = true")
        yield desk


def succeeds(desk: Desk, *arguments: str) -> Ended:
    ended = desk.lepinet(*arguments)
    assert ended.code == 0, ended.err
    return ended


def test_every_command_says_what_is_live_until_the_first_reconcile_proves_it(desk: Desk) -> None:
    before = succeeds(desk, "status").out
    assert f"production  {WORDS}: lepinet reconcile\n" in before
    assert "staging     nothing is live yet; git declares v1.1.0\n" in before
    assert before.endswith("Not in step yet: staging, production. Next: lepinet reconcile\n")
    production = next(one for one in succeeds(desk, "status", "--json").json if one["environment"] == "production")
    assert production["active"] == "v1.0.0"
    doctor = {need["what"]: need["state"] for need in desk.lepinet("doctor", "--json").json}
    assert doctor["production, registry (embedded)"].endswith(f"active: {WORDS}")
    assert "flip the registry to v1.0.0" in succeeds(desk, "plan", "-e", "production").out

    succeeds(desk, "reconcile")

    after = succeeds(desk, "status").out
    assert "production  v1.0.0  live less than a minute" in after
    assert after.endswith("Nothing needs you.\n")
    assert [row["version"] for row in succeeds(desk, "history", "-e", "production", "--json").json] == ["v1.0.0"]
