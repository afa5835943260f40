"""What a model's own files say of it, and what is other than in the model before it; others wrote all of it; pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from lepinet.evaluation.labels import SpeciesNames

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.{0,65536}?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_MOST = 12
"""So many figures, settings and labels of each kind are named."""
_WORKINGS = {"id2label", "label2id", "_name_or_path", "transformers_version", "torch_dtype", "dtype"}
"""Labels are told apart; the others are of no weight for what the model says."""


def figures(card: str) -> tuple[str, ...]:
    """`accuracy 0.9234 on butterflies` for each figure of a card's front matter, as the Hub shows them.

    https://huggingface.co/docs/hub/model-cards-eval-results
    """
    found = _FRONT.match(card)
    try:
        front = yaml.safe_load(found[1]) if found else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return ()
    results = (result for model in _items(front, "model-index") for result in _items(model, "results"))
    said = []
    for result in results:
        dataset = result.get("dataset")
        where = f" on {dataset['name']}" if isinstance(dataset, dict) and isinstance(dataset.get("name"), str) else ""
        for metric in _items(result, "metrics"):
            name, value = metric.get("name") or metric.get("type"), metric.get("value")
            if isinstance(name, str) and isinstance(value, int | float) and math.isfinite(value):
                said.append(f"{name[:100]} {value:.6g}{where[:100]}")
    return tuple(said[:_MOST])


def changed(old: str | None, new: str, names: SpeciesNames) -> tuple[str, ...]:
    """What a model's config.json says differently; labels are named by what was added and taken away.

    Args:
        old: of the model before; None where there is none.
        new: of this one.
        names: tells which labels are only spelled otherwise, and mean the same species.
    """
    before, now = _config(old) if old else None, _config(new)
    if before is None or now is None:
        return ()
    return (*_labels(before, now, names), *_settings(before, now))


def _labels(before: Mapping[str, Any], now: Mapping[str, Any], names: SpeciesNames) -> Iterator[str]:
    """Labels by what they mean: one that is only spelled otherwise is neither new nor gone."""
    old, new = (
        {names.meaning(label): label for label in map(str, config["id2label"].values())}
        if isinstance(config.get("id2label"), dict)
        else {}
        for config in (before, now)
    )
    if respelled := sum(old[meaning] != new[meaning] for meaning in old.keys() & new.keys()):
        yield f"{respelled} label{'s' if respelled > 1 else ''} spelled otherwise: the same species as before"
    for what, meanings, spelled in (("new", new.keys() - old.keys(), new), ("gone", old.keys() - new.keys(), old)):
        if labels := sorted(spelled[meaning] for meaning in meanings):
            more = f" and {len(labels) - _MOST} more" if len(labels) > _MOST else ""
            yield f"{what} labels ({len(labels)}): {', '.join(label[:80] for label in labels[:_MOST])}{more}"


def _settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    other = [key for key in sorted({*before, *now} - _WORKINGS, key=str) if before.get(key) != now.get(key)]
    for key in other[:_MOST]:
        yield f"{str(key)[:80]}: {json.dumps(now.get(key))[:100]}, before {json.dumps(before.get(key))[:100]}"
    if len(other) > _MOST:
        yield f"{len(other) - _MOST} more settings are other"


def _config(text: str) -> Mapping[str, Any] | None:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _items(value: Any, key: str) -> Iterator[dict[str, Any]]:
    listed = value.get(key) if isinstance(value, dict) else None
    yield from (item for item in (listed if isinstance(listed, list) else ()) if isinstance(item, dict))
