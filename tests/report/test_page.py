"""The page of a test, a comparison and a check: one file that needs nothing else, the answer first."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answering import Counts, two_models
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.results import results_of
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.model import Gates
from lepinet.report import page
from lepinet.report.documents import RegisteredVersion, comparison_document
from lepinet.report.escape import for_terminal
from report.hostile import NAMES
from report.reports import (
    CHECKS,
    FINE,
    HOSTILE,
    LOST,
    NOW,
    SMOKE,
    TOO_FEW,
    TRAINERS_OWN,
    comparison,
    document,
    environment,
    hostile_check,
    problem,
    registered,
    results,
)

VOID = {"meta", "img"}
ELEMENTS = """
html head meta title style body main header article section footer figure figcaption details summary div p span b
strong code pre h1 h2 h3 ul ol li dl dt dd table thead tbody tr th td time img svg desc circle line rect path text
""".split()  # noqa: SIM905 -- one a line would be a page
ATTRIBUTES = """
lang charset name content http-equiv class aria-hidden aria-label role tabindex scope alt src width height datetime
viewbox d cx cy r x y x1 y1 x2 y2 dx dy text-anchor fill-opacity overflow xmlns
""".split()  # noqa: SIM905 -- as above
ADDRESS = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+")
PICTURE = b"\xff\xd8\xff a small picture"


class Read(HTMLParser):
    """A page of which every element is closed in its turn, is one of ours, and can neither load nor run anything."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        """Elements in their order."""
        self.words: list[tuple[str, str]] = []
        """Text, each with the element that it stands in."""
        self.pictures: list[dict[str, str | None]] = []
        self.policy = ""
        self._open: list[str] = []
        self.feed(written)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS
        assert {key for key, _ in attrs} <= set(ATTRIBUTES)
        named = dict(attrs)
        if tag == "img":
            assert ADDRESS.fullmatch(named["src"] or "")
            self.pictures.append(named)
        if named.get("http-equiv"):
            self.policy = named["content"] or ""
        self.seen.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self._open[-1] if self._open else "", data))

    @property
    def text(self) -> str:
        """What a reader sees, words apart by one space."""
        shown = (data for element, data in self.words if element not in {"style", "title", "desc"})
        return " ".join(" ".join(shown).split())

    def of(self, element: str) -> list[str]:
        return [" ".join(data.split()) for found, data in self.words if found == element and data.strip()]


def read(written: str) -> Read:
    """The page, whose own policy allows its style and pictures alone."""
    found = Read(written)
    (style,) = (data for element, data in found.words if element == "style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert found.policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not re.search(r"@import|url\(", style)
    return found


@pytest.mark.parametrize("name", CHECKS)
def test_every_kind_of_check_is_a_page_that_says_its_answer_first(name: str) -> None:
    written, _ = CHECKS[name]
    found = read(page.check(written, {}))
    assert found.text.startswith(("v2.0.0 → production: ", "v2.0.0 → staging: ", "this change: ", "models.yaml: "))
    assert "What do these words mean?" in found.text
    assert found.text.endswith("commit 2222222 · compared with 1111111 · LepiNet 0.1.0 · 2026-11-25 12:00 UTC")


def test_a_page_goes_from_the_answer_to_the_choice_to_pictures_to_tables() -> None:
    found = read(page.check(document(environment(LOST, notes="1,200 more photos")), {})).text
    parts = [
        "v2.0.0 → production: hold Common Jezebel, 7 of 7 right before, 1 of 7 now.",
        "6 of 96 newly wrong; 4 allowed, but that may be chance and stops nothing.",
        'Ship it anyway: lepinet activate v2.0.0 -e production --override "reason"',
        "v2.0.0 names 87 of 96 right, v1.0.0 91. Over all species together it is at most 9.9 points worse",
        "Newly wrong: look here first 6",
        "Of 2 species 1 lost photos, 1 gained some.",
        "How sure v2.0.0 is",
        "Newly right 2",
        "newly wrong / newly right 6 / 2",
        "failed : 2 species judged, 1 lost",
        "v2.0.0: 1,200 more photos",
        "reconcile refuses it, v1.0.0 stays",
    ]
    places = [found.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_each_picture_has_the_table_that_it_is_drawn_from() -> None:
    found = read(page.check(document(environment(LOST)), {}))
    pictures = [number for number, tag in enumerate(found.seen) if tag == "figure"]
    assert len(pictures) == 4, "difference, species, calibration of both"
    for start, end in zip(pictures, [*pictures[1:], len(found.seen)], strict=True):
        assert found.seen[start:end].index("figcaption") < found.seen[start:end].index("table")
    assert "it says photos right share right 47 to 53 % 9 0 0 % 87 to 93 % 87 87 100 %" in found.text


def test_a_photo_stands_with_its_truth_and_both_answers() -> None:
    part = document(environment(LOST))
    names = page.pictured(part)
    found = read(page.check(part, {names[0]: PICTURE}))
    (picture,) = found.pictures
    assert picture["src"] == "data:image/jpeg;base64," + base64.b64encode(PICTURE).decode()
    assert picture["alt"] == "A known image of Common Jezebel"
    said = "It is Common Jezebel v1.0.0 said Common Jezebel 80 % right v2.0.0 says Something Else 50 % wrong"
    assert f"{said} {names[0]}" in found.text


def test_a_photo_without_a_picture_is_named_all_the_same() -> None:
    part = document(environment(LOST))
    found = read(page.check(part, {}))
    assert all(name in found.text for name in page.pictured(part))


def test_a_page_opens_from_a_mail_however_much_there_is() -> None:
    part = document(environment({f"Species {number}": Counts(1, 2, 1, 0) for number in range(1000)}))
    written = page.check(part, {})
    found = read(written)
    assert len(written) < 300_000
    assert len(page.pictured(part)) == 48
    assert "1,964 more are not shown here" in found.text
    assert "988 more are not shown here" in found.text
    assert "976 more are in the table; none of them lost more" in found.text
    assert "Species 999" in found.text


def test_a_reference_has_a_picture_of_its_own() -> None:
    old, new = two_models(FINE)
    terms = Terms(Gates(), best=Best("v0.9.0", old))
    compared = comparison_document(old, new, judge(old, new, terms), terms, NOW)
    found = read(page.comparison(compared, {}))
    assert "Better or worse than v0.9.0, the reference" in found.text
    assert "v2.0.0 names 828 of 893 right, v0.9.0 805" in found.text


def test_identical_models_have_no_difference_to_draw() -> None:
    same = comparison({"Blue Tiger": Counts(96)}, same=True)
    assert "Better or worse" not in read(page.comparison(same, {})).text


def test_a_smoke_test_never_speaks_in_percent() -> None:
    for written in (
        page.check(document(environment(SMOKE), registered=[registered(SMOKE)]), {}),
        page.check(document(environment(SMOKE, first=True)), {}),
        page.comparison(comparison(SMOKE), {}),
        page.test(results(SMOKE), {}),
    ):
        found = read(written)
        assert "smoke test" in found.text
        assert "%" not in TRAINERS_OWN.sub("", found.text)
        assert "%" not in "".join(found.of("desc"))


def test_what_else_lies_in_the_repository_is_said() -> None:
    tested, checked = (
        page.test(results(FINE, caution="it holds <b>a pickle</b>"), {}),
        page.check(document(environment(FINE, caution="it holds <b>a pickle</b>")), {}),
    )
    assert "It holds <b>a pickle</b>." in read(tested).text
    assert "It holds <b>a pickle</b>." in read(checked).text


def test_a_decision_and_a_rollback_are_said() -> None:
    found = read(page.check(document(environment(LOST, override="Season opens")), {})).text
    assert "It ships by decision: Season opens" in found
    found = read(page.check(document(environment(LOST, change=ChangeClass.ROLLBACK)), {})).text
    assert found.startswith("v2.0.0 → production: rollback A version that was active here before")
    assert "Your choice" not in found


def test_what_is_registered_is_listed_and_a_broken_one_is_said_first() -> None:
    broken = RegisteredVersion(version="v2.4.0", error="its files are not there")
    found = read(page.check(document(environment(FINE), registered=[registered(FINE), broken]), {})).text
    assert found.startswith("this change: hold v2.4.0 cannot be tested: its files are not there.")
    assert "v2.1.0 It loads and answers: 828 of 893 known images right (92.7 %)." in found


def test_an_invalid_file_is_shown_with_its_lines() -> None:
    found = read(page.check(document(problems=[problem(), problem("versions.v9 is no version", 9)]), {}))
    shown = "".join(data for element, data in found.words if element == "pre")
    assert "   5 |     active: v2.0  # `the one`\n     |             ^^^^ did you mean v2.0.0?" in shown
    assert "models.yaml:9:13: versions.v9 is no version" in shown


def test_a_test_shows_its_surest_mistakes_first() -> None:
    old, _ = two_models({"Blue Tiger": Counts(20), "Common Crow": Counts(0, 0, 3)})
    mistakes = list(old.answers)
    surer = mistakes[-1].top[0].model_copy(update={"confidence": 0.97})
    mistakes[-1] = mistakes[-1].model_copy(update={"top": (surer,)})
    tested = results_of(old.model_copy(update={"answers": tuple(mistakes)}), NOW)
    found = read(page.test(tested, {})).text
    assert found.startswith("v1.0.0 20 of 23 known images right (87.0 %); 68 to 95 % of all such photos")
    assert found.index("It is Common Crow says Something Else 97 % wrong") < found.index("Something Else 50 %")
    assert page.pictured(tested) == tuple(f"Common Crow/{number:05}.jpg" for number in (22, 20, 21))


def test_what_the_matrix_of_mistakes_leaves_out_is_said() -> None:
    old, _ = two_models({"Blue Tiger": Counts(20), "Common Crow": Counts(0, 0, 3)})
    told = "Species that were never mistaken are left out."
    assert told in read(page.test(results_of(old, NOW), {})).text
    old, _ = two_models({"Common Crow": Counts(20, 0, 3)})
    assert told not in read(page.test(results_of(old, NOW), {})).text


def test_photos_that_were_not_answered_are_named() -> None:
    for written in (
        page.check(document(environment(FINE, unanswered="it is no photo")), {}),
        page.test(results(FINE, unanswered="it is no photo"), {}),
    ):
        assert "Not answered, and counted as wrong 1 Blue Tiger/00000.jpg: it is no photo" in read(written).text


def test_the_same_document_is_the_same_page() -> None:
    compared = comparison(TOO_FEW)
    assert page.comparison(compared, {}) == page.comparison(compared, {})


def test_what_somebody_else_wrote_stays_text() -> None:
    read(page.check(hostile_check(), dict.fromkeys(page.pictured(hostile_check()), PICTURE)))
    read(page.check(document(problems=[problem(name) for name in NAMES]), {}))
    read(page.test(results(HOSTILE, unanswered=NAMES[5]), {}))
    read(page.comparison(comparison(HOSTILE), {}))


@given(st.text(max_size=30) | st.text("<>&\"'`={}#%/ -!\n\u202e\x00\ud800scriptonerror", max_size=30))
def test_any_text_is_shown_as_it_stands(written: str) -> None:
    whole = results({"Blue Tiger": Counts(0, 1)})
    (one,) = whole.results
    named = one.model_copy(update={"file_name": written, "expected_name": written})
    model = whole.model.model_copy(update={"name": written})
    found = read(page.test(whole.model_copy(update={"results": (named,), "model": model}), {}))
    shown = for_terminal(written)
    assert found.of("h1") == [" ".join(shown.split())] * bool(shown.split())
    assert " ".join(f"It is {shown} says".split()) in found.text
