"""The first page: what is live, since when, who and why; and whether anybody has to do something."""

from __future__ import annotations

from dashboard.world import Browser


def test_it_says_what_is_live_who_moved_it_and_why(browser: Browser) -> None:
    page = browser.get("/").text
    assert "<h1>Nothing needs you.</h1>" in page
    assert "<b>v1.0.0</b> is live since" in page
    assert "asha: Roll production back to v1.0.0: wrong names" in page
    assert "v1.2.0, logged and not in models.yaml" in page


def test_an_admin_sees_the_same_with_the_rights_of_an_admin(admin: Browser) -> None:
    page = admin.get("/").text
    assert "asha@example.org" in page
    assert "asha: Roll production back to v1.0.0: wrong names" in page
