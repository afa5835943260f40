"""Each species over the versions that were tested last."""

from __future__ import annotations

import re

from dashboard.world import Browser, World

ON_OTHER_PHOTOS = """
  update public.model_performance_logs set known_images_sha256 = repeat('0', 64) where kind = 'known-images'
    and model_version_id = (select id from public.model_versions where version_name = 'v1.1.0')
"""
AS_IT_WAS = "update public.model_performance_logs set known_images_sha256 = details ->> 'known_images_sha256'"


def species(page: str) -> list[str]:
    return re.findall(r'<th scope="row">([^<]*?) <span class="hint">', page)


def test_a_species_is_told_in_each_version_the_least_known_first(browser: Browser) -> None:
    page = browser.get("/species").text
    assert species(page)[0] == "Plain Tiger"
    assert len(species(page)) == 12
    assert re.findall(r'<a href="/version[?]name=(v[\d.]+)">', page) == ["v1.0.0", "v1.1.0"]
    assert page.count("0 of 1") >= 2


def test_the_older_version_comes_before_the_newer_one_whichever_was_tested_last(browser: Browser) -> None:
    """Production went from v1.1.0 back to v1.0.0: nothing was lost by that."""
    page = browser.get("/species").text
    assert "<h3>Species: v1.0.0 and v1.1.0</h3>" in page
    assert "How many of its photos v1.1.0 names right, and v1.0.0, the older one." in page
    assert "other photos" not in page


def test_a_test_on_other_photos_is_marked_and_drawn_beside_none_on_those_of_today(
    world: World, browser: Browser
) -> None:
    with world.database() as owner:
        owner.execute(ON_OTHER_PHOTOS)
        page = browser.get("/species").text
        versions = [browser.get(f"/version?name={name}").text for name in ("v1.0.0", "v1.1.0")]
        owner.execute(AS_IT_WAS)
    assert page.count("other photos</th>") == 1
    assert ["<td>known-images, other photos</td>" in version for version in versions] == [False, True]
    assert "<h3>Species: v1.0.0</h3>" in page


def test_a_species_is_found_by_its_name_and_by_its_id(browser: Browser) -> None:
    assert species(browser.get("/species?search=crow").text) == ["Common Crow"]
    assert species(browser.get("/species?search=052").text) == ["Common Crow"]
    assert "No species is called like that." in browser.get("/species?search=moth").text


def test_species_are_ordered_by_name_when_asked(browser: Browser) -> None:
    found = species(browser.get("/species?sort=name").text)
    assert found == sorted(found)


def test_an_admin_sees_the_same_species(admin: Browser) -> None:
    assert len(species(admin.get("/species").text)) == 12
