"""`lepinet check` in a real repository with real models: what it judges, how it ends, and what it writes where."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from workflow.desk import Desk, lay

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "check.json").read_text())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("check"))


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """On a branch of its own; main stays as `lay` left it, and what models have answered is kept."""
    shared.begin_branch()
    return shared


def checked(desk: Desk, *arguments: str, code: int = 0) -> Any:
    """The JSON of a check, as its schema has it."""
    done = desk.lepinet("check", "--json", *arguments)
    assert done.code == code, done.out + done.err
    jsonschema.validate(done.json, SCHEMA)
    return done.json


def only_environment(found: Any) -> Any:
    (environment,) = found["environments"]
    return environment


def test_an_activation_is_compared_with_what_is_active(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")
    found = checked(desk)
    production = only_environment(found)
    assert (production["name"], production["change_class"]) == ("production", "activate")
    assert (production["baseline"]["name"], production["candidate"]["name"]) == ("v1.0.0", "v1.1.0")
    assert production["test"]["sample_size"] == 12
    assert production["comparison"]["old"]["model"]["name"] == "v1.0.0"
    assert production["plan"][-1].startswith("way back: v1.0.0: models/v1.0.0 @ ")
    assert found["answer"] == "undecided", "a dozen photos are a smoke test"
    assert found["registered"] == []


def test_undecided_blocks_where_the_gates_say_so(desk: Desk) -> None:
    desk.alter("versions:\n", "gates: {when_undecided: block}\nversions:\n")
    base = desk.commit("Hold what nobody knows")
    desk.set_active("production", "v1.1.0")
    production = only_environment(checked(desk, "--base", base, code=1))
    assert production["blocks"] is True
    assert production["plan"] == ["reconcile refuses it, v1.0.0 stays"]


def test_a_rollback_shows_its_comparison_and_is_not_judged(desk: Desk) -> None:
    desk.set_active("staging", "v1.0.0")
    found = checked(desk)
    staging = only_environment(found)
    assert (staging["change_class"], staging["verdict"], staging["blocks"]) == ("rollback", None, False)
    assert staging["comparison"]["new"]["model"]["name"] == "v1.0.0"
    assert found["answer"] == "nothing to judge"


def test_a_version_that_is_registered_must_load_and_answer(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")
    found = checked(desk)
    (new,) = found["registered"]
    assert (new["version"], new["error"], new["test"]["sample_size"]) == ("v1.2.0", None, 12)
    assert found["environments"] == []
    assert "v1.2.0, registered: " in desk.lepinet("check").out


@pytest.mark.parametrize("known_images", [True, False])
def test_a_folder_without_a_model_cannot_be_registered(desk: Desk, known_images: bool) -> None:  # noqa: FBT001 -- a parameter
    if not known_images:
        desk.alter("known_images: photos", "known_images: none_yet")
        desk.commit("Photos are still to be taken")
    (desk.folder / "models" / "v1.2.0").mkdir()
    (desk.folder / "models" / "v1.2.0" / "README.md").write_text("The model follows.\n")
    desk.declare("v1.2.0")
    base = desk.git("rev-parse", "HEAD")
    found = checked(desk, "--base", base, code=1)
    (new,) = found["registered"]
    assert new["error"]
    assert found["answer"] == "hold"
    assert found["sentence"].startswith("v1.2.0 cannot be tested: ")
    assert "nor model.safetensors is there. Save the model with" in found["sentence"]


def test_without_known_images_a_model_must_answer_one_drawn_photo(desk: Desk) -> None:
    desk.alter("known_images: photos", "known_images: none_yet")
    base = desk.commit("Photos are still to be taken")
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")
    found = checked(desk, "--base", base)
    assert found["registered"] == [{"version": "v1.2.0", "test": None, "error": None}]
    desk.set_active("production", "v1.1.0")
    production = only_environment(checked(desk, "--base", base, code=1))
    assert [reason["code"] for reason in production["verdict"]["reasons"]] == ["no_images"]


def test_an_activation_of_a_broken_model_is_held_and_says_why(desk: Desk) -> None:
    broken = desk.copy_model("v1.1.0", "v1.3.0")
    (broken / "onnx" / "model.onnx").write_bytes(b"no model")
    desk.declare("v1.3.0")
    desk.set_active("staging", "v1.3.0")
    found = checked(desk, code=1)
    staging = only_environment(found)
    assert "onnx" in staging["error"]
    assert (staging["blocks"], staging["verdict"], staging["test"]) == (True, None, None)
    assert staging["plan"] == ["reconcile refuses it, v1.1.0 stays"]
    assert found["registered"] == [], "it is judged where it would be active"
    desk.alter("(staging:\n    active: v1.3.0)", r"\1\n    override: {version: v1.3.0, reason: whatever}")
    assert only_environment(checked(desk, code=1))["blocks"] is True, "no decision makes it answer"


def test_files_that_are_not_those_of_the_revision_are_refused(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")
    (desk.folder / "models" / "v1.2.0" / "config.json").write_text("{}")
    (new,) = checked(desk, code=1)["registered"]
    assert "are not those of its revision" in new["error"]


def test_other_files_of_an_active_version_are_refused_by_its_name(desk: Desk) -> None:
    (desk.folder / "models" / "v1.0.0" / "config.json").write_text("{}")
    (problem,) = checked(desk, code=1)["problems"]
    assert problem["message"].startswith("the files of v1.0.0 in models/v1.0.0 change")


def test_a_decision_about_what_is_declared_already_is_judged_and_said(desk: Desk) -> None:
    desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    base = desk.commit("Be strict")
    desk.set_active("production", "v1.1.0")
    assert checked(desk, "--base", base, code=1)["answer"] == "hold"
    base = desk.commit("Activate v1.1.0 all the same; reconcile holds it")
    desk.alter("(production:\n    active: v1.1.0)", r"\1\n    override: {version: v1.1.0, reason: Season opens}")
    found = checked(desk, "--base", base)
    production = only_environment(found)
    assert (production["override"], production["blocks"]) == ("Season opens", False)
    assert production["verdict"]["answer"] == "hold"
    assert found["sentence"].startswith("v1.1.0 → production ships by decision (Season opens) although ")
    assert "v1.1.0 → production: ships by decision" in desk.lepinet("check", "--base", base).out


def test_known_images_that_change_with_the_active_version_are_invalid(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")
    shutil.copy(desk.folder / "photos" / "blue_tiger_01.jpg", desk.folder / "photos" / "tailed_jay_01.jpg")
    line = desk.line_of("known_images:")
    found = checked(desk, code=1)
    assert found["answer"] == "invalid"
    assert [(problem["file"], problem["line"]) for problem in found["problems"]] == [("models.yaml", line)]
    assert found["environments"] == []
    desk.commit("All in one")
    assert checked(desk, code=1)["problems"] == found["problems"], "committed or not"
    said = desk.lepinet("check", GITHUB_ACTIONS="true")
    assert said.code == 1
    assert f"models.yaml:{line}:" in said.out
    assert f"::error file=models.yaml,line={line},col=" in said.err


def test_a_file_that_cannot_be_read_is_invalid_with_its_line(desk: Desk) -> None:
    desk.set_active("production", "v1.1")
    line = desk.line_of("  production:") + 1
    done = desk.lepinet("check", "--json", GITHUB_ACTIONS="true")
    assert done.code == 1
    assert "did you mean v1.1.0?" in done.json["problems"][0]["hint"]
    assert done.err.startswith(f"::error file=models.yaml,line={line},col=13::")
    assert "::error" not in desk.lepinet("check").err, "elsewhere nobody reads that"


def test_on_github_the_answer_stands_beside_the_line_that_asked_for_it(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")
    line = desk.line_of("  production:") + 1
    undecided = desk.lepinet("check", GITHUB_ACTIONS="true")
    assert undecided.code == 0
    (said,) = undecided.err.splitlines()
    assert said.startswith(f"::warning file=models.yaml,line={line},col=13::v1.1.0 → production: undecided")

    desk.alter("versions:\n", "gates: {when_undecided: block}\nversions:\n")
    base = desk.commit("Hold what nobody knows")
    desk.alter("(production:\n    active: v1.1.0)", r"\1\n    override: {version: v1.1.0, reason: Season opens}")
    assert "::" not in desk.lepinet("check", "--base", base, GITHUB_ACTIONS="true").err, "it is decided"


def test_on_github_what_cannot_be_tested_stands_beside_its_version(desk: Desk) -> None:
    (desk.folder / "models" / "v1.2.0").mkdir()
    (desk.folder / "models" / "v1.2.0" / "README.md").write_text("The model follows.\n")
    desk.declare("v1.2.0")
    done = desk.lepinet("check", GITHUB_ACTIONS="true")
    assert done.code == 1
    line = desk.line_of("  v1.2.0:")
    (said,) = done.err.splitlines()
    assert said.startswith(f"::error file=models.yaml,line={line},col=3::v1.2.0 cannot be tested: ")


def test_json_in_a_log_holds_no_command_to_githubs_runner(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")
    desk.alter(r"(v1.1.0: \{)", r"\1notes: 'Better ##[error]than before', ")
    done = desk.lepinet("check", "--json")
    assert "##[" not in done.out
    assert only_environment(done.json)["candidate"]["notes"] == "Better ##[error]than before"


def test_json_on_a_terminal_turns_nothing_round(desk: Desk) -> None:
    listed = desk.folder / "photos" / "metadata.csv"
    listed.write_text(listed.read_text().replace("Tailed Jay", "Tailed Jay\u202e\x7f"))
    done = desk.lepinet("test", "v1.1.0", "--json")
    assert not {"\u202e", "\x7f"} & {*done.out}
    assert "Tailed Jay\u202e\x7f" in [one["expected_name"] for one in done.json["results"]]


def test_nothing_changed_is_nothing_to_judge(desk: Desk) -> None:
    found = checked(desk)
    assert (found["answer"], found["environments"], found["registered"]) == ("nothing to judge", [], [])


def test_a_change_of_photos_is_told_what_was_looked_at(desk: Desk) -> None:
    nothing = "nothing to judge: no active version changes against main; models.yaml is valid, "
    assert checked(desk)["sentence"] == f"{nothing}and so is the list of 12 known images"
    (desk.folder / "photos" / "blue_tiger_01.jpg").unlink()
    desk.commit("Lose a photo")
    assert checked(desk)["sentence"] == f"{nothing}but 1 of 12 known images cannot be read"


def test_photos_that_a_change_makes_count_for_none_are_told(desk: Desk, tmp_path: Path) -> None:
    photos = desk.folder / "photos"
    (photos / "again.jpg").write_bytes((photos / "blue_tiger_01.jpg").read_bytes())
    with (photos / "metadata.csv").open("a") as listed:
        listed.write("again.jpg,046,Common Crow\n")
    desk.commit("Add a crow")
    done = desk.lepinet("check", "--markdown", str(tmp_path / "check.md"))
    told = "but 2 of 13 known images count for none, the same photos under more than one species: again.jpg, blue"
    assert told in done.out
    assert told in (tmp_path / "check.md").read_text()


def test_the_report_is_written_where_it_is_wanted(desk: Desk, tmp_path: Path) -> None:
    desk.set_active("production", "v1.1.0")
    file = tmp_path / "reports" / "check.md"
    done = desk.lepinet("check", "--markdown", str(file))
    assert done.code == 0
    report = file.read_text()
    assert report.startswith("### LepiNet · v1.1.0 → production: **undecided, a person decides**\n")
    assert "| a smoke test of 12 known images, 12 species | v1.0.0 (active) | v1.1.0 |  |" in report
    assert done.out.startswith("v1.1.0 → production: undecided, a person decides\n")
    nowhere = desk.lepinet("check", "--markdown", str(file / "below.md"))
    assert nowhere.code == 2
    assert "cannot be written" in nowhere.err


def test_without_a_base_the_change_begins_where_the_branch_left_main(desk: Desk) -> None:
    main = desk.git("rev-parse", "main")
    desk.set_active("production", "v1.1.0")
    head = desk.commit("Activate v1.1.0")
    found = checked(desk)
    assert (found["base"], found["head"]) == (main, head)
    assert only_environment(found)["name"] == "production"
    earlier = checked(desk, "--base", "main~1", code=1)
    assert earlier["base"] == desk.git("rev-parse", "main~1")
    assert "v1.1.0 has not been active in staging" in earlier["sentence"], "as of then"
    assert checked(desk, "--base", head)["answer"] == "nothing to judge"


def test_a_base_that_nobody_knows_is_wrong_usage(desk: Desk) -> None:
    done = desk.lepinet("check", "--base", "nowhere")
    assert done.code == 2
    assert "git knows no commit 'nowhere' here" in done.err


def test_a_baseline_whose_files_are_gone_leaves_it_to_a_person(desk: Desk) -> None:
    shutil.rmtree(desk.folder / "models" / "v1.0.0")
    base = desk.commit("Lose v1.0.0, by force")
    desk.set_active("production", "v1.1.0")
    found = checked(desk, "--base", base)
    production = only_environment(found)
    assert production["baseline"]["name"] == "v1.0.0"
    assert production["comparison"] is None
    assert [reason["code"] for reason in production["verdict"]["reasons"]] == ["baseline_gone"]
    assert found["answer"] == "undecided"


def test_photos_that_belong_to_no_species_are_told_without_their_escapes(desk: Desk) -> None:
    shutil.copy(desk.folder / "photos" / "tailed_jay_01.jpg", desk.folder / "photos" / "\x1b[2J\n::error::x.jpg")
    done = desk.lepinet("check")
    assert done.code == 0
    assert "1 photos in" in done.err
    assert "\x1b" not in done.err
    assert "\n::error" not in done.err


def test_a_photo_that_cannot_be_read_is_said_without_its_escapes(desk: Desk) -> None:
    with (desk.folder / "photos" / "metadata.csv").open("a") as file:
        file.write("\x1b[2J.jpg,001,\x1b]0;title\x07Common Mormon\n")
    for arguments in (["check"], ["test", "v1.0.0"]):
        done = desk.lepinet(*arguments)
        assert "\x1b" not in done.out + done.err
        assert "\x07" not in done.out + done.err
