from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lepinet.commit import Commit
from lepinet.manifest.history import ChangeClass, State, activations
from lepinet.manifest.load import load

NAMES = ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
NOBODY = Commit("0" * 40, "Asha", "a change", datetime(2026, 11, 20, tzinfo=UTC))
VERSIONS = "".join(f"  {name}: {{file_path: a/b, revision: {place:040x}}}\n" for place, name in enumerate(NAMES))


def line(*actives: str | None) -> tuple[State, ...]:
    """States of a file whose one environment goes through these versions; None: nothing is active."""
    return tuple(
        State(
            NOBODY,
            load(
                "schema_version: 1\nenvironments:\n  production:\n"
                f"    {{active: {name or 'null'}, registry: embedded, endpoint: none}}\nversions:\n{VERSIONS}"
            ),
            str(place),
        )
        for place, name in enumerate(actives)
    )


def told(*actives: str | None) -> list[tuple[str | None, str | None, str]]:
    return [
        (each.baseline.version if each.baseline else None, each.target.version, each.change.value)
        for each in activations(line(*actives), "production")
    ]


def test_back_to_what_lies_below_is_a_rollback_and_forward_again_is_not() -> None:
    assert told("v1.0.0", "v1.1.0", "v1.1.0", "v1.0.0", "v1.1.0") == [
        (None, "v1.0.0", "activate"),
        ("v1.0.0", "v1.1.0", "activate"),
        ("v1.1.0", "v1.0.0", "rollback"),
        ("v1.0.0", "v1.1.0", "activate"),
    ]


def test_a_rollback_takes_down_all_that_lies_above() -> None:
    assert told("v1.0.0", "v1.1.0", "v1.2.0", "v1.0.0", "v1.2.0")[-2:] == [
        ("v1.2.0", "v1.0.0", "rollback"),
        ("v1.0.0", "v1.2.0", "activate"),
    ]


def test_a_time_without_an_active_version_changes_no_baseline() -> None:
    assert told("v1.0.0", None, "v1.0.0", None, "v1.1.0") == [
        (None, "v1.0.0", "activate"),
        ("v1.0.0", "v1.1.0", "activate"),
    ]


def test_an_environment_that_never_had_one() -> None:
    assert told(None, None) == []
    assert activations(line("v1.0.0"), "staging") == ()


@given(st.lists(st.sampled_from([*NAMES, None]), max_size=12))
def test_the_stack_is_a_way_back_without_detours(actives: list[str | None]) -> None:
    stack: tuple[str, ...] = ()
    active: str | None = None
    for activation in activations(line(*actives), "production"):
        assert activation.target.version != active
        assert (activation.baseline and activation.baseline.version) == active
        assert (activation.change is ChangeClass.ROLLBACK) == (activation.target.version in stack)
        assert len(set(activation.stack)) == len(activation.stack)
        assert activation.stack[:-1] == stack[: len(activation.stack) - 1]
        stack, active = activation.stack, activation.target.version
        assert stack[-1] == active
    assert active == next((name for name in reversed(actives) if name), None)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
def test_reverting_one_activation_after_the_other_only_rolls_back(actives: list[str]) -> None:
    back = activations(line(*actives, *reversed(actives[:-1])), "production")[len(actives) :]
    assert {each.change for each in back} <= {ChangeClass.ROLLBACK}
    assert not back or back[-1].stack == (actives[0],)
