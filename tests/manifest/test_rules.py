from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lepinet.commit import Commit
from lepinet.manifest.history import ChangeClass, State
from lepinet.manifest.load import load
from lepinet.manifest.rules import Change, Material, findings

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PHOTOS = Material(known_images="11aa", species="22bb")

START = """\
schema_version: 1
environments:
  staging: {active: v1.0.0, registry: embedded, endpoint: local}
  production: {active: v1.0.0, registry: embedded, endpoint: local}
versions:
  v1.0.0: {file_path: Bhanura/lepinet, revision: 0000000000000000000000000000000000000000, accuracy_score: 0.80}
  v1.1.0: {file_path: Bhanura/lepinet, revision: 1111111111111111111111111111111111111111, notes: more rain}
  v1.2.0: {file_path: Bhanura/lepinet, revision: 2222222222222222222222222222222222222222}
"""


def edit(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def stage(version: str, old: str = "v1.0.0") -> tuple[str, str]:
    return f"staging: {{active: {old}", f"staging: {{active: {version}"


def produce(version: str, old: str = "v1.0.0") -> tuple[str, str]:
    return f"production: {{active: {old}", f"production: {{active: {version}"


def change(*texts: str, days: int = 1, photos: Material = PHOTOS) -> Change:
    """The last text as a change of the one before; the others came before that, a day apart; this one after `days`."""
    dates = [BEGIN + timedelta(days=day) for day in range(len(texts) - 1)]
    dates.append((dates or [BEGIN])[-1] + timedelta(days=days))
    *past, state = (
        State(Commit("0" * 40, "Asha", "a change", at), load(text), hashlib.sha256(text.encode()).hexdigest())
        for text, at in zip(texts, dates, strict=True)
    )
    once = next((place for place, each in enumerate(past) if each.digest == state.digest), None)
    first = None if once is None else change(*texts[: once + 1])
    return Change(tuple(past), state, PHOTOS, photos, once=first)


def said(*texts: str, days: int = 1, photos: Material = PHOTOS) -> list[str]:
    return [found.message for found in findings(change(*texts, days=days, photos=photos))]


TRIED = edit(START, stage("v1.1.0"))
SHIPPED = edit(TRIED, produce("v1.1.0"))


def test_the_usual_way_is_free() -> None:
    assert said(START) == []
    assert said(START, TRIED) == []
    assert said(START, TRIED, SHIPPED) == []
    assert said(START, TRIED, SHIPPED, edit(SHIPPED, produce("v1.0.0", "v1.1.0"))) == []


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("1111111111111111111111111111111111111111", "3333333333333333333333333333333333333333", "revision"),
        ("v1.1.0: {file_path: Bhanura/lepinet", "v1.1.0: {file_path: Bhanura/other", "file_path"),
        ("accuracy_score: 0.80", "accuracy_score: 0.90", "accuracy_score"),
        (", accuracy_score: 0.80", "", "accuracy_score"),
    ],
)
def test_a_merged_version_never_changes(old: str, new: str, key: str) -> None:
    (found,) = findings(change(START, edit(START, (old, new))))
    assert found.path[-1] == key
    assert "never changes" in found.message


@pytest.mark.parametrize(
    ("name", "key"), [("best of 2024", "legacy"), ("v0.9.0", "revision_guessed")], ids=lambda value: value
)
def test_what_an_import_found_comes_with_the_first_state_alone(name: str, key: str) -> None:
    found_then = f"  {name}: {{file_path: Bhanura/lepinet, revision: {'5' * 40}, {key}: true}}\n"
    assert said(START + found_then) == []
    (found,) = findings(change(START, START + found_then))
    assert found.path == ("versions", name, key)
    assert "before this file was there" in found.message
    assert said(START + found_then, START, TRIED + found_then) == [], "it was there once"


def test_notes_and_links_may_be_mended() -> None:
    links = "links: {run: 'https://example.org/41'}"
    after = edit(
        START, ("notes: more rain", f"notes: 1,200 more from the wet season, {links}".replace("1,200", "1200"))
    )
    assert said(START, after) == []
    assert change(START, after).change is ChangeClass.CONFIGURE


def test_a_name_never_comes_back_with_other_content() -> None:
    without = edit(
        START, ("  v1.2.0: {file_path: Bhanura/lepinet, revision: 2222222222222222222222222222222222222222}\n", "")
    )
    again = edit(START, ("2222222222222222222222222222222222222222", "4444444444444444444444444444444444444444"))
    assert said(START, without, START) == []
    (message,) = said(START, without, again)
    assert "v1.2.0 was merged with revision 2222" in message


