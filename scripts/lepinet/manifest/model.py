"""What `models.yaml` may say, as frozen values; every default stands here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from lepinet.manifest.fields import (
    Confidence,
    DeclaredName,
    EndpointName,
    EnvironmentName,
    Figure,
    Link,
    Margin,
    Moment,
    Namespace,
    PredictUrl,
    ProjectUrl,
    Ratio,
    RelativePath,
    Revision,
    Share,
    SpaceName,
    Text,
    VersionNames,
    VersionReference,
)
from lepinet.target import HUB_REPOSITORY, Target

_FOLDER_REVISION = "sha256:"


class Value(BaseModel):
    """Frozen and strict: unknown keys are refused, and nothing is taken for what it is not."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _kind(value: object) -> object:
    """`endpoint: none` is short for `endpoint: {kind: none}`."""
    return {"kind": value} if isinstance(value, str) else value


def _known_schema(version: int) -> int:
    if version != 1:
        raise PydanticCustomError("schema_version", "but this LepiNet reads 1; a newer LepiNet may read it")
    return version


class LocalEndpointSettings(Value):
    """`lepinet serve` on this machine."""

    kind: Literal["local"] = Field(description="`local`.")
    port: int | None = Field(None, ge=1, le=65535, description="Where it listens; without it, on any free port.")

    @property
    def address(self) -> str | None:
        """What no two environments may share."""
        return f"port {self.port}" if self.port else None


class InferenceEndpointSettings(Value):
    """An Inference Endpoint of Hugging Face, moved by HF_TOKEN or a token of the environment's own.

    It serves models of the Hub only.
    """

    kind: Literal["inference-endpoint"] = Field(description="`inference-endpoint`.")
    namespace: Namespace = Field(description="The user or organisation that it belongs to.")
    name: EndpointName = Field(description="What it is called there.")

    @property
    def address(self) -> str:
        return f"the Inference Endpoint {self.namespace}/{self.name}"


class SpaceSettings(Value):
    """A Space of Hugging Face that runs `lepinet serve`, moved by HF_TOKEN or a token of the environment's own.

    It serves models of the Hub only.
    """

    kind: Literal["space"] = Field(description="`space`.")
    repo_id: SpaceName = Field(description="`org/name` of the Space.")

    @property
    def address(self) -> str:
        return f"the Space {self.repo_id}"


class FollowsRegistrySettings(Value):
    """A backend of your own that reads the active row itself: the database flips before the proof."""

    kind: Literal["follows-registry"] = Field(description="`follows-registry`.")
    predict_url: PredictUrl = Field(description="Where it takes photos.")

    @property
    def address(self) -> str:
        return self.predict_url


class NoEndpointSettings(Value):
    """Nothing to move: the models run on the phones."""

    kind: Literal["none"] = Field(description="`none`.")
    address: ClassVar[None] = None


EndpointSettings = Annotated[
    LocalEndpointSettings | InferenceEndpointSettings | SpaceSettings | FollowsRegistrySettings | NoEndpointSettings,
    Field(discriminator="kind"),
]
OF_THE_HUB = (InferenceEndpointSettings, SpaceSettings)
"""These fetch a model from the Hub, and know no folder of this repository."""


