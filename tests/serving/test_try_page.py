"""The page at `/` as it is sent; tests/browser looks at it in a browser."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx
import pytest

from lepinet.model_files import folder_revision
from serving.local_environment import KNOWN_IMAGES, LocalEnvironment

TIGER = (KNOWN_IMAGES / "blue_tiger_01.webp").read_bytes()
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_that_posts_the_form_gets_a_page(running: LocalEnvironment) -> None:
    """With the same answer as a program gets, and the version that gave it."""
    told = running.predict(TIGER).json()
    answer = running.predict(TIGER, **BROWSER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    shown = re.findall(r"<span>([^<]*)</span>\s*<span>([\d.]+)&nbsp;%</span>", answer.text)
    assert shown == [(one["name"], f"{100 * one['confidence']:.1f}") for one in told["top"]]
    values = [float(value) for value in re.findall(r"<rect width=\"([\d.e-]+)\"", answer.text)]
    assert values == [one["confidence"] for one in told["top"]]
    assert "Answered by v1.1.0" in answer.text
    assert told["model"]["revision"] in answer.text


def test_the_page_says_how_large_a_photo_may_be(running: LocalEnvironment) -> None:
    assert "Up to 20 MiB and 128 million pixels (WEBP 80 million)." in running.get("/", **BROWSER).text


def test_a_browser_is_told_on_a_page_why_there_is_no_answer(running: LocalEnvironment) -> None:
    answer = running.predict(b"<script>alert(1)</script>", **BROWSER)
    assert answer.status_code == 400
    assert "This file is no photo that can be read" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize(("photo", "status"), [(TIGER, 200), (b"no photo", 400)])
def test_the_page_names_the_photo_that_it_is_about(running: LocalEnvironment, photo: bytes, status: int) -> None:
    files = {"image": ("<b>IMG 2041</b>\u202e.jpg", photo)}
    answer = httpx.post(f"{running.url}/predict", files=files, headers=BROWSER, trust_env=False, timeout=60)
    assert answer.status_code == status
    assert "The photo: &lt;b&gt;IMG 2041&lt;/b&gt;�.jpg<" in answer.text


def test_a_browser_that_comes_to_where_the_form_is_sent_is_led_to_the_form(running: LocalEnvironment) -> None:
    answer = running.get("/predict", **BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert running.get("/predict").status_code == 405


def test_a_browser_finds_back_from_an_address_that_is_none(running: LocalEnvironment) -> None:
    answer = running.get("/nothing", **BROWSER)
    assert answer.status_code == 404
    assert "There is no such address" in answer.text
    assert '<a href="/">' in answer.text


def test_the_page_may_do_nothing_but_send_its_form(running: LocalEnvironment) -> None:
    page = running.get("/")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'self' https://huggingface.co",
    }
    assert " style=" not in page.text
    assert not re.search(r"(src|href)=\"(?!/)", page.text)
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_other_origins_may_not_read_answers(running: LocalEnvironment) -> None:
    """Apps need no CORS; a page of somebody else that posts a photo cannot see what came back."""
    origin = {"Origin": "https://elsewhere.example"}
    preflight = httpx.options(f"{running.url}/predict", headers=origin, trust_env=False)
    for answer in (running.get("/model", **origin), running.predict(TIGER, **origin), preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_what_a_model_calls_its_species_is_text(environment: LocalEnvironment) -> None:
    config = environment.root / "models/v1.1.0/config.json"
    text = config.read_text()
    config.write_text(text.replace('"Blue Tiger"', '"<img src=x onerror=alert(1)>\\u200b"'))
    assert config.read_text() != text
    assert folder_revision(config.parent) == environment.target("v1.1.0").revision
    environment.start()
    environment.serve("v1.1.0", 1)
    page = environment.predict(TIGER, **BROWSER).text
    assert "&lt;img src=x onerror=alert(1)&gt;\N{REPLACEMENT CHARACTER}" in page
    assert "<img" not in page