def test_what_was_rewritten_by_force_may_be_put_right_after_other_changes() -> None:
    rewritten = edit(START, ("1111111111111111111111111111111111111111", "3333333333333333333333333333333333333333"))
    went_on = edit(rewritten, ("v1.2.0: {", "v1.2.0: {notes: dry season, "))
    right = edit(START, ("v1.2.0: {", "v1.2.0: {notes: dry season, "))
    third = edit(went_on, ("3333333333333333333333333333333333333333", "4444444444444444444444444444444444444444"))
    assert len(said(START, rewritten)) == 1
    assert said(START, rewritten, went_on) == []
    assert said(START, rewritten, went_on, right) == []
    (message,) = said(START, rewritten, went_on, third)
    assert "v1.1.0 was merged with revision 3333" in message


def test_a_version_comes_to_production_by_way_of_staging() -> None:
    (message,) = said(START, edit(START, produce("v1.1.0")))
    assert message == "v1.1.0 has not been active in staging, and that comes before production"
    both_at_once = edit(START, stage("v1.1.0"), produce("v1.1.0"))
    assert len(said(START, both_at_once)) == 1
    assert said(START, TRIED, edit(TRIED, produce("v1.1.0"), stage("v1.2.0", "v1.1.0"))) == []


def test_what_was_tried_once_may_come_later_and_what_was_there_may_come_back() -> None:
    went_on = edit(TRIED, stage("v1.2.0", "v1.1.0"))
    assert said(START, TRIED, went_on, edit(went_on, produce("v1.1.0"))) == []
    elsewhere = edit(START, ("staging: {active: v1.0.0", "staging: {active: v1.2.0"))
    assert said(START, TRIED, SHIPPED, edit(SHIPPED, produce("v1.0.0", "v1.1.0"))) == []
    assert len(said(elsewhere, edit(elsewhere, produce("v1.1.0")))) == 1


@pytest.mark.parametrize(
    "ground",
    [
        ("versions:", "gates: {min_accuracy: 0.10}\nversions:"),
        ("versions:", "known_images: tests/easy_images\nversions:"),
        ("versions:", "species: species.csv\nversions:"),
        ("production: {active: v1.0.0, registry: embedded", "production: {active: v1.0.0, registry: postgres"),
        ("registry: embedded, endpoint: local}\nversions", "registry: embedded, endpoint: none}\nversions"),
        ("versions:", "  phones: {registry: embedded, endpoint: none}\nversions:"),
        ("production: {active: v1.0.0, registry", "production: {active: v1.0.0, reference: v1.0.0, registry"),
    ],
)
def test_what_a_change_is_judged_by_changes_on_its_own(ground: tuple[str, str]) -> None:
    assert said(START, edit(START, ground)) == []
    (message,) = said(START, edit(START, ground, stage("v1.1.0")))
    assert message.endswith("staging.active must not change together")


def test_other_photos_and_another_active_version_are_two_changes() -> None:
    others = Material(known_images="33cc", species="22bb")
    assert said(START, START, photos=others) == []
    assert change(START, START, photos=others).change is ChangeClass.CONFIGURE
    assert len(said(START, TRIED, photos=others)) == 1
    assert len(said(START, TRIED, photos=Material("11aa", "44dd"))) == 1
    assert len(said(START, TRIED, START, photos=others)) == 1, "an earlier state of the file brings no other photos"


def test_photos_and_version_come_back_together_to_what_both_once_were() -> None:
    """Merged by force, and a revert is the way out."""
    then, others = Material(known_images="33cc", species="22bb"), Material(known_images="44dd", species="22bb")
    back = replace(change(START, TRIED, START, photos=then), material_then=(then,))
    assert findings(back) == []
    assert len(findings(replace(back, material=others))) == 1


def test_what_was_merged_against_the_rules_does_not_come_back_by_a_revert() -> None:
    forced = edit(START, ("versions:", "gates: {min_accuracy: 0.10}\nversions:"), stage("v1.1.0"))
    assert said(START, forced, START) == [], "the way out"
    assert said(START, forced, START, forced) == ["gates and staging.active must not change together"]
    asked = edit(START, ("versions:", "gates: {min_accuracy: 0.10}\nversions:"))
    assert said(START, asked, forced, START, forced) == [], "it came in two changes"


def test_an_override_travels_with_the_version_it_is_for() -> None:
    overridden = edit(
        START, stage("v1.1.0"), ("v1.1.0, registry", "v1.1.0, override: {version: v1.1.0, reason: x}, registry")
    )
    assert said(START, overridden) == []
    assert change(START, overridden).change is ChangeClass.ACTIVATE


