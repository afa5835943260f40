"""One world for all runs of the monitor, in which v1.1.0 came after v1.0.0: it is slow to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconcile.world import World, git, make_world


@pytest.fixture(scope="session")
def watched_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("monitor")
    with make_world(place) as world:
        origin = place / "origin.git"
        git(world.folder, "clone", "--quiet", "--bare", ".", str(origin))
        git(world.folder, "remote", "add", "origin", str(origin))
        git(world.folder, "fetch", "--quiet", "origin")
        world.declare("v1.1.0")
        git(world.folder, "push", "--quiet", "origin", "main")
        shipped = world.run("reconcile")
        assert shipped.code == 0, shipped
        yield world
