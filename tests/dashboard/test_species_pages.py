"""Each species over the versions that were tested last."""

from __future__ import annotations

import re

from dashboard.world import Browser


def species(page: str) -> list[str]:
    return re.findall(r'<th scope="row">([^<]*?) <span class="hint">', page)


def test_a_species_is_told_in_each_version_the_least_known_first(browser: Browser) -> None:
    page = browser.get("/species").text
    assert species(page)[0] == "Plain Tiger"
    assert len(species(page)) == 12
    assert re.findall(r'<a href="/version[?]name=(v[\d.]+)">', page) == ["v1.0.0", "v1.1.0"]
    assert page.count("0 of 1") >= 2


def test_a_species_is_found_by_its_name_and_by_its_id(browser: Browser) -> None:
    assert species(browser.get("/species?search=crow").text) == ["Common Crow"]
    assert species(browser.get("/species?search=052").text) == ["Common Crow"]
    assert "No species is called like that." in browser.get("/species?search=moth").text


def test_species_are_ordered_by_name_when_asked(browser: Browser) -> None:
    found = species(browser.get("/species?sort=name").text)
    assert found == sorted(found)


def test_an_admin_sees_the_same_species(admin: Browser) -> None:
    assert len(species(admin.get("/species").text)) == 12
