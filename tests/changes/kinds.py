"""Every kind of change of `models.yaml`, and a main that they can be made on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from changes.project import MODELS, Files, Project

Replacement: TypeAlias = tuple[str, str]

BEGIN = """\
schema_version: 1
known_images: photos
species: species.csv
environments:
  staging:
    active: v1.0.0 # tried here first
    registry: embedded
    endpoint: {kind: local, port: 8001}
  production:
    active: v1.0.0 # what the app asks
    registry: embedded
    endpoint: {kind: local, port: 8002}
gates:
  min_accuracy: 0.70
retention: {min_versions: 2, min_age_days: 30}
versions:
  v1.0.0:
    file_path: Bhanura/lepinet
    revision: 1000000000000000000000000000000000000000
    notes: the first
# the end
"""
FILES: Files = {
    "README.md": "Butterflies\n",
    "photos/one.txt": "a photo\n",
    "species.csv": "species_id,species_name\n001,Crimson Rose\n",
}


def edited(text: str, *replacements: Replacement) -> str:
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in\n{text}"
        text = text.replace(old, new)
    return text


def staging(old: str, new: str) -> Replacement:
    return (f"active: {old} # tried", f"active: {new} # tried")


def production(old: str, new: str) -> Replacement:
    return (f"active: {old} # what", f"active: {new} # what")


def entry(name: str) -> str:
    digits = name.removeprefix("v").replace(".", "")
    return f"  {name}:\n    file_path: Bhanura/lepinet\n    revision: {digits:0<40}\n    notes: more photos\n"


def registered(name: str) -> Replacement:
    """At the end, where new ones go."""
    return ("# the end", f"{entry(name)}# the end")


FROZEN: Replacement = ("port: 8002}", "port: 8002}\n    frozen: field week")
OVERRIDDEN = "port: 8001}\n    override: {version: %s, reason: the season opens}"
PHONES = (
    "gates:\n",
    "  phones:\n    active: v1.0.0 # offline\n    registry: embedded\n    endpoint: none\ngates:\n",
)


@dataclass(frozen=True)
class Kind:
    """A change that a pull request makes, and what the design says of it."""

    name: str
    edit: Sequence[Replacement] = ()
    files: Files = field(default_factory=dict)
    before: Sequence[Replacement] = ()
    """What main must say first."""
    is_: str | None = "configure"
    reverted: str | None = "configure"
    again: str | None = "configure"
    """When the revert is reverted."""
    problem: str = ""
    """Why it should not have been merged; a person did all the same."""
    once_more: str = ""
    """What is said of the revert of its revert: the rules are against it as they were in the beginning."""
    late: str = ""
    """What is said of its revert when others have been merged meanwhile, so that main gets to no earlier state."""

    def __str__(self) -> str:
        return self.name

    def on(self, text: str) -> Files:
        """What it makes of the files."""
        return {**self.files, MODELS: edited(text, *self.edit)}


def activation(name: str, *edit: Replacement) -> Kind:
    return Kind(name, edit, is_="activate", reverted="rollback", again="activate")


KINDS = (
    Kind("endpoint", [("port: 8001", "port: 8003")]),
    Kind("notes of a version", [("notes: the first", "notes: the first one, from dry-season photos")]),
    Kind("gates", [("min_accuracy: 0.70", "min_accuracy: 0.75")]),
    Kind("retention", [("min_age_days: 30", "min_age_days: 60")]),
    Kind("known images, the files", files={"photos/two.txt": "another photo\n"}),
    Kind(
        "known images, another folder",
        [("known_images: photos", "known_images: better")],
        {"better/one.txt": "a better photo\n"},
    ),
    Kind("species list", files={"species.csv": "species_id,species_name\n001,Common Rose\n"}),
    Kind("a comment", [("# the end", "# that was all")], is_=None, reverted=None, again=None),
    Kind("register", [registered("v1.4.0")], is_="register", reverted="retire", again="register"),
    Kind("retire", [(entry("v1.3.0"), "")], is_="retire", reverted="register", again="retire"),
    activation("activate in staging", staging("v1.2.0", "v1.3.0")),
    activation("activate in production", production("v1.1.0", "v1.2.0")),
    activation("register and activate", registered("v1.4.0"), staging("v1.2.0", "v1.4.0")),
    activation("activate by override", staging("v1.2.0", "v1.3.0"), ("port: 8001}", OVERRIDDEN % "v1.3.0")),
    Kind("override what is active", [("port: 8001}", OVERRIDDEN % "v1.2.0")]),
    Kind("rollback", [production("v1.1.0", "v1.0.0")], is_="rollback", reverted="activate", again="rollback"),
    Kind(
        "rollback there, activate here",
        [production("v1.1.0", "v1.0.0"), staging("v1.2.0", "v1.3.0")],
        is_="activate",
        reverted="activate",
        again="activate",
    ),
    Kind("freeze", [FROZEN]),
    Kind("thaw", [FROZEN[::-1]], before=[FROZEN]),
    # It comes back to what it served: nothing to be judged anew.
    Kind("new environment", [PHONES], is_="activate"),
    Kind(
        "past staging, by force",
        [production("v1.1.0", "v1.3.0")],
        is_="activate",
        reverted="rollback",
        again="activate",
        problem="v1.3.0 has not been active in staging, and that comes before production",
    ),
    Kind(
        "with its own photos, by force",
        [staging("v1.2.0", "v1.3.0")],
        {"photos/easy.txt": "an easy photo\n"},
        is_="activate",
        reverted="rollback",
        again="activate",
        problem="known_images (or its files) and staging.active must not change together",
        once_more="known_images (or its files) and staging.active must not change together",
        late="known_images (or its files) and staging.active must not change together",
    ),
    Kind(
        "other files under an old name, by force",
        [("revision: 1300", "revision: 1301")],
        problem="a version never changes",
    ),
)

# One commit each.
LINE: Sequence[Sequence[Replacement]] = (
    [registered("v1.1.0")],
    [staging("v1.0.0", "v1.1.0")],
    [production("v1.0.0", "v1.1.0")],
    [registered("v1.2.0")],
    [staging("v1.1.0", "v1.2.0")],
    [registered("v1.3.0")],
)


def lay(project: Project) -> str:
    """Main's tip after some months of work: staging has v1.2.0, production v1.1.0, nobody has tried v1.3.0."""
    text = BEGIN
    project.commit({**FILES, MODELS: text}, "Begin")
    for replacements in LINE:
        text = edited(text, *replacements)
        project.on_main({MODELS: text})
    return project.main
