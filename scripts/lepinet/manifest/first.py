"""The first `models.yaml` of a repository, written whole, with the reasons for its limits beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from lepinet.manifest.load import load
from lepinet.manifest.model import Environment, Gates, Manifest, Value
from lepinet.manifest.problems import readable
from lepinet.manifest.scalars import fields_of, scalar

_HEAD = """\
# yaml-language-server: $schema=./models.schema.json
# Which model version is active in which environment. Change it by a pull request; merging makes it so.
schema_version: 1
"""


def first(manifest: Manifest, reasons: Mapping[str, str]) -> bytes:
    """The file that says what the manifest says; what has its default is left out.

    Args:
        manifest: all of it.
        reasons: why a gate has its limit, by its key; such a gate is written whatever its limit is.

    Raises:
        ManifestError: the manifest is not right, such as an `active` that is no version.
    """
    lines = [f"known_images: {scalar(manifest.known_images)}"]
    lines += [f"species: {scalar(manifest.species)}"] if manifest.species else []
    lines.append("environments: # in promotion order")
    for name, environment in manifest.environments.items():
        lines += [f"  {name}:", *(f"    {line}" for line in _environment(environment))]
    if gates := list(_gates(manifest.gates, reasons)):
        lines += ["gates:", *(f"  {line}" for line in gates)]
    lines.append("versions:" if manifest.versions else "versions: {}")
    for name, version in manifest.versions.items():
        lines += [f"  {scalar(name)}:", *(f"    {key}: {value}" for key, value in fields_of(version))]
    content = (_HEAD + "\n".join(lines) + "\n").encode()
    load(content)
    return content


def _environment(environment: Environment) -> Iterator[str]:
    if environment.active:
        yield f"active: {scalar(environment.active)}"
    yield f"registry: {_settings(environment.registry)}"
    yield f"endpoint: {_settings(environment.endpoint)}"
    if environment.override:
        yield f"override: {_settings(environment.override)}"


def _gates(gates: Gates, reasons: Mapping[str, str]) -> Iterator[str]:
    for key in Gates.model_fields:
        value = getattr(gates, key)
        if key in reasons:
            yield f"# {' '.join(readable(reasons[key]).split())}"
        if key in reasons or value != getattr(Gates(), key):
            yield f"{key}: {_plain(value)}"


def _settings(settings: Value) -> str:
    """In brackets; a kind that says nothing else by its name."""
    said = settings.model_dump(exclude_none=True)
    if list(said) == ["kind"]:
        return scalar(said["kind"])
    return f"{{{', '.join(f'{key}: {_plain(value)}' for key, value in said.items())}}}"


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float | Decimal):
        return str(value)
    return scalar(str(value))
