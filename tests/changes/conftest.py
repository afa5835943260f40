from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from changes.kinds import lay
from changes.project import Project
from lepinet.changes import Judgement
from lepinet.manifest.history import Activation


def moves(activation: Activation) -> str:
    """`v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0`: baseline, target, stack."""
    before = activation.baseline.version if activation.baseline else "nothing"
    return f"{before} → {activation.target.version} of {' '.join(activation.stack)}"


@dataclass(frozen=True)
class Told:
    """What a judgement says, the commits' names aside."""

    change: str | None
    problems: tuple[str, ...]
    environments: tuple[tuple[str, str | None, str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, judgement: Judgement) -> Told:
        return cls(
            judgement.change.change,
            tuple(map(str, judgement.problems)),
            tuple(
                (each.environment, each.change, moves(each.activation) if each.activation else "", each.altered)
                for each in judgement.environments
            ),
        )

    def __str__(self) -> str:
        moved = [f"{name}: {how}" for name, change, how, _ in self.environments if change in {"activate", "rollback"}]
        problems = [problem.splitlines()[0] for problem in self.problems]
        return f"{self.change or 'nothing':9}  {'; '.join(problems) or 'valid'}  {', '.join(moved)}".rstrip()


@dataclass
class Table:
    """Class and outcome of every replay, for whoever runs this with `-s`."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, how: str, said: object) -> None:
        self.rows.append((what, how, str(said)))

    def __str__(self) -> str:
        widths = [max(len(row[column]) for row in self.rows) for column in (0, 1)] if self.rows else [0, 0]
        return "\n".join(f"{what:{widths[0]}}  {how:{widths[1]}}  {said}" for what, how, said in self.rows)


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    filled = Table()
    yield filled
    sys.stdout.write(f"\n\n{filled}\n")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """One repository for all replays that begin at the same commit of main, and that commit."""
    project = Project.begin(tmp_path_factory.mktemp("replays") / "project")
    return project, lay(project)


@pytest.fixture
def project(shared: tuple[Project, str]) -> Project:
    """The shared one, with main where every replay begins."""
    shared[0].reset_main(shared[1])
    return shared[0]


@pytest.fixture
def alone(shared: tuple[Project, str], tmp_path: Path) -> Project:
    """A clone, whose settings and refs a test may spoil."""
    shared[0].reset_main(shared[1])
    return shared[0].clone(tmp_path / "alone")
