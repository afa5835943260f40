"""What commands really print, for the pages that show it: each block after an `<!-- example: NAME -->` is made anew."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from lepinet.cli.story.scratch import Scratch, scratch
from lepinet.evaluation.gates.verdict import points
from lepinet.evaluation.paired import images_for
from lepinet.model_files import folder_revision
from lepinet.report.wording import WORDS

_ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(<!-- example: ([a-z-]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
_LINES = 14
_FLIPS = (0.02, 0.04, 0.08, 0.15)
_MARGINS = (0.01, 0.02, 0.05, 0.10)
_MANIFEST = """\
schema_version: 1
known_images: tests/known_images
species: species.csv
environments:
  production:
    active: {active}
    registry: embedded
    endpoint: {{kind: local}}
gates: {gates}
versions: {{}}
"""


def with_examples(page: str) -> str:
    """The page with all its examples as they come out today."""
    return _BLOCK.sub(lambda found: f"{found[1]}{_made()[found[2]]}\n", page)


@cache
def _made() -> Mapping[str, str]:
    with scratch(_ROOT, keep=False) as place:
        # Tested beforehand: what is compared from the cache is not timed, and comes out alike on every machine.
        _declare(place, {version: version for version in ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")})
        for photo in ("common_crow_02.jpg", "common_mormon_04.jpg", "tailed_jay_03.jpg"):
            species = place.repository / "three" / photo[:-7].replace("_", " ").title()
            species.mkdir(parents=True)
            shutil.copy(place.repository / "tests" / "known_images" / photo, species)
        return {
            "fine": _shown(place, "lepinet compare --old v1.0.0 --new v1.1.0"),
            "hold": _shown(place, "lepinet compare --old v1.1.0 --new v1.2.0"),
            "undecided": _shown(place, "lepinet compare --old v1.1.0 --new v1.3.0"),
            "three-photos": _shown(place, "lepinet compare --old v1.0.0 --new v1.1.0 --known-images three"),
            "fifth-try": _fifth_try(place),
            "photos": _shown(place, "lepinet known-images check"),
            "images-needed": _images_needed(),
            "words": _words(),
        }


def _declare(place: Scratch, versions: Mapping[str, str], gates: str = "{}") -> None:
    """Write models.yaml, the first version active, and test all that it names.

    Args:
        place: the repository.
        versions: the folder in tests/models of each version.
        gates: as YAML.
    """
    manifest = yaml.safe_load(_MANIFEST.format(active=next(iter(versions)), gates=gates))
    for name, folder in versions.items():
        path = f"tests/models/{folder}"
        manifest["versions"][name] = {"file_path": path, "revision": folder_revision(place.repository / path)}
    (place.repository / "models.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    for name in versions:
        place.run(["lepinet", "test", name])


def _shown(place: Scratch, command: str) -> str:
    lines = place.run(shlex.split(command)).output.rstrip().splitlines()
    kept = lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"… {len(lines) - _LINES + 1} more lines"]
    return "\n".join(["```text", f"$ {command}", *kept, "```"])


def _fifth_try(place: Scratch) -> str:
    """A candidate that would have been promoted at its first try, after four others on the same photos."""
    models = place.repository / "tests" / "models"
    _declare(place, {"v2.0.0": "v1.3.0"}, gates="{non_inferiority_margin: 0.05}")
    _commit(place, "Begin anew")
    for number in range(1, 6):
        shutil.copytree(models / "v1.1.0", models / f"try-{number}")
        (models / f"try-{number}" / "README.md").write_text(f"try {number}\n", encoding="utf-8")
        place.run(["lepinet", "register", f"v2.0.{number}", "--file-path", f"tests/models/try-{number}"])
        _commit(place, f"Register v2.0.{number}")
    place.run(["lepinet", "test", "v2.0.5"])
    place.run(["git", "switch", "--create", "activate"])
    place.run(["lepinet", "activate", "v2.0.5"])
    _commit(place, "Activate v2.0.5")
    return _shown(place, "lepinet check")


def _commit(place: Scratch, message: str) -> None:
    place.run(["git", "add", "."])
    place.run(["git", "commit", "--message", message])


def _words() -> str:
    rows = (f"| {word} | {meaning} |" for word, meaning in WORDS.items())
    return "\n".join(["| word | meaning |", "|---|---|", *rows])


def _images_needed() -> str:
    heads = " | ".join(f"limit {points(margin)}" for margin in _MARGINS)
    lines = [f"| the two models differ on | {heads} |", "|---" * (len(_MARGINS) + 1) + "|"]
    for flips in _FLIPS:
        cells = " | ".join(f"{images_for(flips, margin, 0.05):,}" for margin in _MARGINS)
        lines.append(f"| {flips:.0%} of the photos | {cells} |".replace("%", " %"))
    return "\n".join(lines)
