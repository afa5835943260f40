"""What a model said of each known image: the values that cases, predictors, metrics and the verdict hand on."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """Frozen, and refuses keys that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Score(Value):
    """One species with its probability."""

    id: str
    """Species id; for a label that is no species of the list, the label itself."""
    name: str
    confidence: float = Field(ge=0, le=1)


class Answer(Value):
    """What a model said of one known image, beside the truth."""

    file_name: str
    """Relative to the known images' folder, `/` between parts."""
    sha256: str | None
    """Of the file's bytes, 64 hex digits; None when it could not be read."""
    expected_id: str
    expected_name: str
    top: tuple[Score, ...] = ()
    """The five likeliest, best first; fewer when the model has fewer labels; empty when there is an error."""
    error: str | None = None
    """Why there is no answer, in one sentence. Counts as wrong."""
    latency_ms: float | None = None
    """Decoding and inference for this image; None from a cache or a file."""

    @property
    def predicted_id(self) -> str | None:
        return self.top[0].id if self.top else None

    @property
    def correct(self) -> bool:
        return self.predicted_id == self.expected_id

    @property
    def correct_in_top3(self) -> bool:
        return any(score.id == self.expected_id for score in self.top[:3])


class ModelIdentity(Value):
    """Which model answered."""

    name: str
    """Version name, or what the user called it: a path, a repository, a URL."""
    file_path: str | None = None
    revision: str | None = None
    sha256: str | None = None
    """Digest of the files that decide the answers; equal digests mean identical models. None for a live endpoint."""
    contract: str | None = None
    """How a live endpoint takes photos and answers, as it was found out by asking; None for a model's files."""
    cautions: tuple[str, ...] = ()
    """What else its repository holds that a person should know of, a sentence each."""


class Answers(Value):
    """All answers of one model on one set of known images, in the images' order."""

    model: ModelIdentity
    known_images_sha256: str
    """Digest over the sorted (file name, content digest, species id) of all known images, readable or not."""
    nameable: frozenset[str] | None
    """Ids among the known species that the model has a label for; None when it cannot be asked (an endpoint)."""
    answers: tuple[Answer, ...]
    alike: tuple[tuple[str, ...], ...] = ()
    """File names of images that look alike, group by group; empty too where nobody looked at them."""
    trained_on: tuple[str, ...] = ()
    """File names of images that look like one of its training photos; empty too where it keeps no fingerprints."""

    def among(self, file_names: Collection[str]) -> Answers:
        """Those about some of the images."""
        return self.model_copy(
            update={"answers": tuple(answer for answer in self.answers if answer.file_name in file_names)}
        )
