"""What the registry holds, as frozen values: rows of `model_versions`, `environments`, `model_deployments`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from lepinet.manifest.command import register_command
from lepinet.manifest.fields import EARLIEST, LATEST
from lepinet.target import Target


class Record(BaseModel):
    """A row, or a part of one. Columns that a later migration adds are no error."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """What somebody wrote by hand and nobody can read counts as not said: one row must not stop all runs."""
    try:
        return read(value)
    except ValidationError:
        return None


def _in_its_years(moment: datetime | None) -> datetime | None:
    """As models.yaml can have it; of a column without time zones in UTC."""
    moment = moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
    if moment and not EARLIEST <= moment <= LATEST:
        raise ValueError
    return moment


Moment = Annotated[datetime | None, AfterValidator(_in_its_years), WrapValidator(_or_none)]
Share = Annotated[float | None, Field(ge=0, le=1), WrapValidator(_or_none)]
Figure = Annotated[float | None, WrapValidator(_or_none)]
Count = Annotated[int | None, Field(ge=0, lt=2**31), WrapValidator(_or_none)]
Answer = Annotated[bool | None, WrapValidator(_or_none)]
Text = Annotated[str | None, WrapValidator(_or_none)]
Texts = Annotated[dict[str, str] | None, WrapValidator(_or_none)]
Data = Annotated[dict[str, Any] | None, WrapValidator(_or_none)]


class Caller(Record):
    """Who asks."""

    role: str


class VersionRow(Record):
    """A row of `model_versions`, which trainers and hands write too."""

    id: UUID
    version_name: str
    file_path: str
    revision: str | None = None
    training_image_count: int | None = None
    accuracy_score: Share = None
    notes: str | None = None
    links: Texts = None
    metrics: Data = None
    is_active: bool | None = None
    created_at: Moment = None
    activated_at: Moment = None

    @property
    def target(self) -> Target | None:
        return Target(self.file_path, self.revision, self.version_name) if self.revision else None

    def register_command(self) -> str:
        """The whole `lepinet register …` that takes it into models.yaml, with all that the registry has of it."""
        return register_command(
            self.version_name,
            self.file_path,
            revision=self.revision,
            logged_at=self.created_at,
            training_image_count=self.training_image_count,
            accuracy_score=self.accuracy_score,
            notes=self.notes,
            links=self.links,
        )


class Opening(Record):
    """What lets others past the registry's rules, by the project's own doing."""

    what: str
    closed_by: str
    """SQL for its owner."""


class VersionStatus(StrEnum):
    """How far a version has come."""

    ACTIVE = "active"
    CANDIDATE = "candidate"
    """models.yaml has it, and no environment ever had it."""
    DEPLOYED = "deployed"
    """Some environment had it once."""
    PROPOSAL = "proposal"
    """A trainer has logged it, and models.yaml does not have it yet."""


class ListedVersion(VersionRow):
    """A version with what became of it."""

    status: VersionStatus
    active_in: tuple[str, ...]
    """Environments of this registry."""
    before: str | None
    """The version that was logged before it."""


class VersionPage(Record):
    """Some of the versions that were asked for."""

    total: int
    """Of all that were asked for."""
    versions: tuple[ListedVersion, ...]
    unregistered: tuple[str, ...]
    """Names in models.yaml that have no row yet."""


class VersionSort(StrEnum):
    """What versions are ordered by; what is not known comes last, in the reversed order first."""

    VERSION = "version"
    PATH = "path"
    ACCURACY = "accuracy"
    IMAGES = "images"
    STATUS = "status"
    CREATED = "created"


class OldRow(Record):
    """A row of `model_versions` that no rule has looked at; what is missing or makes no sense counts as not said."""

    id: Text = None
    version_name: Text = None
    file_path: Text = None
    revision: Text = None
    training_image_count: Count = None
    accuracy_score: Figure = None
    """Whatever number it is: people wrote percent, too."""
    notes: Text = None
    is_active: Answer = None
    created_at: Moment = None


class EnvironmentRow(Record):
    """A row of `environments`: one environment's lock, its active version and its place in git's history."""

    name: str
    repository: str
    active: str | None
    """The version that readers are told. For the mirrored environment: the row with `is_active`, whoever marked it."""
    recorded: str | None
    """The version that the last flip recorded; another than `active` means that a hand was at work."""
    generation: int | None
    commit: str | None
    claimant: str | None
    """Who holds the lease, in words; None when nobody does."""
    lease_seconds: float
    """What is left of the lease by the database's clock; 0 when there is none."""
    pinned: str | None
    pin_reason: str | None
    pinned_by: Text = None
    pinned_at: Moment = None
    mirrors_is_active: bool


class DeploymentKind(StrEnum):
    MERGE = "merge"
    EMERGENCY = "emergency"


class DeploymentStatus(StrEnum):
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Failure(StrEnum):
    """Why a deployment failed; `verdict` and `proof` stand until what they judged has changed."""

    VERDICT = "verdict"
    PROOF = "proof"
    MOVE = "move"


class FilesRow(Record):
    """A target as the database keeps it."""

    file_path: str
    revision: str
    version: str | None = None

    @property
    def target(self) -> Target:
        return Target(self.file_path, self.revision, self.version)


