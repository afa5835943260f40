"""The comment on a pull request: the answer first, then why, then what to do."""

from __future__ import annotations

import re

import pytest

from evaluation.answering import Counts
from lepinet.evaluation.gates import Decision, Gate, State
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.model import Gates
from lepinet.report.documents import CheckDocument, EnvironmentCheck, RegisteredVersion
from lepinet.report.markdown import LIMIT, answers, check
from lepinet.report.wording import changes
from report.reports import (
    FINE,
    LOST,
    SMOKE,
    TOO_FEW,
    TRAINERS_OWN,
    declared,
    document,
    environment,
    problem,
    registered,
)


def lines(report: str) -> list[str]:
    return [line for line in report.splitlines() if line]


def test_fine_to_ship() -> None:
    report = lines(check(document(environment(FINE))))
    assert report[0] == "### LepiNet · v2.0.0 → production: **fine to ship**"
    assert report[1] == "**The photos show that v2.0.0 is not worse than v1.0.0.**"
    assert "- **Ship it:** approve and merge. The history keeps your name and this page." in report
    assert "After the merge: the endpoint moves to models/v2.0.0; the database flips to v2.0.0; way back" in "".join(
        line.replace("\\", "") for line in report
    )
    assert "To go back: *Revert* below, or `lepinet rollback -e production`." in report
    assert "<sub>commit 2222222 · compared with 1111111 · LepiNet " in report[-1]


def test_a_hold_names_the_species_and_how_to_ship_anyway() -> None:
    report = lines(check(document(environment(LOST))))
    assert report[0] == "### LepiNet · v2.0.0 → production: **hold**"
    assert report[1] == "**Common Jezebel, 7 of 7 right before, 1 of 7 now.**"
    anyway = '- **Ship it anyway:** `lepinet activate v2.0.0 -e production --override "reason"`. '
    assert any(line.startswith(anyway) for line in report)
    assert "If it is merged all the same: reconcile refuses it, v1.0.0 stays." in report
    assert not any(line.startswith("- **Ship it:**") for line in report)


def test_the_worst_species_stands_first_in_its_table() -> None:
    report = check(document(environment(LOST)))
    table = report[report.index("| species | images |") :]
    assert lines(table)[2:4] == ["| Common Jezebel | 7 | 7 → 1 | -6 |", "| Blue Tiger | 89 | 84 → 86 | +2 |"]


def test_figures_are_counts_of_both_models() -> None:
    report = lines(check(document(environment(LOST))))
    assert report[report.index("| 96 known images, 2 species | v1.0.0 (active) | v2.0.0 |  |") :][1:6] == [
        "|---|---|---|---|",
        "| right | 91 (94.8 %) | 87 (90.6 %) | -4 |",
        "| right among the first three | 96 | 96 | ±0 |",
        "| **newly wrong / newly right** |  | **6 / 2** |  |",
        "| newly wrong: look here first | it is | v1.0.0 said | v2.0.0 says |",
    ]


def test_the_answer_is_followed_by_what_was_counted_and_how_much_worse_it_may_be() -> None:
    counted = "v2.0.0 names 87 of 96 right, v1.0.0 91. Over all species together it is at most 9.9 points worse"
    assert lines(check(document(environment(LOST))))[2].startswith(counted)
    assert lines(check(document(environment(TOO_FEW))))[2] == "Both name 89 of 96 right.", "the answer says the rest"
    assert lines(check(document(environment(FINE))))[2] == "v2.0.0 names 828 of 893 right, v1.0.0 805."


def test_a_report_says_what_its_words_mean() -> None:
    report = check(document(environment(TOO_FEW)))
    assert "- **undecided:** the photos are too few to know; nothing is shown to be wrong" in report
    assert "What do these words mean?" not in check(document())


def test_undecided_says_that_nothing_is_known_to_be_wrong_and_what_to_do() -> None:
    report = lines(check(document(environment(TOO_FEW))))
    assert report[0] == "### LepiNet · v2.0.0 → production: **undecided, a person decides**"
    assert report[1].startswith("**96 known images cannot tell whether v2.0.0 is as good as v1.0.0")
    assert "- **Ship it:** approve and merge. The history keeps your name and this page." in report
    (more,) = (line for line in report if line.startswith("- **Know more:**"))
    found = re.fullmatch(r".* About ([\d,]+) more photos .* into photos; ([\d,]+) in all would tell, .*", more)
    assert found
    missing, needed = (int(number.replace(",", "")) for number in found.groups())
    assert needed - missing == 96
    assert any(line.startswith("- **Not now:** close. v1.0.0 stays") for line in report)


