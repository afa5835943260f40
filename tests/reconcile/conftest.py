"""One world for all tests of this folder: its server, its database and its models are slow to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconcile.world import World, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("reconcile")) as world:
        yield world


@pytest.fixture(scope="session", params=["embedded", "postgres", "supabase"])
def any_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One with a registry of each kind."""
    if request.param == "embedded":
        yield request.getfixturevalue("world")
    else:
        with make_world(tmp_path_factory.mktemp(request.param), request.param) as world:
            yield world
