"""Files made to hurt: each gets one clear error, in a process that may neither crash, nor take long, nor eat memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

# Each is read in a fork of one process that has its imports done; a crash, time and memory show from outside.
READER = r"""
import json, os, resource, signal, sys, time
from lepinet.manifest.load import load
from lepinet.manifest.problems import ManifestError

FILES = {
    "nested brackets": "a: " + "[" * 200_000,
    "nested braces": "{a: " * 200_000,
    "nested dashes": "- " * 200_000,
    "nested keys": "? " * 200_000,
    "aliases that explode": "a: &a [x]\n" + "".join(f"b{n}: &b{n} [" + "*a," * 99 + "]\n" for n in range(99)),
    "five megabytes of text": "notes: " + "x" * 5_000_000,
    "five megabytes in quotes": "notes: '" + "x" * 5_000_000 + "'",
    "five megabytes without an end": "notes: '" + "x\n" * 2_500_000,
    "five megabytes as a key": "x" * 5_000_000 + ": 1",
    "five megabytes of comment": "#\n" * 2_500_000,
    "too large": "x" * 9_000_000,
    "duplicate keys": "a: 1\n" * 200_000,
    "keys nobody knows": "".join(f"k{n}: 1\n" for n in range(300_000)),
    "empty lists": "versions: [" + "[]," * 300_000 + "]",
    "documents": "---\na\n" * 300_000,
    "tags": "a: !!python/object/apply:os.system [echo]",
    "not UTF-8": b"a: caf\xe9",
    "UTF-16": "a: b".encode("utf-16"),
    "NUL": "a: b\0",
    "NUL as an escape": 'a: "b\\0"',
    "control characters": "a: \x1b]0;gotcha\x07",
    "a long number": "schema_version: " + "1" * 15_000,
    "a great exponent": "gates: {min_accuracy: 1e999999999}",
}

def read(content):
    begun = time.process_time()
    try:
        load(content if isinstance(content, bytes) else content.encode())
    except ManifestError as error:
        return {"problems": len(error.problems), "text": str(error), "seconds": time.process_time() - begun}

for name in list(FILES):
    content = FILES[name]
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        resource.setrlimit(resource.RLIMIT_AS, (600 * 2**20,) * 2)
        signal.alarm(20)
        FILES.clear()
        with open(writing, "w") as out:
            json.dump(read(content), out)
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        text = answer.read()
    _, status, used = os.wait4(child, 0)
    print(json.dumps([name, status, used.ru_maxrss / 1024, json.loads(text or "null")]))
"""


@pytest.fixture(scope="module")
def outcomes() -> list[Any]:
    answer = subprocess.run([sys.executable, "-c", READER], capture_output=True, check=True, timeout=120, text=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_each_gets_an_error_and_no_crash(outcomes: list[Any]) -> None:
    assert len(outcomes) == 23
    assert {name: status for name, status, _, _ in outcomes if status} == {}
    assert [name for name, _, _, answer in outcomes if not answer or not answer["text"]] == []


def test_errors_say_what_it_is_and_stay_short(outcomes: list[Any]) -> None:
    text = {name: answer["text"] for name, _, _, answer in outcomes}
    assert "a second time" in text["duplicate keys"]
    assert "aliases" in text["aliases that explode"] or "anchors" in text["aliases that explode"]
    assert "nested deeper" in text["nested brackets"]
    assert {name: len(shown) for name, shown in text.items() if len(shown) > 1000} == {}


def test_within_a_second_and_150_megabytes(outcomes: list[Any]) -> None:
    # CPU time, which other work on the machine does not lengthen; three times the bound, for slow machines.
    assert {name: answer["seconds"] for name, _, _, answer in outcomes if answer["seconds"] > 3} == {}
    assert {name: memory for name, _, memory, _ in outcomes if memory > 150} == {}
