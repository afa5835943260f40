"""A test, a comparison and a check on a terminal: the answer first, then why, then the figures."""

from __future__ import annotations

import pytest

from evaluation.answering import Counts, answers_of, two_models
from lepinet.evaluation.answers import Answer
from lepinet.evaluation.results import results_of
from lepinet.manifest.history import ChangeClass
from lepinet.report import terminal
from lepinet.report.documents import CheckDocument, RegisteredVersion
from report.reports import (
    FINE,
    LOST,
    NOW,
    SMOKE,
    TOO_FEW,
    comparison,
    document,
    environment,
    problem,
    registered,
    results,
)


def check(found: CheckDocument) -> list[str]:
    return terminal.check(found, colour=False).splitlines()


def test_fine_to_ship() -> None:
    said = check(document(environment(FINE)))
    assert said[:2] == ["v2.0.0 → production: fine to ship", "The photos show that v2.0.0 is not worse than v1.0.0."]
    assert said[said.index("after the merge") + 1 :][:3] == [
        "  the endpoint moves to models/v2.0.0",
        "  the database flips to v2.0.0",
        "  way back: models/v1.0.0",
    ]


def test_a_hold_names_the_species() -> None:
    said = check(document(environment(LOST)))
    assert said[:2] == ["v2.0.0 → production: hold", "Common Jezebel, 7 of 7 right before, 1 of 7 now."]
    assert "  reconcile refuses it, v1.0.0 stays" in said
    assert "gates: 2 passed, 1 to watch, 1 undecided, 1 failed, 1 not measured" in said


def test_undecided_says_who_decides_and_what_would_help() -> None:
    said = check(document(environment(TOO_FEW)))
    assert said[0] == "v2.0.0 → production: undecided, a person decides"
    assert "would show it, if both are equally good" in said[1]
    assert check(document(environment(TOO_FEW, blocks=True)))[0].endswith(": undecided, and so held")


def test_a_smoke_test_never_speaks_in_percent() -> None:
    shown = [
        terminal.check(document(environment(SMOKE), registered=[registered(SMOKE)]), colour=False),
        terminal.check(document(environment(SMOKE, first=True)), colour=False),
        terminal.comparison(comparison(SMOKE), colour=False),
        terminal.test(results(SMOKE), colour=False),
    ]
    assert all("smoke test" in each for each in shown)
    assert not any("%" in each for each in shown)


def test_a_decision_is_said_with_its_reason() -> None:
    said = check(document(environment(LOST, override="Season opens")))
    assert said[0] == "v2.0.0 → production: ships by decision"
    assert "It ships by decision: Season opens" in said


def test_a_rollback_and_a_version_that_cannot_be_tested() -> None:
    assert check(document(environment(LOST, change=ChangeClass.ROLLBACK)))[0] == "v2.0.0 → production: rollback"
    said = check(document(environment(FINE, error="its files are not there")))
    assert said[:2] == ["v2.0.0 → production: hold", "Its files are not there."]


def test_what_else_lies_in_the_repository_is_said() -> None:
    tested = terminal.test(results(FINE, caution="it holds a pickle"), colour=False)
    checked = terminal.check(document(environment(FINE, caution="it holds a pickle")), colour=False)
    assert "\nIt holds a pickle.\n" in tested
    assert "\nIt holds a pickle.\n" in checked


def test_registered_versions_are_listed_and_a_broken_one_is_said_first() -> None:
    new = [registered(FINE), RegisteredVersion(version="v2.3.0")]
    said = check(document(environment(FINE), registered=new))
    assert said[-2:] == [
        "v2.1.0, registered: 828 of 893 known images right (92.7 %)",
        "v2.3.0, registered: no known images to test it on",
    ]
    said = check(document(environment(FINE), registered=[RegisteredVersion(version="v2.4.0", error="it is gone")]))
    assert said[:2] == ["this change: hold", "v2.4.0 cannot be tested: it is gone."]
    assert said[-1] == "v2.4.0, registered: it is gone"


