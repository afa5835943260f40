"""One stand-in for all tests of this folder: its processes are slow to start, its database too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from endpoints.hosted import Hosted, create, hosted_online, start_over


@pytest.fixture(scope="session")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted_online(tmp_path_factory.mktemp("hosted")) as online:
        yield online


@pytest.fixture
def hosted(online: Hosted) -> Hosted:
    """v1.0.0 is live, of two replicas; nothing is ordered, nothing was asked."""
    online.service.endpoints.clear()
    create(online, "v1.0.0")
    start_over(online)
    return online
