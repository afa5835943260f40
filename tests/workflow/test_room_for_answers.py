"""More known photos than the registry keeps answers of: said in the pull request, and before an endpoint moves."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.workflow.judging import require_room
from workflow.desk import Desk, lay


def of_photos(count: int) -> Answers:
    """A very sure model's; some of its confidences are tiny."""
    chance = random.Random(5)

    def answer(number: int) -> Answer:
        top = tuple(
            Score(id=f"{place:03}", name="Näkrä papilio", confidence=chance.random() * 10 ** (-6.0 * place))
            for place in range(5)
        )
        name = f"photos/e-2026/{number:05}.jpg"
        return Answer(file_name=name, sha256="0" * 64, expected_id="001", expected_name="Common Jezebel", top=top)

    answers = tuple(answer(number) for number in range(count))
    return Answers(model=ModelIdentity(name="v1.0.0"), known_images_sha256="1" * 64, nameable=None, answers=answers)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return lay(tmp_path)


def test_what_fits_is_known_to_a_percent(desk: Desk) -> None:
    some = of_photos(1000)
    with desk.database() as owner:
        (size,) = owner.execute(
            "select octet_length(%s::jsonb::text)", [json.dumps(some.model_dump(mode="json"))]
        ).fetchone() or (0,)
    fits = 1000 * (16 << 20) // size
    many = of_photos(fits)
    require_room(many.model_copy(update={"answers": many.answers[: int(fits * 0.99)]}))
    with pytest.raises(RefusedError, match=r"those on about 2\d,\d\d\d photos like these, and there are 2\d,\d\d\d"):
        require_room(many)


@pytest.mark.slow
def test_it_is_said_in_the_pull_request_and_before_anything_is_begun(desk: Desk) -> None:
    """Copies are answered once, and long paths take the room of many photos."""
    photos = desk.folder / "photos"
    head, *rows = (photos / "metadata.csv").read_text().splitlines()
    deep = "/".join(["x" * 200] * 15)
    (photos / deep).mkdir(parents=True)
    for number in range(240):
        for name in (row.partition(",")[0] for row in rows):
            os.link(photos / name, photos / deep / f"{number}_{name}")
    copies = [f"{deep}/{number}_{row}" for number in range(240) for row in rows]
    (photos / "metadata.csv").write_text("\n".join([head, *rows, *copies, ""]))
    base = desk.commit("More photos")
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0")
    no_room = "the registry keeps 16 MB of a version's answers, those on about 2,"
    checked = desk.lepinet("check", "--json", "--base", base)
    assert checked.code == 1
    assert no_room in checked.json["environments"][0]["error"]
    desk.lepinet("db", "migrate")
    ended = desk.lepinet("reconcile", "-e", "production")
    assert ended.code == 1
    assert no_room in ended.out + ended.err
