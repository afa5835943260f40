"""Which species a model's label, a folder's name or an endpoint's answer means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Score
from lepinet.evaluation.predictors import Guess, RawAnswer

OWN_LABELS = "answers carry the model's own labels, which may change with each version: nothing says what they mean"
"""What to say where there is neither a list of species nor a known image."""
LIST_NEEDED = "models.yaml needs `species: species.csv`, with the id and the name of each (species_id, species_name)"
"""What mends strange labels."""


@dataclass(frozen=True, slots=True)
class Species:
    """One line of the list of species."""

    id: str
    name: str
    scientific_name: str | None = None


class SpeciesNames:
    """Finds a species by id, else by its name, else by its scientific name; false when there are none.

    Case, spaces, underscores and hyphens in names do not count. A name that two species share finds neither.
    """

    def __init__(self, species: Iterable[Species]) -> None:
        self._by_id = {one.id: one for one in species}
        self._by_name: dict[str, Species | None] = {}
        for names in (
            [(one, one.name) for one in self._by_id.values()],
            [(one, one.scientific_name) for one in self._by_id.values() if one.scientific_name],
        ):
            found: dict[str, Species | None] = {}
            for one, name in names:
                found[_plain(name)] = one if found.get(_plain(name), one) == one else None
            self._by_name = found | self._by_name

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def by_id(self, id_: str) -> Species | None:
        return self._by_id.get(id_)

    def find(self, text: str) -> Species | None:
        """The species that an id or a name means."""
        return self._by_id.get(text.strip()) or self._by_name.get(_plain(text))

    def meaning(self, label: str) -> str:
        """What all spellings of a label have in common: its species' id, or what is left of a name that means none."""
        found = self.find(label)
        return found.id if found else _plain(label)


class ModelLabels:
    """A model's labels as species; a label that is no species of the list stands for itself."""

    def __init__(self, labels: Sequence[str], names: SpeciesNames) -> None:
        """Match every label.

        Raises:
            RefusedError: two labels mean the same species, so its probability would be split.
        """
        self._species: dict[str, Species] = {}
        meaning: dict[str, str] = {}
        for label in labels:
            found = names.find(label)
            if found and found.id in meaning:
                raise RefusedError(f"two labels of the model mean {found.name}: {meaning[found.id]!r} and {label!r}")
            if found:
                meaning[found.id] = label
            self._species[label] = found or Species(label, label)
        self.nameable = frozenset(meaning)
        """Ids of the list's species that the model has a label for."""

    @property
    def species(self) -> tuple[Species, ...]:
        """What the labels mean, in their order."""
        return tuple(self._species.values())

    def named(self, answer: RawAnswer) -> tuple[Score, ...]:
        """What the model said, in species; best first, empty when it said nothing."""
        return tuple(_score(self._species[guess.label], guess) for guess in answer.top)


class EndpointLabels:
    """An endpoint's answers as species; what is no species of the list stands for itself."""

    def __init__(self, names: SpeciesNames) -> None:
        self._names = names

    def named(self, answer: RawAnswer) -> tuple[Score, ...]:
        """What the endpoint said, in species; best first, empty when it said nothing."""
        return tuple(_score(self._meant(guess), guess) for guess in answer.top)

    def _meant(self, guess: Guess) -> Species:
        found = self._names.find(guess.label) or (self._names.find(guess.name) if guess.name else None)
        return found or Species(guess.label, guess.name or guess.label)


def strange_labels(model: str, *, nameable: int, species: int) -> str | None:
    """What to say of a model that has a label for at most a tenth of the species on the known images; else None.

    Such a model need not be bad: most likely its labels are ids where the photos go by names, or the reverse.
    """
    if nameable * 10 > species:
        return None
    return f"{model} has a label for {nameable} of the {species} species on the known images"


def _score(species: Species, guess: Guess) -> Score:
    return Score(id=species.id, name=species.name, confidence=guess.confidence)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()