def test_the_most_demanding_gate_says_how_many_photos_would_be_enough() -> None:
    part = environment(TOO_FEW)
    assert part.verdict
    first = part.verdict.reasons[0]
    against_the_reference = first.model_copy(update={"figures": {"images_needed": 4000, "images": 96}})
    both = part.verdict.model_copy(update={"reasons": (*part.verdict.reasons, against_the_reference)})
    report = check(document(part.model_copy(update={"verdict": both})))
    assert report.count("- **Know more:**") == 1
    assert "About 3,904 more photos" in report
    assert "4,000 in all" in report


@pytest.mark.parametrize(
    ("counts", "unanswered", "caution", "said"),
    [
        (Counts(86, 4, 4, 2), None, None, True),
        (Counts(88, 3, 2, 3), None, None, False),
        (Counts(86, 4, 4, 2), "it is no photo", None, False),
        (Counts(86, 4, 4, 2), None, "it holds a pickle", False),
    ],
)
def test_nothing_is_known_to_be_wrong_only_where_that_is_so(
    counts: Counts, unanswered: str | None, caution: str | None, *, said: bool
) -> None:
    report = check(document(environment({"Blue Tiger": counts}, unanswered=unanswered, caution=caution)))
    assert "undecided" in report
    assert ("Nothing is known to be wrong with it." in report) is said


def test_undecided_that_blocks_says_that_it_is_held() -> None:
    report = lines(check(document(environment(TOO_FEW, blocks=True))))
    assert report[0].endswith("**undecided, and so held**")
    assert any(line.startswith("- **Ship it anyway:**") for line in report)
    assert any(line.startswith("- **Know more:**") for line in report)


@pytest.mark.parametrize("first", [False, True])
def test_a_smoke_test_never_speaks_in_percent(first: bool) -> None:  # noqa: FBT001 -- a parameter
    report = check(document(environment(SMOKE, first=first), registered=[registered(SMOKE)]))
    assert "a smoke test of 12 known images" in report
    assert "%" not in re.sub(r'(?<=")photos/[^"]*(?=")', "", TRAINERS_OWN.sub("", report))


def test_a_first_version_is_judged_by_itself() -> None:
    report = check(document(environment(FINE, first=True)))
    assert "**The first version of this environment: nothing to compare with" in report
    assert "| right | " in report
    assert "newly wrong: look here" not in report
    assert "Revert" not in report, "there is nothing to go back to"


def test_a_decision_is_said_with_its_reason() -> None:
    report = lines(check(document(environment(LOST, override="Season opens; decided with Bhanura"))))
    assert report[0] == "### LepiNet · v2.0.0 → production: **ships by decision**"
    assert "It ships by decision: Season opens; decided with Bhanura" in report
    assert "**Common Jezebel, 7 of 7 right before, 1 of 7 now.**" in report, "what it is shipped in spite of"
    assert any(line.startswith("- **Ship it:**") for line in report)


def test_a_rollback_shows_its_comparison_and_is_never_held() -> None:
    report = lines(check(document(environment(LOST, change=ChangeClass.ROLLBACK))))
    assert report[0] == "### LepiNet · v2.0.0 → production: **rollback**"
    assert report[1].startswith("**A version that was active here before; it loads and answers")
    assert "- Common Jezebel, 7 of 7 right before, 1 of 7 now." in report
    assert "**Your choice**" not in report


def test_a_version_that_cannot_be_tested_is_held_with_the_reason() -> None:
    report = lines(check(document(environment(FINE, error="onnx/model.onnx is no ONNX model", notes="more photos"))))
    assert report[0].endswith("**hold**")
    assert report[1] == "**onnx/model.onnx is no ONNX model.**"
    assert "After the merge" not in "".join(report)


def test_photos_that_were_not_answered_are_named() -> None:
    report = check(document(environment(FINE, unanswered="it is no photo")))
    assert "Not answered, and counted as wrong: Blue Tiger/00000.jpg (it is no photo)." in report


def test_what_else_lies_in_the_repository_is_said_before_other_reasons() -> None:
    report = check(document(environment(LOST, caution="it holds what runs code: handler.py (Python)")))
    first = next(line for line in lines(report) if line.startswith("- "))
    assert first == "- It holds what runs code: handler.py (Python)."


def test_registered_versions_are_listed_by_what_they_can_do() -> None:
    new = [
        registered(FINE),
        registered(SMOKE, "v2.2.0"),
        RegisteredVersion(version="v2.3.0"),
        RegisteredVersion(version="v2.4.0", error="its files are not there"),
    ]
    report = check(document(registered=new))
    assert lines(report)[0] == "### LepiNet · this change: **hold**"
    assert lines(report)[1] == "**v2.4.0 cannot be tested: its files are not there.**"
    assert "**v2.1.0** is registered, and active nowhere yet. It loads and answers: 828 of 893 known images" in report
    assert "**v2.2.0** is registered, and active nowhere yet. It loads and answers: 11 of 12 known images right (a" in (
        report
    )
    assert "**v2.3.0** is registered, and active nowhere yet. There are no known images to test it on." in report
    assert "**v2.4.0** is registered, and active nowhere yet. It cannot be tested, which keeps this change" in report


