"""Values of the manifest as the YAML that stands in `models.yaml`."""

from __future__ import annotations

import json
import re
from datetime import UTC

import yaml

from lepinet.manifest.model import ModelVersion

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/;()@+-]|:(?! |$))*(?<! )")
_RESOLVER = yaml.resolver.Resolver()


def fields_of(version: ModelVersion) -> list[tuple[str, str]]:
    """What a version says, as YAML, in the order of the model; what it does not say is left out."""
    written = {"file_path": scalar(version.file_path), "revision": version.revision}
    if version.training_image_count is not None:
        written["training_image_count"] = str(version.training_image_count)
    if version.accuracy_score is not None:
        written["accuracy_score"] = repr(version.accuracy_score)
    if version.created_at is not None:
        moment = version.created_at.astimezone(UTC).replace(tzinfo=None)
        written["created_at"] = f"{moment.isoformat()}Z"
    if version.notes is not None:
        written["notes"] = scalar(version.notes)
    if version.links:
        links = ", ".join(f"{scalar(name)}: {scalar(link)}" for name, link in version.links.items())
        written["links"] = f"{{{links}}}"
    written |= dict.fromkeys((key for key in ("legacy", "revision_guessed") if getattr(version, key)), "true")
    return list(written.items())


def scalar(text: str) -> str:
    """Text as YAML: plain where every reader takes it for text, in block and in brackets; else in double quotes."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # no stub for it
    return text if _PLAIN.fullmatch(text) and tag.endswith(":str") else json.dumps(text, ensure_ascii=False)
