"""Which versions the rules let go; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lepinet.manifest.history import State, activations, last_active


def may_go(states: Sequence[State], now: datetime) -> tuple[str, ...]:
    """Versions of the last state that may be taken out of it, in the file's order.

    Neither one that an environment names or would roll back to, nor one that was active within `min_age_days`; of those
    that were ever active `min_versions` stay, the latest ones. What never was active stays as long, from when it came.

    Args:
        states: of the first-parent line, oldest first; the last one has the rule.
        now: when the change would be committed.
    """
    manifest = states[-1].manifest
    rule = manifest.retention
    ended = last_active(states)
    came: dict[str, State] = {}
    for state in states:
        for name in state.manifest.versions:
            came.setdefault(name, state)
    needed = set(_needed(states))
    latest = now - timedelta(days=rule.min_age_days)
    old = [name for name in manifest.versions if name not in needed and ended.get(name, came[name]).commit.at <= latest]
    spare = sum(name in ended for name in manifest.versions) - rule.min_versions
    oldest_first = sorted((name for name in old if name in ended), key=lambda name: ended[name].commit.at)
    going = {*oldest_first[: max(spare, 0)], *(name for name in old if name not in ended)}
    return tuple(name for name in manifest.versions if name in going)


def _needed(states: Sequence[State]) -> Iterator[str]:
    for name, environment in states[-1].manifest.environments.items():
        yield from filter(None, (environment.active, environment.reference))
        line = activations(states, name)
        yield from line[-1].stack[-2:] if line else ()