def test_an_invalid_file_is_shown_with_its_lines() -> None:
    said = check(document(problems=[problem()]))
    assert said[0] == "models.yaml: invalid"
    assert said[1].startswith("models.yaml cannot be merged: production.active is v2.0")
    assert said[3:] == str(problem()).splitlines()


def test_a_comparison() -> None:
    said = terminal.comparison(comparison(LOST), colour=False).splitlines()
    assert said[:2] == ["v1.0.0 → v2.0.0: hold", "Common Jezebel, 7 of 7 right before, 1 of 7 now."]
    assert said[2].startswith(
        "v2.0.0 names 87 of 96 right, v1.0.0 91. Over all species together it is at most 9.9 points"
    )
    changed = said[said.index("species that changed, right before and now: 2") + 1 :]
    assert [line.split() for line in changed[:2]] == [
        ["Common", "Jezebel", "7", "→", "1", "of", "7"],
        ["Blue", "Tiger", "84", "→", "86", "of", "89"],
    ]
    assert said[-1].startswith("For statisticians: difference in accuracy -4.2 points, two-sided interval")


def test_a_species_that_the_old_model_cannot_name_is_set_apart() -> None:
    table = {"Blue Tiger": Counts(80, 1, 1, 2), "Tailed Jay": Counts(0, 0, 5, 1)}
    old, new = two_models(table, old_names=["Blue Tiger"])
    part = environment(table)
    assert part.comparison
    alone = results_of(old, NOW)
    apart = part.comparison.model_copy(update={"old": part.comparison.old.model_copy(update={"model": alone.model})})
    said = terminal.comparison(apart, colour=False)
    assert "6 of them show species that v1.0.0 cannot name: only the floors count these." in said
    assert "It has no label for 1 species: Tailed Jay" in terminal.test(alone, colour=False)
    assert "no label" not in terminal.test(results_of(new, NOW), colour=False)


def test_identical_models_are_not_said_to_be_up_to_so_much_worse() -> None:
    said = terminal.comparison(comparison({"Blue Tiger": Counts(96)}, same=True), colour=False)
    assert said.splitlines()[:2] == ["v1.0.0 → v2.0.0: fine to ship", "v2.0.0 answers exactly as v1.0.0 does."]
    assert "worse" not in said.partition("gates")[0]


def test_a_test() -> None:
    said = terminal.test(results(LOST, unanswered="it is no photo"), colour=False).splitlines()
    assert said[0].startswith("v2.0.0: 86 of 96 known images right (89.6 %); 82 to 94 %")
    assert said[said.index("species with photos named wrong: 2") + 1].split() == [
        *("Common", "Jezebel", "1", "of", "7", "right")
    ]
    assert said[said.index("not answered, and counted as wrong: 1") + 1].split()[-4:] == ["it", "is", "no", "photo"]
    assert "wrong: 9" in said


def test_one_error_for_all_photos_is_one_sentence() -> None:
    answers = answers_of(
        "http://127.0.0.1:8000",
        (
            Answer(file_name=f"{number}.jpg", sha256="a" * 64, expected_id="1", expected_name="One", error="HTTP 404")
            for number in range(3)
        ),
    )
    said = terminal.test(results_of(answers, NOW), colour=False)
    assert said == (
        "http://127.0.0.1:8000: none of 3 photos was answered: HTTP 404. Did you mean http://127.0.0.1:8000/predict?"
    )


def test_long_lists_are_cut_and_say_so() -> None:
    said = terminal.comparison(comparison({f"Species {n}": Counts(2, 1) for n in range(50)}), colour=False)
    assert said.count("\n  … and 30 more (--json has all)") == 2


@pytest.mark.parametrize("colour", [False, True])
def test_colour_only_where_it_is_wanted(colour: bool) -> None:  # noqa: FBT001 -- a parameter
    shown = [
        terminal.check(document(environment(LOST)), colour=colour),
        terminal.comparison(comparison(FINE), colour=colour),
        terminal.test(results(FINE), colour=colour),
    ]
    assert all(("\x1b[" in each) is colour for each in shown)
