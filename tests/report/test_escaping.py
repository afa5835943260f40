"""What somebody else wrote is shown as text, wherever it stands; markdown-it reads the Markdown as GitHub does."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from evaluation.answering import Counts
from lepinet.report import markdown, terminal
from lepinet.report.documents import RegisteredVersion
from lepinet.report.escape import for_attribute, for_commit, for_markdown, for_terminal, from_markdown
from report.hostile import NAMES
from report.reports import comparison, document, environment, hostile_check, problem, results

# Without joining, what a backslash keeps from being read is a token of its own.
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
OURS = re.compile(
    r'<a href="photos/[\w%./~-]*">|<img src="photos/[\w%./~-]*" width="96" alt="[^"<>|]*">|</a>|</?sub>'
    r"|<details><summary>[^<>]*</summary>|</details>"
)
TEXT = {"text", "text_special"}
PLAIN = {"softbreak", *TEXT}
NOT_OURS = {"link_open", "image", "s_open", "blockquote_open", "hr", "ordered_list_open", "code_block"}
SIGNS = "`*_[]()<>|~!$&\\:@#-+=.1w a/h\n\t\x1b\u202e\u200d"


def tokens(text: str) -> Iterator[Token]:
    for token in READER.parse(text):
        yield token
        yield from token.children or ()


def words(text: str) -> str:
    """What a reader sees, with the spaces of no width that keep names from being links taken out."""
    return "".join(token.content for token in tokens(text) if token.type in TEXT).replace("\u200b", "")


def is_harmless(report: str) -> None:
    """Only our own markup in it, nobody notified, no link, every table whole."""
    found = list(tokens(report))
    assert not NOT_OURS & {token.type for token in found}
    for token in found:
        if token.type in {"html_inline", "html_block"}:
            assert not OURS.sub("", token.content).strip(), token.content
        if token.type == "inline":
            said = "".join(child.content if child.type in TEXT else "\n" for child in token.children or ())
            assert not re.search(r"[@#]\w|\bGH-\d", said), said
        if token.type == "text":
            assert not re.search(r"://|www\.", token.content, re.IGNORECASE), token.content
    headings = [after.content for token, after in pairwise(found) if token.type == "heading_open"]
    slanted = [after.content for token, after in pairwise(found) if token.type == "em_open"]
    assert set(slanted) <= {"Revert", "Gates"}
    assert headings
    assert all(heading.startswith("LepiNet · ") for heading in headings)
    rows, width = 0, 0
    for token in found:
        if token.type == "thead_open":
            width = 0
        elif token.type == "th_open":
            width += 1
        elif token.type == "tr_close":
            rows += 1
    source = [line for line in report.splitlines() if line.startswith("|")]
    rules = sum(set(line) == {"|", "-"} for line in source)
    assert rows == len(source) - rules, "every line of a table is a row of it"


def is_quiet(shown: str) -> None:
    """Nothing that a terminal would act on, or that hides or turns what stands there."""
    hiding = [sign for sign in shown.replace("\n", "") if unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"}]
    assert not hiding


@pytest.mark.parametrize("name", NAMES)
def test_a_pull_request_shows_a_species_by_its_name_and_no_more(name: str) -> None:
    part = environment({name: Counts(20, 9, 5, 0), "Blue Tiger": Counts(60, 1)}, notes=name, override=name)
    report = markdown.check(document(part))
    is_harmless(report)
    assert words(report).count(for_terminal(name)) >= 4


def test_a_pull_request_survives_all_of_it_at_once() -> None:
    is_harmless(markdown.check(hostile_check()))


@pytest.mark.parametrize("name", NAMES)
def test_a_reason_that_begins_its_line_is_no_heading_or_list(name: str) -> None:
    part = environment({name: Counts(20, 9), "Blue Tiger": Counts(9, 9)}, unanswered=name)
    report = markdown.check(document(part, registered=[RegisteredVersion(version="v2.1.0", error=name)]))
    is_harmless(report)


def test_an_invalid_file_cannot_leave_its_fence() -> None:
    fences = "```\n# heading @asha\n````"
    report = markdown.check(document(problems=[problem(name) for name in (*NAMES, fences)]))
    found = list(READER.parse(report))
    assert [token.type for token in found if token.type == "fence"] == ["fence"] * (len(NAMES) + 1)
    assert len([token for token in found if token.type == "heading_open"]) == 1
    assert not [token for token in found if token.type.startswith("html_block") and "sub" not in token.content]
    is_quiet(report)


def test_the_folder_of_known_images_is_text_too() -> None:
    part = environment({"Blue Tiger": Counts(84, 5, 5, 2)})
    report = markdown.check(document(part, known_images="photos/`@asha`<b>"))
    is_harmless(report)
    assert "some of each, into photos/`@asha`<b>;" in words(report)


def test_a_terminal_gets_no_escapes() -> None:
    table = {name: Counts(3, 2, 1, 0) for name in NAMES}
    is_quiet(terminal.check(hostile_check(), colour=False))
    is_quiet(terminal.comparison(comparison(table), colour=False))
    is_quiet(terminal.test(results(table, unanswered=NAMES[-4]), colour=False))


@given(st.text(SIGNS, max_size=30) | st.text(max_size=30))
def test_markdown_shows_any_text_as_it_stands(written: str) -> None:
    shown = for_terminal(written).replace("\u200b", "")
    places: tuple[Callable[[str], str], ...] = ("{}".format, "- {}".format, "| a |\n|---|\n| {} |".format)
    for place in places:
        read = list(tokens(place(for_markdown(written))))
        assert {token.type for token in read if not token.type.endswith(("_open", "_close"))} <= {"inline", *PLAIN}
        assert not NOT_OURS & {token.type for token in read}
        assert "heading_open" not in {token.type for token in read}
        said = words(place(for_markdown(written)))
        assert said.removeprefix("a" if "---" in place("") else "") == shown
        assert not re.search(r"[@#][^\W_]", "".join(token.content for token in read if token.type in TEXT))


@given(st.text(SIGNS, max_size=30) | st.text(max_size=30))
def test_a_terminal_shows_one_line_that_hides_nothing(written: str) -> None:
    shown = for_terminal(written, 20)
    assert len(shown) <= 20
    is_quiet(shown.replace("\u200c", "").replace("\u200d", ""))
    assert "\n" not in shown
    assert not re.search(r'["<>|\n]', for_attribute(written))


@given(st.text(alphabet="#[]error\u200b \n"))
def test_nothing_in_a_log_is_a_command_to_githubs_runner(name: str) -> None:
    assert "##[" not in for_terminal(name)


@given(st.text(SIGNS, max_size=40) | st.text(max_size=40))
def test_what_was_made_harmless_for_markdown_is_read_back(text: str) -> None:
    assert from_markdown(for_markdown(text)) == for_terminal(text)


@given(st.text(SIGNS + "closes #12 GH-3 @acme/all https://", max_size=60))
def test_a_commits_message_calls_nobody(text: str) -> None:
    line = for_commit(text)
    assert "\n" not in line
    assert not re.search(r"(?<!\w)@\w|#\w|\bGH-\d|://", line, re.IGNORECASE)
    assert line.replace(" ", "") == for_terminal(text).replace(" ", "")