class DeploymentRow(Record):
    """A row of `model_deployments`."""

    id: UUID
    environment: str
    kind: DeploymentKind
    version: str
    file_path: str
    revision: str | None
    way_back: FilesRow | None
    generation: int | None
    commit: str | None
    actor: str
    reason: str | None
    verdict: dict[str, Any] | None
    conditions: str | None
    """Digest of all that a refusal or a failed proof depends on."""
    status: DeploymentStatus
    failure: Failure | None
    error: str | None
    begun_at: datetime
    flipped_at: datetime | None = None
    """When the registry named its version; before the proof, where the endpoint follows the registry."""
    ended_at: datetime | None

    @property
    def target(self) -> Target | None:
        return Target(self.file_path, self.revision, self.version) if self.revision else None


NEWEST: Final = 20
"""So many of the versions that nobody asked about come with a snapshot, as `lepinet.snapshot` has it."""


class MonitorRow(Record):
    """The last run of the monitor in an environment."""

    version: str
    seconds_ago: float
    whole_seconds_ago: float | None
    """Since the last run that asked the whole sample; None when there was none in the two days before this one."""
    usual_ms: float | None
    """What a photo usually takes, over earlier runs of this version; None when these are too few."""
    notes: str | None = None
    details: Data = None


class Essentials(Record):
    """What an emergency has to know; nothing of deployments, other versions or the monitor may hold it up."""

    environment: EnvironmentRow
    versions: tuple[VersionRow, ...]
    """Oldest first: those that were asked about or that the environment names."""


class Snapshot(Essentials):
    """All that a plan needs of one environment, read in one transaction; with the `NEWEST` of all other versions."""

    deployments: tuple[DeploymentRow, ...]
    """Newest first: those begun since the last success but one, and every unfinished one."""
    succeeded: frozenset[str]
    """Names, among those asked about, of versions that have a succeeded deployment in this environment."""
    ever_deployed: bool
    monitored: MonitorRow | None = None
    """None where the monitor never ran; a claim does not ask."""
    changes: int | None = None
    """How many changes of versions' rows the database has counted, seconds ago at most; a claim does not ask."""

    @property
    def proved(self) -> str | None:
        """The active version; its predecessor, while a deployment has flipped to it before the proof.

        None as well where a hand marked it and nothing was ever deployed.
        """
        if not self.ever_deployed:
            return None
        for row in self.deployments:
            if row.status is DeploymentStatus.STARTED and row.kind is DeploymentKind.MERGE and row.flipped_at:
                return row.way_back.version if row.way_back else None
        return self.environment.active


class Claim(Record):
    """The answer to `claim`."""

    granted: bool
    snapshot: Snapshot


class DeploymentEvent(Record):
    at: datetime
    step: str
    text: str


class PastDeployment(DeploymentRow):
    """A deployment with its steps, for `history`."""

    way_back: Annotated[FilesRow | None, WrapValidator(_or_none)]
    verdict: Data
    events: tuple[DeploymentEvent, ...]
    unreadable: tuple[str, ...] = ()
    """Columns that nobody can read, since a hand wrote them; they count as not said."""

    @model_validator(mode="before")
    @classmethod
    def _name_unreadable(cls, row: Any) -> Any:
        """Readers of the past go on; a run that would act on such a row stops at it."""
        try:
            DeploymentRow.model_validate(row)
        except ValidationError as error:
            columns = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
            return {**row, "unreadable": sorted(columns)} if isinstance(row, dict) else row
        return row


class PerformanceLog(Record):
    """A row of `model_performance_logs` to be written; the id is the client's, so a repeated write does no harm."""

    id: UUID
    version_name: str
    kind: str
    """`known-images`, `comparison`, `proof` or `monitor`."""
    test_accuracy: float | None
    test_sample_size: int | None
    top3_accuracy: float | None = None
    notes: str | None = None
    details: dict[str, Any] | None = None
    commit_sha: str | None = None


class PerformanceRow(Record):
    """A row of `model_performance_logs` without its details."""

    id: UUID
    environment: str | None
    kind: str | None
    """None: written by the old guide's trainer, or by a hand."""
    test_date: Moment
    test_accuracy: Share
    test_sample_size: Count
    top3_accuracy: Share
    notes: str | None
    commit_sha: str | None
    known_images_sha256: str | None
    """Which known images they were, of a known-image test."""


class MonitoredAccuracy(Record):
    """What one run of the monitor measured."""

    at: datetime
    version: str
    accuracy: Share
    """None where nothing answered."""
    sample_size: Count


class SpeciesSort(StrEnum):
    """What species are ordered by."""

    RECALL = "recall"
    """The one that the version tested last knows least comes first."""
    NAME = "name"
    ID = "id"


class TestedVersion(Record):
    """The last known-image test of a version."""

    version: str
    environment: str | None
    at: datetime
    known_images_sha256: str | None
    earlier: tuple[str, ...] = ()
    """The digests of the other photos that it was tested on before, at most 4, the newest test first."""

    @property
    def known_images(self) -> tuple[str, ...]:
        """The digests of all photos that it was tested on, as far as is told here."""
        return tuple(filter(None, (self.known_images_sha256, *self.earlier)))


class SpeciesCounts(Record):
    """One species in several tests."""

    id: str
    name: str
    counts: dict[int, tuple[int, int]]
    """By the place of the test: known images named right, and all; a test without images of it is left out."""


class SpeciesPage(Record):
    """Some of the species on the known images, in the tests of the versions that were tested last."""

    tests: tuple[TestedVersion, ...]
    """Newest first."""
    total: int
    """Of all species that were asked for."""
    species: tuple[SpeciesCounts, ...]
