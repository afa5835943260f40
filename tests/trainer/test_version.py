"""What a trainer hands in, read: plain values, sentences about the rest, and the command that registers it by hand."""

from __future__ import annotations

import decimal
import json
import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.trainer.version import TrainedVersion, read_version

GOOD = {"version_name": "v2.0.0", "file_path": "Bhanura/lepinet-model"}


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("version_name", " v2.0.0 ", "v2.0.0"),
        ("file_path", Path("models/v2"), "models/v2"),
        ("training_image_count", np.int64(5400), 5400),
        ("accuracy_score", np.float64(0.9234), 0.9234),
        ("accuracy_score", np.array(0.9234), 0.9234),
        ("accuracy_score", decimal.Decimal("0.9234"), 0.9234),
        ("accuracy_score", 1, 1.0),
        ("accuracy_score", None, None),
        ("revision", "", None),
        ("revision", "sha256:" + "0" * 64, "sha256:" + "0" * 64),
        ("notes", "", None),
        ("metrics", {"f1": np.float64(0.5), "recall": np.array([0.5, 1])}, {"f1": 0.5, "recall": [0.5, 1.0]}),
        ("metrics", {}, None),
    ],
)
def test_usable_values_become_plain(name: str, value: object, read: object) -> None:
    version, complaints = read_version(GOOD | {name: value})

    assert complaints == ()
    assert getattr(version, name) == read


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("version_name", "", "version_name is empty"),
        ("version_name", "v2\x1b[2J", "line of text"),
        ("version_name", None, "version_name is None"),
        ("file_path", "  ", "file_path is empty"),
        ("training_image_count", -1, "training_image_count is -1"),
        ("training_image_count", 2**31, "whole number from 0 to"),
        ("training_image_count", 5.5, "training_image_count is 5.5"),
        ("accuracy_score", 92.34, "between 0 and 1: 0.9234, if that is percent"),
        ("accuracy_score", math.nan, "accuracy_score is nan"),
        ("accuracy_score", np.array([0.1, 0.2]), "must be a number between 0 and 1"),
        ("accuracy_score", "high", "must be a number between 0 and 1"),
        ("revision", "main", "revision is 'main', but a revision is 40 hex digits"),
        ("notes", "x" * 5001, "5,000 characters"),
        ("notes", "a\x00b", "NUL"),
        ("links", {"run": "https://me:password@example.org"}, "without a password"),
        ("metrics", {"f1": math.nan}, "metrics is {'f1': nan}"),
        ("metrics", {"model": object()}, "what JSON can hold"),
        ("metrics", [1], "what JSON can hold"),
    ],
)
def test_an_unusable_value_is_named_and_left_out(name: str, value: object, complaint: str) -> None:
    version, complaints = read_version(GOOD | {name: value})

    assert len(complaints) == 1
    assert complaint in complaints[0]
    assert "\x1b" not in complaints[0]
    assert getattr(version, name) in ("", None) or (name, version.accuracy_score) == ("accuracy_score", 0.9234)


def test_every_wrong_value_is_named_at_once() -> None:
    _, complaints = read_version(
        {"version_name": "", "file_path": "", "accuracy_score": 2, "revision": "main", "notes": None}
    )

    assert [complaint.split()[0] for complaint in complaints] == [
        "version_name",
        "file_path",
        "accuracy_score",
        "revision",
    ]


@pytest.mark.parametrize(
    ("given_values", "command"),
    [
        (GOOD, "lepinet register v2.0.0 --file-path Bhanura/lepinet-model --revision main"),
        (GOOD | {"file_path": "models/a/b"}, "lepinet register v2.0.0 --file-path models/a/b"),
        (
            GOOD | {"training_image_count": 5400, "accuracy_score": 92.34, "links": {"run": "https://x.org/?a=b"}},
            """lepinet register v2.0.0 --file-path Bhanura/lepinet-model --revision main \
--images 5400 --accuracy 0.9234 --link 'run=https://x.org/?a=b'""",
        ),
        (
            {"version_name": "lepinet-2024", "file_path": ""},
            "lepinet register vX.Y.Z --file-path ORG/NAME --revision main",
        ),
    ],
)
def test_the_command_that_registers_it_by_hand(given_values: dict[str, Any], command: str) -> None:
    assert read_version(given_values)[0].register_command() == command


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries(dict.fromkeys(TrainedVersion.model_fields, anything)))
def test_whatever_comes_in_a_readable_version_or_a_complaint_comes_out(values: dict[str, Any]) -> None:
    version, complaints = read_version(values)

    words = shlex.split(version.register_command())
    assert words[:2] == ["lepinet", "register"]
    assert words[3] == "--file-path"
    json.dumps(dict(version), allow_nan=False)
    again, none = read_version(dict(version) | GOOD)
    assert none == ()
    if not complaints:
        assert dict(again) | {"version_name": "", "file_path": ""} == dict(version) | {
            "version_name": "",
            "file_path": "",
        }
