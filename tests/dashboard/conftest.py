"""Both worlds, once for all tests that leave them as they are, and a browser before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.world import ADMIN, Browser, World, let_strangers_write, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """On this machine alone."""
    with make_world(tmp_path_factory.mktemp("dashboard")) as world:
        yield world


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With a Supabase project and its users."""
    with make_world(tmp_path_factory.mktemp("hosted"), hosted=True) as world:
        yield world


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """In which strangers have written what they liked."""
    with make_world(tmp_path_factory.mktemp("hostile")) as world:
        let_strangers_write(world)
        yield world


@pytest.fixture(scope="session")
def here(world: World) -> Iterator[str]:
    """The URL of a dashboard that only this machine reaches."""
    with world.dashboard() as url:
        yield url


@pytest.fixture
def browser(here: str) -> Iterator[Browser]:
    with Browser(here) as browser:
        yield browser


@pytest.fixture(scope="session")
def hosted_here(hosted: World) -> Iterator[str]:
    """The URL of a dashboard with accounts, for tests that leave it as it is."""
    with hosted.dashboard() as url:
        yield url


@pytest.fixture(scope="session")
def inside(hosted_here: str) -> Iterator[Browser]:
    """Signed in there as an admin."""
    with Browser(hosted_here) as browser:
        assert browser.sign_in(email=ADMIN.email, password=ADMIN.password).status_code == 303
        yield browser


@pytest.fixture
def visitor(hosted: World) -> Iterator[Browser]:
    """A browser of nobody yet, before a dashboard that nobody has tried yet."""
    with hosted.dashboard() as url, Browser(url) as browser:
        yield browser


@pytest.fixture
def admin(visitor: Browser) -> Browser:
    """The same, signed in."""
    assert visitor.sign_in(email=ADMIN.email, password=ADMIN.password).status_code == 303
    return visitor
