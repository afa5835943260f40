"""What in a model's repository runs code when somebody loads it; LepiNet reads names and headers, and runs none."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepinet.errors import RefusedError
from lepinet.files import inside, open_regular, read_small
from lepinet.model_files import file_names

_KINDS = {
    "a pickle": ("bin", "ckpt", "dill", "joblib", "npz", "pickle", "pkl", "pt", "pth"),
    "Python": ("py", "pyc", "pyd"),
    "of Keras or TensorFlow, whose layers may hold code": ("h5", "hdf5", "keras", "pb"),
    "a program": ("bat", "cmd", "dll", "dylib", "exe", "ps1", "sh", "so"),
    "an archive, whose contents nobody sees": (
        "7z",
        "bz2",
        "egg",
        "gz",
        "jar",
        "rar",
        "tar",
        "tgz",
        "whl",
        "xz",
        "zip",
    ),
}
_BY_SUFFIX = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}
_OBJECTS = "an array of pickled objects"
_ARRAY = "npy"
_HEADER = 10_000
"""Bytes; NumPy itself reads no longer header of an array."""


@dataclass(frozen=True)
class Code:
    """One file that runs code, or may, when it is loaded."""

    name: str
    kind: str
    """The end of a sentence that begins with the name and `is`."""

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


def code_by_name(names: Collection[str]) -> tuple[Code, ...]:
    """What the names of a repository's files tell; an array that nobody has looked into counts as one of objects."""
    found = (Code(name, _OBJECTS if _suffix(name) == _ARRAY else _BY_SUFFIX.get(_suffix(name), "")) for name in names)
    codes = [code for code in found if code.kind]
    if "handler.py" in names and "requirements.txt" in names:
        codes.append(Code("requirements.txt", "packages that an Inference Endpoint installs for handler.py"))
    return tuple(sorted(codes, key=lambda code: code.name))


def code_by_configuration(folder: Path) -> tuple[Code, ...]:
    """JSON files of a folder that have Python loaded (`auto_map`), from this repository or from any other."""
    named = (name for name in sorted(file_names(folder)) if name.endswith(".json") and "/" not in name)
    return tuple(Code(name, "names Python to be loaded (auto_map)") for name in named if _maps(folder, name))


def code_in_folder(folder: Path) -> tuple[Code, ...]:
    """All of it in a folder of this machine.

    Raises:
        RefusedError: it holds something that is neither a file nor a folder of its own.
    """
    harmless = {Code(name, _OBJECTS) for name in file_names(folder) if _is_plain_array(folder, name)}
    named = (code for code in code_by_name(tuple(file_names(folder))) if code not in harmless)
    return (*named, *code_by_configuration(folder))


def _suffix(name: str) -> str:
    """Of a name as a careless loader, or a file system that drops dots and spaces at the end, would see it."""
    _, dot, suffix = name.lower().rstrip(". ").rpartition(".")
    return suffix if dot else ""


def _maps(folder: Path, name: str) -> bool:
    try:
        return any(
            key in _keys(json.loads(read_small(inside(folder, name)))) for key in ("auto_map", "custom_pipelines")
        )
    except (RefusedError, ValueError, RecursionError):
        return False  # whoever needs the file says what is wrong with it


def _keys(value: Any) -> Iterator[str]:
    """Of an object and all objects in it."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict(table):
                yield from table
                waiting += table.values()
            case list(items):
                waiting += items


def _is_plain_array(folder: Path, name: str) -> bool:
    """https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""  # noqa: D415 -- an address
    if _suffix(name) != _ARRAY:
        return False
    with open_regular(inside(folder, name)) as file:
        head = file.read(_HEADER)
    start, length = (10, "<H") if head[6:7] == b"\1" else (12, "<I")
    if not head.startswith(b"\x93NUMPY") or len(head) < start:
        return False
    end = start + struct.unpack(length, head[8:start])[0]
    # The type of objects is called O, and without a backslash nothing else can stand for that letter.
    return end <= len(head) and not {b"O", b"\\"} & {head[at : at + 1] for at in range(start, end)}
