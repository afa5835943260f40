"""The HTML reports, opened from a folder as from a mail."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from browser.conftest import PageAt
from browser.looking import SCHEMES, WIDTHS, Scheme, fits, keyboard_reaches, no_violations, unfold
from lepinet.report import page as written
from lepinet.report.documents import CheckDocument
from report.reports import CHECKS, FINE, HOSTILE, LOST, comparison, results

PHOTO = (Path(__file__).parents[1] / "few_images" / "common_jezebel_02.jpg").read_bytes()
QUICK = {(360, "light"), (1440, "dark")}


def check(document: CheckDocument) -> str:
    return written.check(document, dict.fromkeys(written.pictured(document), PHOTO))


REPORTS = {
    "test": partial(written.test, results(FINE, caution="it holds a pickle"), {}),
    "test, hostile": partial(written.test, results(HOSTILE, unanswered="no photo " * 40), {}),
    "compare": partial(written.comparison, comparison(LOST), {}),
    **{f"check, {name}": partial(check, document) for name, (document, _) in CHECKS.items()},
}
SEEN_QUICKLY = {"test", "compare", "check, held", "check, invalid", "check, hostile"}


def every_look() -> list[object]:
    """Each report at each width by day and by night; the quick tests look at the ends."""
    return [
        pytest.param(
            name,
            width,
            scheme,
            marks=() if name in SEEN_QUICKLY and (width, scheme) in QUICK else pytest.mark.slow,
        )
        for name in REPORTS
        for width in WIDTHS
        for scheme in SCHEMES
    ]


def test_on_paper_a_line_of_the_file_is_whole(page_at: PageAt, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(REPORTS["check, invalid"](), encoding="utf-8")
    page = page_at(360)
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    assert page.locator("pre").first.evaluate("line => line.scrollWidth <= line.clientWidth")


@pytest.mark.parametrize(("name", "width", "scheme"), every_look())
def test_a_report_is_there_for_everybody(
    page_at: PageAt, tmp_path: Path, name: str, width: int, scheme: Scheme
) -> None:
    file = tmp_path / "report.html"
    file.write_text(REPORTS[name](), encoding="utf-8")
    page = page_at(width, scheme=scheme)
    page.goto(file.as_uri())
    unfold(page)
    fits(page)
    no_violations(page)
    keyboard_reaches(page)


def test_a_report_is_printed_dark_on_white_by_whoever_reads_at_night(page_at: PageAt, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(REPORTS["check, held"](), encoding="utf-8")
    page = page_at(1440, scheme="dark")
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    colours = page.evaluate("() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; }")
    assert colours == ["rgb(255, 255, 255)", "rgb(29, 33, 29)"]
