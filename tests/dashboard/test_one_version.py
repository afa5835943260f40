"""The page of one version: what it is, how good, what changed, where it has been, what its makers say."""

from __future__ import annotations

import re

import pytest

from dashboard.world import Browser, World
from lepinet.dashboard import markdown


def test_it_shows_what_was_stored_when_it_was_deployed(browser: Browser) -> None:
    page = browser.get("/version?name=v1.1.0").text
    assert "11 of 12 known images right (a smoke test)" in page
    assert "What changed since v1.0.0" in page
    assert "12 labels spelled otherwise: the same species as before" in page
    assert "new labels" not in page
    assert "Try v1.1.0 in staging" in page
    assert "<h3>LepiNet demo model v1.1.0</h3>" in page
    assert 'href="/compare?old=v1.0.0&amp;new=v1.1.0"' in page
    assert 'href="/changes/new?kind=activate&amp;version=v1.1.0&amp;environment=production">Activate it</a>' in page


def test_a_photo_that_is_named_wrong_is_shown(browser: Browser) -> None:
    page = browser.get("/version?name=v1.1.0").text
    (address,) = re.findall(r'<img src="(/photos/[0-9a-f]{64})"', page)
    for _ in range(2):
        photo = browser.get(address)
        assert photo.headers["Content-Type"] == "image/jpeg"
        assert photo.content.startswith(b"\xff\xd8\xff")
        assert "immutable" in photo.headers["Cache-Control"]


def test_what_nobody_tested_says_who_does(browser: Browser) -> None:
    page = browser.get("/version?name=v1.2.0").text
    assert "It is not in models.yaml yet; its pull request tests it." in page


def test_a_version_that_nobody_knows_is_said_on_a_page_that_leads_to_those_there_are(browser: Browser) -> None:
    missing = browser.get("/version?name=v9.9.9")
    assert missing.status_code == 404
    assert "There is no version v9.9.9: neither models.yaml nor the registry knows it." in missing.text
    assert '<a href="/versions">Versions</a>' in missing.text.partition("<main")[2]
    assert browser.get("/version").headers["Location"] == "/versions"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/version/v9.9.9", "Its address may be mistyped, or what it showed is gone."),
        ("/changes/v9.9.9", "There is no change v9.9.9."),
        ("/known-images/photo?name=none.jpg", "There is no known image none.jpg."),
        ("/photos/none", "There is no such photo, or it cannot be decoded."),
        ("/deployments?environment=moon", "There is no environment moon."),
    ],
)
def test_whatever_there_is_not_is_said_in_a_sentence_with_a_way_on(browser: Browser, path: str, said: str) -> None:
    missing = browser.get(path)
    assert missing.status_code == 404
    assert f"<p>{said}</p>" in missing.text
    assert '<a href="/versions">Versions</a>' in missing.text.partition("<main")[2]


def test_its_tests_go_on_where_the_page_ends(world: World, browser: Browser) -> None:
    with world.database() as owner, owner.transaction():
        owner.execute(
            "insert into public.model_performance_logs (model_version_id, kind, notes, test_date) select id, 'monitor',"
            " 'old run ' || n, timestamptz '2020-01-01' + n * interval '1 day' from public.model_versions,"
            " generate_series(1, 30) n where version_name = 'v1.2.0'"
        )
    page = browser.get("/version?name=v1.2.0").text
    assert "old run 30<" in page
    assert "old run 10<" not in page
    (older,) = re.findall(r'href="([^"]*before=[^"]*)#tests"', page)
    assert "old run 10<" in browser.get(older.replace("&amp;", "&")).text
    with world.database() as owner:
        owner.execute("delete from public.model_performance_logs where notes like 'old run %'")


def test_no_photo_is_asked_for_by_the_name_of_a_file(browser: Browser) -> None:
    for address in ("../models.yaml", "..%2f..%2fmodels.yaml", "%2e%2e%2fmodels.yaml", "/etc/passwd", "0" * 64, "%00"):
        assert browser.get(f"/photos/{address}").status_code == 404, address


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>\n"),
        ("![a pixel](https://example.org/x.png)", "<p>a pixel</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("[x](/sign-out)", "<p>[x](/sign-out)</p>\n"),
        ("[x](//example.org)", "<p>[x](//example.org)</p>\n"),
        ("[x](data:text/html,x)", "<p>[x](data:text/html,x)</p>\n"),
        ("---\nlicense: mit\n---\n# Title", "<h3>Title</h3>\n"),
        (
            "[x](https://example.org)",
            '<p><a href="https://example.org" rel="nofollow noopener noreferrer">x</a></p>\n',
        ),
    ],
)
def test_a_card_loads_nothing_runs_nothing_and_leads_only_to_other_sites(text: str, seen: str) -> None:
    assert str(markdown.shown(text)) == seen


def test_a_table_of_a_card_keeps_to_the_policy() -> None:
    assert "style" not in markdown.shown("|a|b|\n|:-|-:|\n|1|2|")


def test_a_card_of_any_depth_and_length_is_shown_in_time() -> None:
    table = "|a" * 200 + "\n" + "|-" * 200 + "\n" + "|\n" * 100_000
    for text in ("[" * 100_000, "![" * 100_000, "*a " * 100_000, "> " * 100_000, "`" * 100_000, "|" * 100_000, table):
        assert len(markdown.shown(text)) < 250_000


def test_of_a_card_that_is_long_the_beginning_is_shown_whatever_stands_before_it() -> None:
    text = "---\n" + "license: mit\n" * 5000 + "---\n# Title\n" + "a butterfly\n" * 5000
    assert markdown.shown(text).startswith("<h3>Title</h3>\n<p>a butterfly\n")
    assert not markdown.is_whole(text)
    assert markdown.is_whole("---\n" + "license: mit\n" * 5000 + "---\n# Title\n")
