"""Environments with a server as users run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from serving.local_environment import KNOWN_IMAGES, LocalEnvironment, make_environment


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[LocalEnvironment]:
    """Without a server yet."""
    with closing(make_environment(tmp_path)) as environment:
        yield environment


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEnvironment]:
    """With a server that answers as v1.1.0, for tests that leave it as it is."""
    with closing(make_environment(tmp_path_factory.mktemp("running"))) as environment:
        environment.start()
        environment.serve("v1.1.0", 1)
        yield environment


@pytest.fixture(scope="session")
def photos() -> list[bytes]:
    """Two of each species, of those that are small."""
    photos = [file.read_bytes() for file in sorted(KNOWN_IMAGES.glob("*_0[1-4].*"))]
    return [photo for photo in photos if len(photo) < 20_000]
