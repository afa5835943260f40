"""What the rules let go: never what is needed, never too many, and always what they then accept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lepinet.commit import Commit
from lepinet.manifest.edit import retire
from lepinet.manifest.history import State
from lepinet.manifest.load import load
from lepinet.manifest.retention import may_go
from lepinet.manifest.rules import Change, Material, findings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = tuple(f"v1.{number}.0" for number in range(6))


def state(at: datetime, text: str) -> State:
    return State(Commit("0" * 40, "Asha", "a change", at), load(text), hashlib.sha256(text.encode()).hexdigest())


def text(
    staging: str, production: str, names: Sequence[str], *, minimum: int = 3, days: int = 30, more: str = ""
) -> str:
    versions = "".join(f"  {name}: {{file_path: a/b, revision: {name[3] * 40}}}\n" for name in names)
    return (
        "schema_version: 1\nenvironments:\n"
        f"  staging: {{active: {staging}, registry: embedded, endpoint: none}}\n"
        f"  production: {{active: {production}, registry: embedded, endpoint: none{more}}}\n"
        f"retention: {{min_versions: {minimum}, min_age_days: {days}}}\nversions:\n{versions}"
    )


def line(*texts: str, every: int = 10) -> list[State]:
    return [state(BEGIN + timedelta(days=every * number), one) for number, one in enumerate(texts)]


def later(states: Sequence[State], days: int) -> datetime:
    return states[-1].commit.at + timedelta(days=days)


def test_the_oldest_go_and_the_minimum_stays() -> None:
    states = line(*(text(name, name, VERSIONS) for name in VERSIONS))
    assert may_go(states, later(states, 29)) == ("v1.0.0", "v1.1.0", "v1.2.0")
    assert may_go(states, later(states, 10)) == ("v1.0.0", "v1.1.0", "v1.2.0")
    assert may_go(states, later(states, 9)) == ("v1.0.0", "v1.1.0")
    assert may_go(states, later(states, 400)) == ("v1.0.0", "v1.1.0", "v1.2.0"), "three stay, however old"


def test_an_active_one_a_reference_and_the_way_back_stay_however_old() -> None:
    said = [text(name, name, VERSIONS, minimum=1) for name in VERSIONS[:4]]
    last = text("v1.3.0", "v1.0.0", VERSIONS, minimum=1)
    states = line(*said, last, every=100)
    gone = may_go(states, later(states, 400))
    assert "v1.0.0" not in gone, "active in production"
    assert "v1.3.0" not in gone, "active in staging"
    assert "v1.2.0" not in gone, "staging's way back"
    assert gone == ("v1.1.0", "v1.4.0", "v1.5.0")
    kept = line(*said, text("v1.3.0", "v1.0.0", VERSIONS, minimum=1, more=", reference: v1.1.0"), every=100)
    assert may_go(kept, later(kept, 400)) == ("v1.4.0", "v1.5.0")


def test_what_never_was_active_stays_as_long_from_when_it_came() -> None:
    states = line(text("v1.0.0", "v1.0.0", VERSIONS[:1]), text("v1.0.0", "v1.0.0", VERSIONS[:2]))
    assert may_go(states, later(states, 29)) == ()
    assert may_go(states, later(states, 30)) == ("v1.1.0",)


@given(
    st.lists(st.tuples(st.sampled_from(VERSIONS), st.sampled_from(VERSIONS)), min_size=1, max_size=8),
    st.integers(1, 5),
    st.integers(0, 60),
    st.integers(1, 40),
    st.integers(0, 200),
)
def test_the_rules_accept_it_and_made_again_it_proposes_nothing(
    moves: list[tuple[str, str]], minimum: int, days: int, every: int, after: int
) -> None:
    texts = [text(*move, VERSIONS, minimum=minimum, days=days) for move in moves]
    states = line(*texts, every=every)
    now = later(states, after)
    gone = may_go(states, now)
    assert objections(states, texts[-1], gone, now) == []
    if not gone:
        return
    left = state(now, retire(texts[-1].encode(), gone).decode())
    assert may_go([*states, left], now) == ()


def objections(states: Sequence[State], before: str, gone: Sequence[str], now: datetime) -> list[str]:
    after = state(now, retire(before.encode(), gone).decode()) if gone else states[-1]
    photos = Material(known_images="11aa")
    return [found.message for found in findings(Change(tuple(states), after, photos, photos))]