class RegistrySettings(Value):
    """Which database records versions, performance and deployments. Its passwords and keys never stand in the file."""

    kind: Literal["embedded", "postgres", "supabase"] = Field(
        description="embedded: a PostgreSQL on this machine, started on demand. postgres: the one at DATABASE_URL. "
        "supabase: the project at `url`, opened by SUPABASE_SERVICE_KEY or by a user who signs in."
    )
    url: ProjectUrl | None = Field(
        None, description="With supabase: where the project answers; without it, SUPABASE_URL says so."
    )

    @field_validator("url", mode="after")
    @classmethod
    def _of_a_project(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and info.data.get("kind", "supabase") != "supabase":
            raise PydanticCustomError(
                "url", "but a registry of kind {kind} has no url in this file", {"kind": info.data["kind"]}
            )
        return url


class Override(Value):
    """A held version ships by a person's decision."""

    version: VersionReference = Field(description="The version it is for: the active one.")
    reason: Text = Field(description="Why it ships all the same; it stands in the history.")


class Environment(Value):
    """An endpoint, a registry and one active version."""

    active: VersionReference | None = Field(None, description="The version it should serve.")
    registry: Annotated[
        RegistrySettings,
        BeforeValidator(_kind, json_schema_input_type=Literal["embedded", "postgres", "supabase"] | RegistrySettings),
        Field(description="Its database: `embedded`, `postgres` or `supabase`, or `{kind: …}`."),
    ]
    endpoint: Annotated[
        EndpointSettings,
        BeforeValidator(_kind, json_schema_input_type=Literal["local", "none"] | EndpointSettings),
        Field(
            description="What answers photos: `local`, `none` (models run on the phones), or `{kind: …}` with"
            " `local`, `inference-endpoint`, `space`, `follows-registry`, `none`."
        ),
    ]
    reference: VersionReference | None = Field(
        None, description="The best version shown so far: a candidate must not be worse than this one either."
    )
    override: Override | None = Field(None, description="Ships a held version by decision.")
    frozen: Text | None = Field(None, description="A reason: while it stands, `active` must not change.")
    auto_rollback: bool = Field(
        default=False, description="When `lepinet monitor` alarms over the answers, it proposes the version before."
    )

    @property
    def on_one_machine(self) -> tuple[str, ...]:
        """What of it lives on the machine that runs LepiNet, where no other one reaches it; in the file's words."""
        registry, endpoint = self.registry.kind == "embedded", self.endpoint.kind == "local"
        found = (("registry: embedded", registry), ("endpoint: local", endpoint))
        return tuple(said for said, so in found if so)

    @field_validator("override", mode="after")
    @classmethod
    def _for_the_active(cls, override: Override | None, info: ValidationInfo) -> Override | None:
        if override is not None and "active" in info.data and override.version != info.data["active"]:
            raise PydanticCustomError(
                "override",
                "is for {version}, but the active version is {active}",
                {"version": override.version, "active": info.data["active"]},
            )
        return override


class Gates(Value):
    """What a candidate must show. A gate set to null is switched off; one that is absent has its default."""

    non_inferiority_margin: Margin | None = Field(
        Decimal("0.02"), description="The candidate may be at most this much worse, shown at `confidence`."
    )
    confidence: Confidence = Field(Decimal("0.95"), description="How sure (one-sided) that must be.")
    when_undecided: Literal["ask", "block"] = Field(
        "ask", description="Too few images to know. ask: a person decides by merging. block: it is held."
    )
    min_accuracy: Share | None = Field(Decimal("0.80"), description="Of the known images, so many must be right.")
    min_top3_accuracy: Share | None = Field(Decimal("0.90"), description="So many right among the first three.")
    max_negative_flips: Share | None = Field(
        Decimal("0.05"), description="Of the known images, so many may be newly wrong."
    )
    max_species_recall_drop: Share | None = Field(
        Decimal("0.20"), description="How much of one species may be lost, of species with at least 5 known images."
    )
    max_latency_ratio: Ratio | None = Field(
        Decimal("1.5"), description="So many times as long as the active version may a photo take."
    )
    require_improvement: bool = Field(
        default=False, description="Not worse is not enough: the candidate must be shown to be better."
    )
    strict_tries: bool = Field(
        default=False,
        description="The k-th version tried on the same photos must show more, so that all together keep `confidence`.",
    )
    allow_code: bool = Field(
        default=False,
        description="A model's repository may hold what runs code when somebody loads it: pickles, Python. It is said,"
        " and LepiNet runs none of it.",
    )


class Retention(Value):
    """How long versions that were once active stay in the file."""

    min_versions: int = Field(3, ge=1, description="So many versions that were ever active stay.")
    min_age_days: int = Field(30, ge=0, description="So many days they stay after their last active day.")


class ModelVersion(Value):
    """One trained model. Once merged it never changes, notes and links aside."""

    file_path: RelativePath = Field(description="Hub repository (org/name), or a folder inside of this repository.")
    revision: Revision = Field(
        description="Which files exactly: a commit of the Hub repository, or sha256: and the digest of the folder."
    )
    training_image_count: int | None = Field(None, ge=0, le=2**31 - 1, description="How many images it was trained on.")
    accuracy_score: Figure | None = Field(None, description="As the trainer measured it, 0 to 1.")
    created_at: Moment | None = Field(None, description="When it was trained, with the offset.")
    notes: Text | None = Field(None, description="What changed since the version before, and why.")
    links: Mapping[str, Link] = Field({}, description="Where to read on, such as run: https://…")
    legacy: bool = Field(
        default=False,
        description="Its name is from before this file, and no semantic version. Only `import` writes it.",
    )
    revision_guessed: bool = Field(
        default=False,
        description="Nobody noted its revision: it is the last commit before `created_at`. Only `import` writes it.",
    )

    @field_validator("revision", mode="after")
    @classmethod
    def _of_that_path(cls, revision: str, info: ValidationInfo) -> str:
        path = info.data.get("file_path")
        on_hub = not revision.startswith(_FOLDER_REVISION)
        if on_hub and path is not None and not HUB_REPOSITORY.fullmatch(path):
            raise PydanticCustomError(
                "hub", "but that is a commit on the Hub, and {path} is no repository there (org/name)", {"path": path}
            )
        return revision


class Manifest(Value):
    """The whole of `models.yaml`."""

    schema_version: Annotated[
        int, AfterValidator(_known_schema), Field(json_schema_extra={"const": 1}, description="1.")
    ]
    known_images: RelativePath = Field(
        "tests/known_images", description="Folder of photos whose species is certain: metadata.csv, or a folder each."
    )
    species: RelativePath | None = Field(None, description="CSV: species_id, species_name, scientific_name.")
    environments: Mapping[EnvironmentName, Environment] = Field(
        min_length=1, description="In promotion order: a version reaches one after it was active in the one before."
    )
    gates: Gates = Field(default_factory=Gates)
    retention: Retention = Field(default_factory=Retention)
    versions: Annotated[Mapping[DeclaredName, ModelVersion], VersionNames()] = Field(
        description="All model versions; new ones are appended."
    )

    @field_validator("environments", mode="after")
    @classmethod
    def _apart(cls, environments: Mapping[str, Environment]) -> Mapping[str, Environment]:
        owners: dict[str, str] = {}
        for name, environment in environments.items():
            address = environment.endpoint.address
            owner = owners.setdefault(address, name) if address else name
            if owner != name:
                raise PydanticCustomError(
                    "shared",
                    "is {address}, and so is {owner}.endpoint",
                    {"address": address, "owner": owner, "name": name},
                )
        return environments

    @field_validator("versions", mode="after")
    @classmethod
    def _where_they_are_served(
        cls, versions: Mapping[str, ModelVersion], info: ValidationInfo
    ) -> Mapping[str, ModelVersion]:
        environments: Mapping[str, Environment] = info.data.get("environments", {})
        for name, environment in environments.items():
            version = versions.get(environment.active or "")
            if (
                version
                and version.revision.startswith(_FOLDER_REVISION)
                and isinstance(environment.endpoint, OF_THE_HUB)
            ):
                raise PydanticCustomError(
                    "of_the_hub",
                    "is {version}, a folder of this repository, and {address} serves models of the Hub",
                    {"version": environment.active, "address": environment.endpoint.address, "name": name},
                )
        return versions

    def place(self, version: str) -> int:
        """Where a version stands in the file, to whose end new ones are appended; -1 for one that it does not have."""
        return next((place for place, name in enumerate(self.versions) if name == version), -1)

    def target(self, version: str) -> Target:
        """What an endpoint serves when that version is active there.

        Raises:
            KeyError: the file has no such version.
        """
        model = self.versions[version]
        return Target(model.file_path, model.revision, version)