def test_a_frozen_environment_is_thawed_first() -> None:
    frozen = edit(TRIED, ("production: {active: v1.0.0", "production: {active: v1.0.0, frozen: field week"))
    at_once = edit(frozen, (", frozen: field week", ""), produce("v1.1.0"))
    assert said(START, TRIED, frozen) == []
    assert said(START, TRIED, frozen, at_once) == ["production is frozen: field week"]
    assert said(START, TRIED, frozen, TRIED, at_once) == []
    assert said(START, frozen, edit(frozen, stage("v1.2.0", "v1.1.0"))) == []


def test_a_new_environment_comes_with_its_first_active_version() -> None:
    new = edit(START, ("versions:", "  phones: {active: v1.2.0, registry: embedded, endpoint: none}\nversions:"))
    assert said(START, new) == []
    assert change(START, new).environment_class("phones") is ChangeClass.ACTIVATE


def test_an_environment_that_comes_back_is_not_new() -> None:
    production = "  production: {active: v1.0.0, registry: embedded, endpoint: local}\n"
    without = edit(START, (production, ""))
    again = edit(START, produce("v1.2.0"))
    assert said(START, without) == []
    assert said(START, without, START) == []
    assert said(START, without, again) == ["v1.2.0 has not been active in staging, and that comes before production"]


def test_what_was_active_stays_a_while() -> None:
    back = edit(TRIED, stage("v1.0.0", "v1.1.0"))
    line = (
        "  v1.1.0: {file_path: Bhanura/lepinet, revision: 1111111111111111111111111111111111111111, notes: more rain}\n"
    )
    keep_one = ("versions:", "retention: {min_versions: 1}\nversions:")
    start, tried, back = (edit(text, keep_one) for text in (START, TRIED, back.replace("Bhanura", "Bhanura")))
    back = edit(tried, stage("v1.0.0", "v1.1.0"), ("  v1.2.0", "  # tried, and it was not better\n  v1.2.0"))
    gone = edit(back, (line, ""))
    assert said(start, tried, back, gone, days=29) == [
        "v1.1.0 was active until 03 Nov 2026; retention keeps it 30 days longer"
    ]
    assert said(start, tried, back, gone, days=31) == []
    assert change(start, tried, back, gone).change is ChangeClass.RETIRE


def test_some_that_were_active_always_stay() -> None:
    back = edit(TRIED, stage("v1.0.0", "v1.1.0"), ("  v1.2.0", "  # tried, and it was not better\n  v1.2.0"))
    line = (
        "  v1.1.0: {file_path: Bhanura/lepinet, revision: 1111111111111111111111111111111111111111, notes: more rain}\n"
    )
    gone = edit(back, (line, ""))
    assert said(START, TRIED, back, gone, days=400) == [
        "1 versions that were ever active would stay; retention keeps 3"
    ]


def test_what_was_never_active_may_go_at_once() -> None:
    gone = edit(
        START, ("  v1.2.0: {file_path: Bhanura/lepinet, revision: 2222222222222222222222222222222222222222}\n", "")
    )
    assert said(START, gone) == []


def test_a_loosened_retention_counts_from_the_next_change_on() -> None:
    back = edit(TRIED, stage("v1.0.0", "v1.1.0"))
    line = (
        "  v1.1.0: {file_path: Bhanura/lepinet, revision: 1111111111111111111111111111111111111111, notes: more rain}\n"
    )
    loose = ("versions:", "retention: {min_versions: 1, min_age_days: 0}\nversions:")
    assert len(said(START, TRIED, back, edit(back, loose, (line, "")))) == 2
    assert said(START, TRIED, back, edit(back, loose), edit(back, loose, (line, ""))) == []


def test_the_severest_part_decides() -> None:
    registered = edit(START, ("versions:", "versions:\n  v0.9.0: {file_path: a/b, revision: " + "9" * 40 + "}"))
    rolled = edit(SHIPPED, produce("v1.0.0", "v1.1.0"))
    mixed = edit(rolled, stage("v1.2.0", "v1.1.0"))
    assert change(START, START).change is None
    assert change(START, f"# a comment\n{START}").change is None
    assert change(START, registered).change is ChangeClass.REGISTER
    assert change(START, edit(registered, stage("v1.1.0"))).change is ChangeClass.ACTIVATE
    assert change(START, TRIED, SHIPPED, rolled).change is ChangeClass.ROLLBACK
    assert change(START, TRIED, SHIPPED, mixed).change is ChangeClass.ACTIVATE
    assert change(START, TRIED, SHIPPED, mixed).environment_class("production") is ChangeClass.ROLLBACK
    assert change(START).change is ChangeClass.ACTIVATE
