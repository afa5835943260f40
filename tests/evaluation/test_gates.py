"""The verdict: three answers, each gate's limit in whole images, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluation.answering import Counts, answers_of, two_models
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates import Decision, Gate, State, Verdict
from lepinet.evaluation.gates.judge import judge, judge_without_baseline
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.gates.tries import alpha
from lepinet.evaluation.speed import Speed
from lepinet.manifest.model import Gates

OFF = Gates(
    non_inferiority_margin=None,
    min_accuracy=None,
    min_top3_accuracy=None,
    max_negative_flips=None,
    max_species_recall_drop=None,
    max_latency_ratio=None,
)


def verdict(table: Mapping[str, Counts], gates: Gates | None = None) -> Verdict:
    return judge(*two_models(table), Terms(gates or Gates()))


def only(**limits: str) -> Gates:
    """Every other gate switched off."""
    return OFF.model_copy(update={name: Decimal(limit) for name, limit in limits.items()})


def gate(found: Verdict, name: str) -> Gate:
    return next(one for one in found.gates if one.name == name)


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


def test_shown_not_worse_is_promoted() -> None:
    found = verdict({"Blue Tiger": Counts(500, 3, 20, 40), "Common Crow": Counts(300, 2, 8, 20)})
    assert found.answer is Decision.PROMOTE
    assert codes(found) == ["shown_not_worse"]
    assert found.sentence == "the photos show that v2.0.0 is not worse than v1.0.0"
    assert {one.state for one in found.gates} == {State.PASSED, State.NOT_MEASURED}


def test_a_model_whose_labels_are_other_words_for_the_species_is_told_so_first() -> None:
    table = {name: Counts(negative=20) for name in ("Blue Tiger", "Common Crow")}
    old, new = two_models(table, new_names=())
    told = "v2.0.0 has a label for 0 of the 2 species on the known images: models.yaml needs `species: species.csv`"
    for found in (
        judge(old, new, Terms(Gates())),
        judge(None, new, Terms(Gates())),
        judge_without_baseline("v1.0.0", new, Gates()),
    ):
        assert found.answer is Decision.HOLD
        assert found.sentence.startswith(told)
    knows_one = two_models(table, new_names=["Blue Tiger"])[1]
    assert "strange_labels" not in codes(judge(old, knows_one, Terms(Gates())))


def test_inside_the_margin_says_how_much_worse_at_most() -> None:
    found = verdict({"Blue Tiger": Counts(149)})
    assert found.answer is Decision.PROMOTE
    assert found.sentence == "the photos show that v2.0.0 is at most 1.8 points worse than v1.0.0 (limit 2 points)"
    assert "2 points = 3.0 of your 149 images" in gate(found, "non_inferiority").sentence


def test_too_few_images_to_tell_is_undecided_and_says_how_many_would_do() -> None:
    found = verdict({"Blue Tiger": Counts(84, 5, 5, 2)}, Gates(non_inferiority_margin=Decimal("0.05")))
    assert found.answer is Decision.UNDECIDED
    reason = found.reasons[0]
    assert reason.code == "too_few_images"
    assert reason.sentence == (
        "96 known images cannot tell whether v2.0.0 is as good as v1.0.0: it may in truth be up to "
        "6 points worse (limit 5 points); about 302 images would show it, if both are equally good and "
        "differ as often as here (10 of 96)"
    )
    assert reason.figures["images_needed"] == 302
    assert reason.figures["old_right"] == reason.figures["new_right"] == 89


def test_what_the_exact_test_alone_doubts_falls_short() -> None:
    found = verdict({"Blue Tiger": Counts(148)})
    assert found.answer is Decision.UNDECIDED
    assert found.sentence.startswith("148 known images fall short of showing that v2.0.0 is as good as v1.0.0")


def test_shown_worse_is_held() -> None:
    found = verdict({"Blue Tiger": Counts(200, 40, 3, 57)}, only(non_inferiority_margin="0.02"))
    assert found.answer is Decision.HOLD
    assert found.sentence == "shown to be worse: 40 of 300 newly wrong, 3 newly right"


@pytest.mark.parametrize("table", [Counts(12), Counts(10, 1, 1), Counts(2, 10), Counts(0, 0, 12), Counts(0, 0, 0, 12)])
@pytest.mark.parametrize("margin", ["0.02", "0.9"])
def test_a_smoke_test_never_speaks_in_percent_or_points_of_what_it_found(table: Counts, margin: str) -> None:
    found = verdict({"Blue Tiger": table}, Gates(non_inferiority_margin=Decimal(margin)))
    said = found.sentence.replace(f"limit {float(margin) * 100:.0f} points", "")
    assert "%" not in said
    assert "points" not in said


def test_without_known_images_an_activation_is_held() -> None:
    baseline, _ = two_models({"Blue Tiger": Counts(3)})
    for candidate in (None, answers_of("v2.0.0", [])):
        found = judge(baseline, candidate, Terms(Gates()))
        assert (found.answer, codes(found)) == (Decision.HOLD, ["no_images"])


def test_a_first_version_is_judged_by_the_floors_alone() -> None:
    _, good = two_models({"Blue Tiger": Counts(90, 0, 0, 10)})
    found = judge(None, good, Terms(Gates()))
    assert (found.answer, codes(found)) == (Decision.PROMOTE, ["no_baseline"])
    assert [one.name for one in found.gates] == ["min_accuracy", "min_top3_accuracy"]
    _, bad = two_models({"Blue Tiger": Counts(70, 0, 0, 30)})
    found = judge(None, bad, Terms(Gates()))
    assert (found.answer, found.sentence) == (Decision.HOLD, "70 of 100 right; 80 needed")


def test_without_the_baselines_answers_floors_hold_and_the_rest_is_undecided() -> None:
    _, good = two_models({"Blue Tiger": Counts(90, 0, 0, 10)})
    found = judge_without_baseline("v1.0.0", good, Gates())
    assert (found.answer, codes(found)) == (Decision.UNDECIDED, ["baseline_gone"])
    _, bad = two_models({"Blue Tiger": Counts(70, 0, 0, 30)})
    found = judge_without_baseline("v1.0.0", bad, Gates())
    assert (found.answer, codes(found)) == (Decision.HOLD, ["under_min_accuracy", "baseline_gone"])


def test_an_identical_model_is_promoted_without_statistics() -> None:
    old, new = two_models({"Blue Tiger": Counts(3, 0, 0, 9)}, new_confidence=0.8)
    found = judge(old, new, Terms(Gates()))
    assert (found.answer, codes(found)) == (Decision.PROMOTE, ["identical"])
    assert found.sentence == "v2.0.0 answers exactly as v1.0.0 does"


def test_a_photo_that_neither_model_could_be_asked_about_leaves_identical_models_identical() -> None:
    old, new = two_models({"001": Counts(12)}, new_confidence=0.8)
    broken = old.answers[0].model_copy(update={"top": (), "error": "it is truncated"})
    old, new = (each.model_copy(update={"answers": (broken, *each.answers[1:])}) for each in (old, new))
    assert codes(judge(old, new, Terms(Gates()))) == ["identical"]


def test_a_later_try_on_the_same_photos_must_show_more() -> None:
    models = two_models({"001": Counts(260, 5, 7, 28)})
    gates = only(non_inferiority_margin="0.02")
    first, fifth = (judge(*models, Terms(gates, tries=tries)) for tries in (1, 5))
    assert (first.answer, fifth.answer) == (Decision.PROMOTE, Decision.UNDECIDED)
    assert "; 4 other versions were tried on these photos before: among many one passes by luck" in fifth.sentence
    assert fifth.reasons[0].figures["try"] == 5


def three_models(old: str, best: str, new: str) -> tuple[Answers, Answers, Answers]:
    """Of answers by photo, `+` right and `-` wrong, by the versions v1.0.0, v1.1.0, v2.0.0."""
    pairs = [two_models({"001": Counts(1)}), two_models({"001": Counts(0, 0, 0, 1)})]
    right, wrong = pairs[0][0].answers[0], pairs[1][0].answers[0]
    made = [
        answers_of(
            name,
            [
                (right if mark == "+" else wrong).model_copy(
                    update={"file_name": f"{place}.jpg", "sha256": f"{place:064x}", "latency_ms": None}
                )
                for place, mark in enumerate(marks)
            ],
            frozenset({"001"}),
        )
        for name, marks in (("v1.0.0", old), ("v1.1.0", best), ("v2.0.0", new))
    ]
    return made[0], made[1], made[2]


def test_a_candidate_must_not_be_worse_than_the_reference_either() -> None:
    old, best, new = three_models("+" * 250 + "-" * 50, "+" * 290 + "-" * 10, "+" * 251 + "-" * 49)
    gates = only(non_inferiority_margin="0.02")
    assert judge(old, new, Terms(gates)).answer is Decision.PROMOTE
    found = judge(old, new, Terms(gates, best=Best("v1.1.0", best)))
    assert found.answer is Decision.HOLD
    assert found.sentence.startswith("against the reference v1.1.0: shown to be worse")


def test_a_reference_that_is_outgrown_may_move() -> None:
    old, best, new = three_models("+" * 280 + "-" * 20, "+" * 280 + "-" * 20, "+" * 295 + "-" * 5)
    found = judge(old, new, Terms(only(non_inferiority_margin="0.02"), best=Best("v1.1.0", best)))
    assert found.answer is Decision.PROMOTE
    assert "`reference` may move to it, in a change of its own" in gate(found, "reference").sentence


def test_a_reference_that_nobody_can_ask_leaves_it_undecided() -> None:
    old, _, new = three_models("+" * 280 + "-" * 20, "", "+" * 295 + "-" * 5)
    found = judge(old, new, Terms(only(non_inferiority_margin="0.02"), best=Best("v1.1.0", None)))
    assert (found.answer, codes(found)) == (Decision.UNDECIDED, ["reference_gone"])


def test_what_is_shown_to_be_worse_is_so_at_every_try() -> None:
    models = two_models({"001": Counts(300, 40, 2, 60)})
    gates = only(non_inferiority_margin="0.02")
    assert [judge(*models, Terms(gates, tries=tries)).answer for tries in (1, 20)] == [Decision.HOLD, Decision.HOLD]


def test_all_tries_together_keep_the_promise() -> None:
    usual, strict = Gates(), Gates(strict_tries=True)
    assert alpha(usual, 1) == pytest.approx(0.05)
    assert sum(alpha(usual, tries) for tries in range(1, 10_000)) < 0.0823
    assert sum(alpha(strict, tries) for tries in range(1, 10_000)) < 0.05


@pytest.mark.parametrize(
    ("table", "state", "answer"),
    [
        (Counts(80, 2, 12, 6), State.PASSED, Decision.PROMOTE),
        (Counts(80, 2, 7, 6), State.UNDECIDED, Decision.UNDECIDED),
        (Counts(80, 12, 2, 6), State.FAILED, Decision.HOLD),
    ],
)
def test_an_improvement_that_is_asked_for_must_be_shown(table: Counts, state: State, answer: Decision) -> None:
    found = verdict({"001": table}, OFF.model_copy(update={"require_improvement": True}))
    assert gate(found, "require_improvement").state is state
    assert found.answer is answer


def test_an_identical_model_is_no_improvement() -> None:
    identical = two_models({"001": Counts(12)}, new_confidence=0.8)
    found = judge(*identical, Terms(OFF.model_copy(update={"require_improvement": True})))
    assert (found.answer, codes(found)) == (Decision.HOLD, ["identical"])


def test_all_gates_switched_off_promote() -> None:
    found = verdict({"Blue Tiger": Counts(0, 30, 0, 0)}, OFF)
    assert (found.answer, codes(found), found.gates) == (Decision.PROMOTE, ["passed"], ())


def test_none_of_the_images_shows_what_the_baseline_can_name() -> None:
    old, new = two_models({"Blue Tiger": Counts(0, 0, 30, 0)}, old_names=[])
    found = judge(old, new, Terms(Gates()))
    assert found.answer is Decision.UNDECIDED
    assert found.sentence == "none of the known images that count shows a species that v1.0.0 can name"


@pytest.mark.parametrize(
    ("floor", "size", "needed"), [("0.80", 300, 240), ("0.07", 100, 7), ("0.57", 100, 57), ("0.5", 31, 16), ("0", 9, 0)]
)
def test_a_floor_is_a_whole_number_of_images(floor: str, size: int, needed: int) -> None:
    """0.07 · 100 and 0.57 · 100 are more than 7 and less than 57 in floating point."""
    _, enough = two_models({"Blue Tiger": Counts(needed, 0, 0, size - needed)})
    assert judge(None, enough, Terms(only(min_accuracy=floor))).answer is Decision.PROMOTE
    if needed:
        _, short = two_models({"Blue Tiger": Counts(needed - 1, 0, 0, size - needed + 1)})
        found = judge(None, short, Terms(only(min_accuracy=floor)))
        assert found.answer is Decision.HOLD
        assert found.sentence.startswith(f"{needed - 1} of {size} right; {needed} needed")


def test_a_figure_near_its_floor_is_called_so() -> None:
    _, new = two_models({"Blue Tiger": Counts(250, 0, 0, 50)})
    near = judge(None, new, Terms(only(min_accuracy="0.80")))
    far = judge(None, new, Terms(only(min_accuracy="0.50")))
    assert gate(near, "min_accuracy").sentence == "250 of 300 right; 240 needed, near the floor"
    assert gate(far, "min_accuracy").sentence == "250 of 300 right; 150 needed"


def test_an_endpoint_that_tells_its_first_guess_alone_has_no_second_and_third() -> None:
    _, new = two_models({"001": Counts(36, 0, 0, 4)})
    told = tuple(answer.model_copy(update={"top": answer.top[:1]}) for answer in new.answers)
    endpoint = new.model_copy(update={"answers": told, "nameable": None})
    found = judge(None, endpoint, Terms(only(min_top3_accuracy="0.95")))
    assert gate(found, "min_top3_accuracy").state is State.NOT_MEASURED
    assert found.answer is Decision.PROMOTE


def test_images_of_new_species_count_in_the_floors() -> None:
    table = {"Blue Tiger": Counts(90, 0, 0, 10), "Nawab": Counts(0, 0, 0, 100)}
    old, new = two_models(table, old_names=["Blue Tiger"])
    assert judge(old, new, Terms(only(min_accuracy="0.5"))).sentence == "90 of 200 right; 100 needed, near the floor"


@pytest.mark.parametrize(
    ("negative", "state", "answer"),
    [
        (15, State.PASSED, Decision.PROMOTE),
        (16, State.WATCH, Decision.PROMOTE),
        (21, State.WATCH, Decision.PROMOTE),
        (22, State.FAILED, Decision.HOLD),
    ],
)
def test_negative_flips_hold_only_when_shown(negative: int, state: State, answer: Decision) -> None:
    """The lower bound of 22 of 300 is 5.02 %, of 21 of 300 4.75 % (SciPy)."""
    found = verdict({"Blue Tiger": Counts(300 - negative, negative)}, only(max_negative_flips="0.05"))
    assert (gate(found, "max_negative_flips").state, found.answer) == (state, answer)
    assert gate(found, "max_negative_flips").sentence.startswith(f"{negative} of 300 newly wrong; 15 allowed")


def test_what_is_to_watch_does_not_speak_first_for_a_promotion() -> None:
    found = verdict({"Blue Tiger": Counts(283, 17)}, only(max_negative_flips="0.05"))
    assert codes(found) == ["passed", "many_newly_wrong"]


def test_a_lost_species_holds_a_model_that_is_better_on_average() -> None:
    found = verdict({"Common Jezebel": Counts(1, 5), "others": Counts(250, 2, 20, 22)})
    assert found.answer is Decision.HOLD
    assert found.reasons[0].code == "species_lost"
    assert found.sentence == "Common Jezebel, 6 of 6 right before, 1 of 6 now"


def test_a_drop_that_chance_explains_is_to_watch() -> None:
    found = verdict({"Common Jezebel": Counts(4, 2), "others": Counts(250, 4, 20, 20)})
    assert found.answer is Decision.PROMOTE
    assert gate(found, "max_species_recall_drop").state is State.WATCH
    assert codes(found) == ["shown_not_worse", "species_watch"]


def test_a_drop_at_the_limit_is_none() -> None:
    found = verdict({"Common Jezebel": Counts(8, 2), "others": Counts(4000)}, only(max_species_recall_drop="0.20"))
    assert gate(found, "max_species_recall_drop").state is State.PASSED
    found = verdict({"Common Jezebel": Counts(8, 2), "others": Counts(4000)}, only(max_species_recall_drop="0.19"))
    assert gate(found, "max_species_recall_drop").state is State.FAILED


def test_a_species_with_four_images_is_too_few_to_judge() -> None:
    found = verdict({"Common Jezebel": Counts(0, 4)}, only(max_species_recall_drop="0.20"))
    assert gate(found, "max_species_recall_drop").state is State.TOO_FEW
    assert found.answer is Decision.PROMOTE


def test_a_species_that_has_no_label_any_more_is_lost_whatever_its_number() -> None:
    table = {"Common Jezebel": Counts(0, 1), "others": Counts(400)}
    old, new = two_models(table, new_names=["others"])
    found = judge(old, new, Terms(Gates()))
    assert found.answer is Decision.HOLD
    assert found.sentence == "Common Jezebel, 1 of 1 right before, the new model has no such label"


def test_with_few_other_images_a_loss_is_compared_with_a_fair_coin() -> None:
    """One-sided McNemar: 2⁻⁵ is 0.031 and 2⁻⁶ 0.016, and the limit for one species 0.03."""
    limit = only(max_species_recall_drop="0.20")
    five, six = (verdict({"Common Jezebel": Counts(1, lost), "few": Counts(4)}, limit) for lost in (5, 6))
    assert gate(five, "max_species_recall_drop").state is State.WATCH
    assert gate(six, "max_species_recall_drop").state is State.FAILED


def test_a_hold_tells_what_else_is_undecided_and_to_watch() -> None:
    found = verdict({"Common Jezebel": Counts(1, 5), "others": Counts(100, 2, 4, 4)})
    assert found.answer is Decision.HOLD
    assert codes(found) == ["species_lost", "too_few_images", "many_newly_wrong"]


def test_many_lost_species_do_not_flood_the_gates_sentence() -> None:
    table = {f"species {number:04}": Counts(0, 6) if number < 50 else Counts(6) for number in range(1000)}
    found = verdict(table, only(max_species_recall_drop="0.2"))
    assert gate(found, "max_species_recall_drop").sentence.startswith("1000 species judged, 50 lost")
    assert len(gate(found, "max_species_recall_drop").sentence) < 300
    assert len(found.reasons) == 50


tables = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(Counts, st.integers(0, 60), st.integers(0, 6), st.integers(0, 6), st.integers(0, 8)).filter(sum),
    min_size=1,
)
limits = st.builds(
    Gates,
    non_inferiority_margin=st.sampled_from([None, *map(Decimal, ("0.02", "0.1", "0.3"))]),
    confidence=st.sampled_from([Decimal("0.5"), Decimal("0.95")]),
    min_accuracy=st.sampled_from([None, Decimal("0.8")]),
    max_negative_flips=st.sampled_from([None, Decimal("0.05")]),
)


MILDEST_FIRST = [Decision.PROMOTE, Decision.UNDECIDED, Decision.HOLD]


@given(tables, limits, st.sampled_from(["both_right", "positive"]), st.data())
@settings(deadline=None, max_examples=80)
def test_one_more_newly_wrong_photo_never_makes_the_answer_milder(
    table: dict[str, Counts], gates: Gates, instead_of: str, data: st.DataObject
) -> None:
    """Nor does it when the species gate is on, as long as the photo is not of another species than the lost one."""
    species = data.draw(st.sampled_from(sorted(table)))
    counts = table[species]
    assume(getattr(counts, instead_of))
    if len(table) > 1:
        gates = gates.model_copy(update={"max_species_recall_drop": None})
    worse = counts._replace(**{instead_of: getattr(counts, instead_of) - 1, "negative": counts.negative + 1})
    before, after = (verdict(one, gates).answer for one in (table, {**table, species: worse}))
    assert MILDEST_FIRST.index(after) >= MILDEST_FIRST.index(before)


@pytest.mark.parametrize("limit", ["0.07", "0.29", "0.57"])
def test_ties_on_a_limit_are_decided_by_whole_photos(limit: str) -> None:
    """None of these is a fraction of two: of 100 photos, floating point would see a little more or less."""
    allowed = int(limit.removeprefix("0."))
    on_it, over = ({"Blue Tiger": Counts(100 - lost, lost)} for lost in (allowed, allowed + 1))
    assert verdict(on_it, only(non_inferiority_margin=limit)).answer is Decision.UNDECIDED
    states = [gate(verdict(one, only(max_negative_flips=limit)), "max_negative_flips").state for one in (on_it, over)]
    assert states == [State.PASSED, State.WATCH]


def test_losses_everywhere_make_the_loss_of_one_species_less_surprising() -> None:
    """What the rule for species costs: one loss more elsewhere, and a hold becomes something to watch."""
    states = [
        gate(verdict({"Nawab": Counts(23, 7), **others(lost)}), "max_species_recall_drop").state for lost in (132, 133)
    ]
    assert states == [State.FAILED, State.WATCH]


def others(lost: int) -> dict[str, Counts]:
    """99 species of 30 images, with so many negative flips among them."""
    each, rest = divmod(lost, 99)
    return {f"species {k:02}": Counts(28 - each - (k < rest), each + (k < rest), 1, 1) for k in range(99)}


def test_enough_images_that_still_cannot_tell_ask_for_no_more() -> None:
    found = verdict({"Blue Tiger": Counts(2700, 139, 80, 81)}, only(non_inferiority_margin="0.02"))
    assert found.answer is Decision.UNDECIDED
    assert found.sentence.endswith(
        "; so many mostly show it, if both are equally good and differ as often as here (219 of 3000)"
    )


def test_every_count_of_a_few_images_gets_an_answer() -> None:
    for size in range(1, 6):
        for negative, positive, both_wrong in product(range(size + 1), repeat=3):
            both_right = size - negative - positive - both_wrong
            if both_right < 0:
                continue
            found = verdict({"Blue Tiger": Counts(both_right, negative, positive, both_wrong)})
            assert found.reasons
            assert all(one.value is None or -1 <= one.value <= 1 for one in found.gates)


@pytest.mark.parametrize(
    ("size", "margin", "positive"), [(100, "0.05", 0.02), (300, "0.02", 0.01), (300, "0.02", 0.05)]
)
def test_a_model_exactly_on_the_margin_is_rarely_promoted(size: int, margin: str, positive: float) -> None:
    """In 5 % of cases at most; so many seeded runs tell it from 8.3 %."""
    rng, runs, gates = np.random.default_rng(20261124), 400, only(non_inferiority_margin=margin)
    negative = positive + float(margin)
    draws = rng.multinomial(size, [negative, positive, 1 - negative - positive], size=runs)
    found = [verdict({"Blue Tiger": Counts(same, b, c)}, gates) for b, c, same in draws.tolist()]
    share = sum(one.answer is Decision.PROMOTE for one in found) / runs
    assert share <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_equally_good_models_are_rarely_held_by_what_stands_beside_the_margin() -> None:
    """50 species with 6 photos each, 5 % of answers flipping either way; the point rule would hold most of them."""
    rng = np.random.default_rng(20261124)
    held = 0
    for _ in range(150):
        flips = rng.multinomial(6, [0.025, 0.025, 0.85, 0.10], size=50).tolist()
        table = {f"species {k:02}": Counts(a, b, c, d) for k, (b, c, a, d) in enumerate(flips)}
        held += verdict(table).answer is Decision.HOLD
    assert held / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


def times(old: float, new: float, jitter: float = 0.1) -> Speed:
    """Forty photos, each a little slower or faster than the median."""
    spread = [1 + jitter * (number / 39 - 0.5) for number in range(40)]
    return Speed(old_ms=tuple(old * one for one in spread), new_ms=tuple(new * one for one in spread[::-1]))


@pytest.mark.parametrize(
    ("speed", "state", "answer"),
    [
        (times(40, 59), State.PASSED, Decision.PROMOTE),
        (times(40, 60.5, jitter=1.5), State.WATCH, Decision.PROMOTE),
        (times(40, 70), State.FAILED, Decision.HOLD),
        (None, State.NOT_MEASURED, Decision.PROMOTE),
    ],
    ids=["inside", "may be chance", "shown to be slower", "nobody timed it"],
)
def test_a_candidate_that_is_shown_to_be_slower_is_held(speed: Speed | None, state: State, answer: Decision) -> None:
    old, new = two_models({"Blue Tiger": Counts(40, 1, 2, 1)})
    found = judge(old, new, Terms(only(max_latency_ratio="1.5"), speed=speed))
    assert [(gate.name, gate.state) for gate in found.gates] == [("max_latency_ratio", state)]
    assert found.answer is answer


def test_a_slow_candidate_says_how_slow() -> None:
    old, new = two_models({"Blue Tiger": Counts(40, 1, 2, 1)})
    found = judge(old, new, Terms(only(max_latency_ratio="1.5"), speed=times(40, 70)))
    assert found.sentence == "a photo takes 1.75 times as long, 1.5 times allowed: median 70.0 ms, before 40.0 ms"
