"""An Inference Endpoint is moved, proved and put back, over the official client against a stand-in with real models."""

from __future__ import annotations

from endpoints.hosted import Hosted


def test_a_merge_moves_it_and_the_database_says_so(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert (hosted.row(), hosted.told_to_serve(), hosted.serving()) == ("v1.1.0", "v1.1.0", {"v1.1.0"})