def test_what_holds_the_change_is_said_before_what_is_fine() -> None:
    broken = RegisteredVersion(version="v2.4.0", error="its files are not there")
    report = check(document(environment(FINE), registered=[broken]))
    assert report.index("v2.4.0") < report.index("fine to ship")
    assert lines(report)[0] == "### LepiNet · this change: **hold**"
    assert lines(report)[1] == "**v2.4.0 cannot be tested: its files are not there.**"


def test_nothing_to_judge() -> None:
    report = lines(check(document()))
    assert report[:2] == [
        "### LepiNet · this change: **nothing to judge**",
        "**Nothing to judge: no active version changes against main; models.yaml is valid.**",
    ]


def test_an_invalid_file_is_shown_with_its_lines() -> None:
    report = check(document(problems=[problem(), problem("versions.v9 is no version", 9)]))
    assert lines(report)[0] == "### LepiNet · models.yaml: **invalid**"
    assert "and 1 more" in lines(report)[1]
    assert "   5 |     active: v2.0  # `the one`\n     |             ^^^^ did you mean v2.0.0?" in report
    assert "models.yaml:9:13: versions.v9 is no version" in report


def test_every_environment_has_its_part() -> None:
    report = check(document(environment(FINE, name="staging"), environment(LOST)))
    assert report.index("v2.0.0 → staging: **fine to ship**") < report.index("v2.0.0 → production: **hold**")


def many(name: str = "Species {}") -> EnvironmentCheck:
    """3,000 flips on 1,000 species."""
    return environment({name.format(number): Counts(1, 2, 1, 0) for number in range(1000)})


@pytest.fixture(scope="module")
def large() -> tuple[CheckDocument, ...]:
    """Plain, with names that take five times their length to be shown, and far too much of it."""
    plain = many()
    environments = [plain.model_copy(update={"name": f"place-{number}"}) for number in range(40)]
    return document(plain), document(many("@a" * 100 + "{}")), document(*environments)


def test_github_takes_it_however_much_there_is(large: tuple[CheckDocument, ...]) -> None:
    for found in large:
        report = check(found)
        assert len(report) <= LIMIT
        assert report.startswith("### LepiNet · v2.0.0 → ")
        assert "lepinet check --json" in report, "where all of it is"
        assert report.count("<details>") == report.count("</details>"), "folded away, nobody would read that it was cut"
    for found in large[:2]:
        report = check(found)
        assert "**Your choice**" in report
        assert report.count("<details>") == 2, "the details, and what the words mean"
        hidden, kinds = re.findall(r"([\d,]+) more (?:are|species are) not shown here", report), 3
        assert len(hidden) == kinds, "newly wrong, newly right, species"
        assert report.count("<img ") + int(hidden[0]) + int(hidden[2]) == 3000


def test_github_takes_a_file_that_is_wrong_a_thousand_times() -> None:
    report = check(document(problems=[problem("x" * 200, line) for line in range(1, 1001)]))
    assert len(report) <= LIMIT
    fences = [line for line in report.splitlines() if line.startswith("```")]
    assert len(fences) % 2 == 0, "what is said of the rest stands outside of the last one"
    assert re.search(r"\d more problems are not shown here", report)


def test_a_gate_that_is_off_is_in_no_report() -> None:
    part = environment(FINE, gates=Gates(min_top3_accuracy=None))
    assert part.verdict
    assert "min_top3_accuracy" not in check(document(part))
    gates: tuple[Gate, ...] = part.verdict.gates
    assert {gate.state for gate in gates} == {State.PASSED, State.NOT_MEASURED}
    assert "<summary>Gates: 4 passed, 1 not measured · 2 species · 28 newly right" in check(document(part))


def test_the_answers_of_a_report_are_read_back() -> None:
    both = document(environment(FINE), environment(LOST, name="staging"))
    assert [(one.title, one.word, one.sentence) for one in answers(check(both))] == [
        ("v2.0.0 → production", "fine to ship", "The photos show that v2.0.0 is not worse than v1.0.0."),
        ("v2.0.0 → staging", "hold", "Common Jezebel, 7 of 7 right before, 1 of 7 now."),
    ]
    assert [one.decision for one in answers(check(both))] == [Decision.PROMOTE, Decision.HOLD]
    assert answers("### LepiNet · words of **somebody**") == ()


def test_what_a_version_has_in_common_with_the_one_before_is_no_change() -> None:
    old, new = declared("v1.0.0"), declared("v2.0.0").model_copy(update={"training_image_count": 6000})
    assert [line for line in changes(old, new) if not line.startswith("files: ")] == [
        "trained on 6,000 images, before 5,400"
    ]
