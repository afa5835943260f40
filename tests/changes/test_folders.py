"""A version whose files lie in the repository: they never change under its name."""

from __future__ import annotations

import pytest

from changes.kinds import edited, staging
from changes.project import MODELS, Project
from lepinet.changes import change_between

ENTRY = ("# the end", "  v2.0.0: {file_path: models/wings, revision: 'sha256:" + 64 * "a" + "'}\n# the end")
FILE = "models/wings/model.onnx"
REFUSED = ["the files of v2.0.0 in models/wings change; a version never does"]


@pytest.fixture
def project(project: Project) -> Project:
    return merged(project)


def merged(project: Project) -> Project:
    """With v2.0.0 on main."""
    project.on_main({MODELS: edited(project.text(), ENTRY), FILE: "as it was trained"})
    return project


def said(project: Project, base: str, head: str | None) -> list[str]:
    return [problem.message for problem in change_between(project.repository, base, head).problems]


@pytest.mark.parametrize("content", ["trained once more", None])
def test_other_files_under_a_merged_name_are_refused(project: Project, content: str | None) -> None:
    base, activated = project.main, edited(project.text(), staging("v1.2.0", "v2.0.0"))
    assert said(project, base, project.branch({FILE: content})) == REFUSED
    assert said(project, base, project.branch({FILE: content, MODELS: activated})) == REFUSED


def test_a_new_file_beside_them_counts_and_a_hidden_one_does_not(project: Project) -> None:
    base = project.main
    assert said(project, base, project.branch({"models/wings/more.json": "{}"})) == REFUSED
    assert said(project, base, project.branch({"models/wings/.gitattributes": "*.onnx -text\n"})) == []
    assert said(project, base, project.branch({"models/wingspan/model.onnx": "another model"})) == []


def test_edits_of_the_working_tree_count(alone: Project) -> None:
    (merged(alone).folder / FILE).write_text("trained once more")
    assert said(alone, "main", None) == REFUSED


def test_what_was_merged_with_it_may_come_back(project: Project) -> None:
    forced = project.on_main({FILE: "trained once more"})
    assert said(project, forced, project.branch({FILE: "as it was trained"})) == []
    assert said(project, forced, project.branch({FILE: "and once more"})) == REFUSED


def test_new_files_come_under_a_new_name(project: Project) -> None:
    renamed = edited(project.text(), ("v2.0.0: {file_path: models/wings,", "v2.1.0: {file_path: models/wings,"))
    assert said(project, project.main, project.branch({FILE: "trained once more", MODELS: renamed})) == []
