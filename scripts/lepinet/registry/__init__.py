"""The registry: the database of versions, performance and deployments, spoken to through its SQL functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from lepinet.errors import OutsideError
from lepinet.registry.records import (
    Caller,
    Claim,
    DeploymentRow,
    Essentials,
    Failure,
    ListedVersion,
    MonitoredAccuracy,
    Opening,
    PastDeployment,
    PerformanceLog,
    PerformanceRow,
    Snapshot,
    SpeciesPage,
    SpeciesSort,
    VersionPage,
    VersionRow,
    VersionSort,
    VersionStatus,
)
from lepinet.target import Target

T = TypeVar("T")

_PAGE = 100
"""Versions: of as many of the largest rows that there can be, a database still answers in time."""


class Transport(Protocol):
    """How a SQL function of the registry is called; one kind of registry is one transport.

    A call may be repeated: every function does no harm when it is called again with the same ids. Lists and mappings
    are JSON, tuples are arrays.
    """

    def call(self, function: str, **arguments: Any) -> Any:
        """What the function answers, as JSON.

        Raises:
            RegistryRefusal: a rule of the database says no.
            OutsideError: the database cannot be reached, or did not answer in time.
        """
        ...


class Registry:
    """The registry's functions with types; the rules themselves are in `supabase/migrations`.

    Every call that looks at environments or versions, or writes them, is refused with 403 where the registry belongs to
    another repository.
    """

    def __init__(
        self,
        transport: Transport,
        repository: str | None = None,
        asking: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Nothing is asked yet.

        Args:
            transport: how its functions are called.
            repository: the first commit of main of the repository that asks; None where there is none, as for a script
                without models.yaml.
            asking: surrounds each call.
        """
        self._transport = transport
        self._repository = repository
        self._asking = asking

    def snapshot(self, environment: str, versions: Collection[str] = ()) -> Snapshot:
        """All that a plan needs of one environment, in one round trip; `versions` are the names it asks about."""
        return _read(Snapshot, self._asked("registry_snapshot", environment, versions))

    def essentials(self, environment: str, versions: Collection[str] = ()) -> Essentials:
        """What an emergency needs: the environment, with the rows that it names and those that are asked about."""
        return _read(Essentials, self._asked("registry_essentials", environment, versions))

    def _asked(self, function: str, environment: str, versions: Collection[str]) -> Any:
        return self._call(function, environment=environment, versions=tuple(versions), repository=self._repository)

    def versions(self) -> Iterator[VersionRow]:
        """Every version's row, by name; asked for page by page."""
        after: str | None = None
        while page := _read(
            list[VersionRow],
            self._call("list_model_versions", after=after, page=_PAGE, repository=self._repository),
        ):
            yield from page
            after = page[-1].version_name

    def version_page(
        self,
        declared: Collection[str],
        *,
        search: str | None = None,
        status: VersionStatus | None = None,
        sort: VersionSort = VersionSort.CREATED,
        descending: bool = True,
        skip: int = 0,
        page: int = 50,
    ) -> VersionPage:
        """Some versions, as far as the caller may read them.

        Args:
            declared: the names in models.yaml.
            search: a part of name, path or notes, in small letters or capitals.
            status: only these.
            sort: what they are ordered by.
            descending: from the last to the first.
            skip: how many come before the page.
            page: at most so many, 1 to 200.
        """
        answer = self._call(
            "model_version_page",
            declared=tuple(declared),
            search=search,
            status=status,
            sort=sort.value,
            descending=descending,
            skip=skip,
            page=page,
        )
        return _read(VersionPage, answer)

    def version(self, version_name: str, declared: Collection[str]) -> ListedVersion | None:
        """One version; None where there is none of that name, or the caller may not read it."""
        answer = self._call("model_version_page", declared=tuple(declared), version_name=version_name)
        return next(iter(_read(VersionPage, answer).versions), None)

    def performance(
        self, version_name: str, *, before: UUID | None = None, page: int = 20
    ) -> tuple[PerformanceRow, ...]:
        """A version's tests without their answers, newest first; `before` is the last one of the page before."""
        rows = self._call(
            "performance_history", version_name=version_name, before=str(before) if before else None, page=page
        )
        return tuple(_read(list[PerformanceRow], rows))

    def monitored_accuracy(self, environment: str, points: int = 200) -> tuple[MonitoredAccuracy, ...]:
        """What the monitor measured, oldest first; of more runs than `points` (2 to 500), so many spread evenly."""
        rows = self._call("monitored_accuracy", environment=environment, points=points)
        return tuple(_read(list[MonitoredAccuracy], rows))

    def species_recall(
        self,
        *,
        versions: int = 8,
        search: str | None = None,
        sort: SpeciesSort = SpeciesSort.RECALL,
        skip: int = 0,
        page: int = 24,
    ) -> SpeciesPage:
        """Some species in the last known-image tests of the versions that were tested last.

        Args:
            versions: so many, 1 to 20.
            search: a part of name or id, in small letters or capitals.
            sort: what the species are ordered by.
            skip: how many come before the page.
            page: at most so many, 1 to 200.
        """
        answer = self._call("species_recall", versions=versions, search=search, sort=sort.value, skip=skip, page=page)
        return _read(SpeciesPage, answer)

    def pulse(self) -> Any:
        """What is equal only as long as nothing happens: no deployment goes on, nothing is activated or monitored."""
        return self._call("registry_pulse")

    def log_version(
        self,
        version_name: str,
        file_path: str,
        *,
        training_image_count: int | None = None,
        accuracy_score: float | None = None,
        revision: str | None = None,
        notes: str | None = None,
        links: dict[str, str] | None = None,
        metrics: dict[str, Any] | None = None,
        created_at: datetime | None = None,
    ) -> VersionRow:
        """Make the version's row, or fill in what the row did not know yet; the same content again is the same row.

        Raises:
            RegistryRefusal: the name is taken by other files.
        """
        return _read(
            VersionRow,
            self._call(
                "log_model_version",
                version_name=version_name,
                file_path=file_path,
                training_image_count=training_image_count,
                accuracy_score=accuracy_score,
                revision=revision,
                notes=notes,
                links=links,
                metrics=metrics,
                created_at=created_at.isoformat() if created_at else None,
                repository=self._repository,
            ),
        )

    def restore_version(self, environment: str, claimant: UUID, files: Target) -> None:
        """Give the row of a named version back the files that models.yaml says it is; the history notes both.

        Raises:
            RegistryRefusal: as `renew`; 404 when the registry does not know the version.
        """
        self._call(
            "restore_model_version",
            environment=environment,
            claimant=str(claimant),
            version_name=files.version,
            file_path=files.file_path,
            revision=files.revision,
        )

    def active_version(self, environment: str | None = None) -> VersionRow | None:
        """The environment's active version; without one, that of the row with `is_active`. None when there is none."""
        row = self._call("active_version", environment=environment)
        return _read(VersionRow, row) if row else None

    def log_performance(self, log: PerformanceLog, environment: str | None = None) -> None:
        self._call("log_model_performance", environment=environment, **log.model_dump(mode="json"))

    def caller_role(self) -> str:
        """Who asks: `service_role`, or a signed-in user's `app_metadata.role`; empty where that user has none."""
        return _read(Caller, self._call("caller_role", repository=self._repository)).role

    def applied_migrations(self) -> frozenset[str]:
        """The versions, 14 digits each, of the migrations that this database has seen."""
        return frozenset(_read(list[str], self._call("applied_migrations")))

    def missing_objects(
        self, relations: Collection[str], functions: Collection[str], triggers: Collection[str]
    ) -> tuple[str, ...]:
        """Those of the names that this database has not."""
        named = {"relations": tuple(relations), "functions": tuple(functions), "triggers": tuple(triggers)}
        return tuple(_read(list[str], self._call("missing_objects", **named)))

    def openings(self) -> tuple[Opening, ...]:
        """What lets others past the registry's rules; for the secret key alone."""
        return tuple(_read(list[Opening], self._call("registry_openings")))

    def stored_answers(self, version_name: str, known_images_sha256: str) -> dict[str, Any] | None:
        """`details` of the last known-image test of this version on exactly these images, if there was one."""
        answers: dict[str, Any] | None = self._call(
            "stored_answers", version_name=version_name, known_images_sha256=known_images_sha256
        )
        return answers

    def tested_answers(self, version_name: str, environment: str) -> dict[str, Any] | None:
        """`details` of the known-image test with which this version was activated last, there or elsewhere."""
        answers: dict[str, Any] | None = self._call(
            "tested_answers", version_name=version_name, environment=environment
        )
        return answers

    def claim(
        self,
        environment: str,
        *,
        generation: int,
        commit: str,
        seen_commit: str | None,
        claimant: UUID,
        claimant_label: str,
        lease_seconds: float,
        declares: str,
        versions: Collection[str] = (),
        accept_history: str | None = None,
    ) -> Claim:
        """Ask for the right to write to an environment; `granted` is False while another run holds it.

        `declares` is the version in `active`; `versions` are the names that the answer's snapshot is asked about.

        Raises:
            RegistryRefusal: 409 with hint `read again` (another commit was recorded meanwhile) or `superseded`.
        """
        return _read(
            Claim,
            self._call(
                "claim",
                environment=environment,
                repository=self._repository,
                generation=generation,
                commit_sha=commit,
                seen_commit=seen_commit,
                claimant=str(claimant),
                claimant_label=claimant_label,
                lease_seconds=lease_seconds,
                declares=declares,
                versions=tuple(versions),
                accept_history=accept_history,
            ),
        )

    def renew(self, environment: str, claimant: UUID, lease_seconds: float) -> None:
        """Keep the lease.

        Raises:
            RegistryRefusal: 409 when superseded, 423 when an emergency pinned the environment.
        """
        self._call("renew", environment=environment, claimant=str(claimant), lease_seconds=lease_seconds)

    def release(self, environment: str, claimant: UUID) -> None:
        self._call("release", environment=environment, claimant=str(claimant))

    def begin_deployment(
        self,
        deployment: UUID,
        environment: str,
        claimant: UUID,
        *,
        version_name: str,
        way_back: Target | None,
        actor: str,
        reason: str | None,
        verdict: dict[str, Any] | None,
        conditions: str | None,
    ) -> DeploymentRow:
        return _read(
            DeploymentRow,
            self._call(
                "begin_deployment",
                id=str(deployment),
                environment=environment,
                claimant=str(claimant),
                version_name=version_name,
                way_back=_files(way_back),
                actor=actor,
                reason=reason,
                verdict=verdict,
                conditions=conditions,
            ),
        )

    def record_step(self, event: UUID, deployment: UUID, step: str, text: str) -> None:
        self._call("record_step", id=str(event), deployment=str(deployment), step=step, text=text)

    def activate(
        self, deployment: UUID, claimant: UUID, logs: Sequence[PerformanceLog] = (), *, proved: bool = True
    ) -> DeploymentRow:
        """Flip the environment to the deployment's version and write its logs, in one transaction."""
        return _read(
            DeploymentRow,
            self._call(
                "activate_model_version",
                deployment=str(deployment),
                claimant=str(claimant),
                proved=proved,
                logs=_logs(logs),
            ),
        )

    def fail_deployment(
        self, deployment: UUID, claimant: UUID, failure: Failure, error: str, logs: Sequence[PerformanceLog] = ()
    ) -> DeploymentRow:
        return _read(
            DeploymentRow,
            self._call(
                "fail_deployment",
                deployment=str(deployment),
                claimant=str(claimant),
                failure=failure.value,
                error=error,
                logs=_logs(logs),
            ),
        )

    def begin_emergency(
        self,
        deployment: UUID,
        environment: str,
        *,
        version_name: str,
        reason: str,
        actor: str,
        claimant: UUID,
        claimant_label: str,
        lease_seconds: float,
        way_back: Target | None,
    ) -> None:
        """Take the environment from whoever has it and pin it to the version; nothing has moved yet.

        `way_back` is what the endpoint serves; None leaves it to the registry: the active version.

        Raises:
            RegistryRefusal: 400 without a reason, 404 when the registry does not know the version.
        """
        self._call(
            "begin_emergency",
            id=str(deployment),
            environment=environment,
            repository=self._repository,
            version_name=version_name,
            reason=reason,
            actor=actor,
            claimant=str(claimant),
            claimant_label=claimant_label,
            lease_seconds=lease_seconds,
            way_back=_files(way_back),
        )

    def unpin(self, environment: str, reason: str) -> Essentials:
        """Lift the pin, if there is one.

        Raises:
            RegistryRefusal: 400 without a reason.
        """
        answer = self._call("unpin", environment=environment, reason=reason, repository=self._repository)
        return _read(Essentials, answer)

    def history(
        self,
        environment: str | None = None,
        *,
        version_name: str | None = None,
        before: UUID | None = None,
        page: int = 50,
    ) -> tuple[PastDeployment, ...]:
        """Deployments with their steps, newest first; `before` is the last one of the page before."""
        rows = self._call(
            "deployment_history",
            environment=environment,
            version_name=version_name,
            before=str(before) if before else None,
            page=page,
            repository=self._repository,
        )
        return tuple(_read(list[PastDeployment], rows))

    def _call(self, function: str, **arguments: Any) -> Any:
        with self._asking():
            return self._transport.call(function, **arguments)


def _read(kind: type[T], answer: Any) -> T:
    try:
        return TypeAdapter(kind).validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its answer"
        row = f" (row {found})" if (found := _row(answer, first["loc"])) else ""
        raise OutsideError(
            f"the registry holds what this LepiNet cannot read: {place}: {first['msg']}{row}",
            todo="was a row changed by hand? Put it right in the SQL editor; a newer LepiNet may read it too.",
        ) from None


def _row(answer: Any, place: Sequence[str | int]) -> str | None:
    """The id of the innermost row at a place of an answer."""
    found = None
    for part in (*place, None):
        found = answer.get("id", found) if isinstance(answer, dict) else found
        try:
            answer = answer[part]
        except (KeyError, IndexError, TypeError):
            break
    return found


def _files(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {"version": target.version, "file_path": target.file_path, "revision": target.revision}


def _logs(logs: Sequence[PerformanceLog]) -> list[dict[str, Any]]:
    return [log.model_dump(mode="json") for log in logs]
