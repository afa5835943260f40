"""A version whose files are on the Hub, from its registration to its answers: as one whose files lie in a folder."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hf_stand_in import faults
from hf_stand_in.repository import Repository, files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet.evaluation.fingerprints import fingerprints_text
from lepinet.evaluation.photos.looking import look_at
from lepinet.model_files import TRAINING
from lepinet.registry.records import VersionRow
from workflow.desk import Desk, Ended, lay

MODELS = Path(__file__).parents[1] / "models"
NAME = "asha/butterflies"
WITHOUT_A_ZONE = datetime.fromisoformat("2024-12-03T09:30")
CANARY, VOUCHED = "hf_canary_of_these_tests", "vouched-by-github"


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as online:
        online.tokens.add(CANARY)
        online.create(NAME, files_of(MODELS / "v1.1.0")).tag("best", "main")
        yield online


@pytest.fixture
def hub(online: StandIn) -> StandIn:
    online.forget()
    return online


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """A repository, and where its main begins for every test."""
    desk = lay(tmp_path_factory.mktemp("desk"))
    return desk, desk.git("rev-parse", "main")


@pytest.fixture
def desk(laid: tuple[Desk, str]) -> Desk:
    """On a branch of its own, with nothing from the Hub on this machine."""
    desk, start = laid
    desk.begin_branch(start)
    desk.git("branch", "--force", "main", start)
    shutil.rmtree(desk.home / "cache" / "hub", ignore_errors=True)
    return desk


def lepinet(desk: Desk, hub: StandIn, *arguments: str, code: int = 0, token: str = CANARY) -> Ended:
    ended = desk.lepinet(*arguments, HF_ENDPOINT=hub.url, HF_TOKEN=token)
    assert ended.code == code, ended.out + ended.err
    assert CANARY not in ended.out + ended.err
    return ended


def register(desk: Desk, hub: StandIn, name: str = NAME, revision: str = "main", version: str = "v2.0.0") -> str:
    """Returns the commit that was written."""
    lepinet(desk, hub, "register", version, "--file-path", name, "--revision", revision)
    return desk.workspace.manifest.versions[version].revision


def newest(repository: Repository) -> str:
    return repository.references("heads")["main"]


@pytest.mark.parametrize("revision", ["main", "best"])
def test_register_writes_the_commit_that_a_branch_or_tag_is(desk: Desk, hub: StandIn, revision: str) -> None:
    assert register(desk, hub, revision=revision) == newest(hub.repositories[NAME])


def test_register_changes_nothing_when_the_hub_has_no_such_branch(desk: Desk, hub: StandIn) -> None:
    before = desk.manifest
    ended = lepinet(desk, hub, "register", "v2.0.0", "--file-path", NAME, "--revision", "mian", code=1)
    assert "no branch, tag or commit 'mian'" in ended.err
    assert desk.manifest == before


TEXTS = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
SOUND = files_of(MODELS / "v1.1.0")
SAFETENSORS = {name: content for name, content in SOUND.items() if name != "onnx/model.onnx"}


def without(*names: str) -> dict[str, bytes]:
    return {name: content for name, content in SOUND.items() if name not in names}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            without("onnx/model.onnx", "model.safetensors") | {"pytorch_model.bin": b"0"},
            "Only a pickle (.bin) holds",
        ),
        (without("onnx/model.onnx", "model.safetensors"), "nor model.safetensors is there. Save the model with"),
        (without("preprocessor_config.json"), "preprocessor_config.json is missing. Save model and image processor"),
        (SAFETENSORS | {"config.json": json.dumps(TEXTS).encode()}, "which does not classify images; register a model"),
        (SOUND | {"config.json": b"{}"}, "has no id2label"),
    ],
    ids=["a pickle", "no weights", "no preprocessing", "another task", "no labels"],
)
def test_register_warns_of_what_check_is_going_to_refuse(
    desk: Desk, hub: StandIn, files: dict[str, bytes], said: str
) -> None:
    repository = hub.create("asha/unfit", files)
    named = ("register", "v2.0.0", "--file-path", repository.name, "--revision", newest(repository))
    warned = lepinet(desk, hub, *named)
    assert not hub.at_storage, "only small files are looked at"
    (warning,) = warned.err.splitlines()
    assert warning.startswith("v2.0.0 cannot be tested: ")
    assert said in warning
    assert lepinet(desk, hub, "check", "--json", code=1).json["sentence"] == warning
    shutil.rmtree(repository.folder)


def test_register_warns_of_a_model_that_the_token_may_not_read(desk: Desk, hub: StandIn) -> None:
    repository = hub.create("asha/closed", files_of(MODELS / "v1.1.0"))
    repository.gated = "manual"
    named = ("register", "v2.0.0", "--file-path", repository.name, "--revision", newest(repository))
    warned = lepinet(desk, hub, *named, "--json").json["warning"]
    assert "asha/closed is gated, and this token has no access to it; accept its terms at" in warned


def test_register_goes_on_where_nobody_can_look(desk: Desk, hub: StandIn) -> None:
    hub.order(faults.status(503), on="/api/models/", times=99)
    register(desk, hub, revision=newest(hub.repositories[NAME]))
    assert len(hub.requests) == 1
    hub.forget()
    assert (
        "nobody has looked whether v2.0.1 can be tested"
        in desk.lepinet("register", "v2.0.1", "--file-path", NAME, "--revision", "0" * 40).err
    )


def test_a_row_that_notes_no_commit_is_registered_as_main_was_when_it_was_logged(desk: Desk, hub: StandIn) -> None:
    grown = hub.create("asha/grown", files_of(MODELS / "v1.1.0"), at=datetime(2024, 12, 1, tzinfo=UTC))
    before = newest(grown)
    grown.commit({"README.md": b"trained again"}, "trained again", at=datetime(2024, 12, 20, tzinfo=UTC))
    row = VersionRow(id=uuid4(), version_name="v2.0.0", file_path=grown.name, created_at=WITHOUT_A_ZONE)
    lepinet(desk, hub, *shlex.split(row.register_command())[1:])
    assert desk.workspace.manifest.versions["v2.0.0"].revision == before
    manifest = desk.manifest
    early = lepinet(desk, hub, "register", "v2.0.1", "--file-path", grown.name, "--revision", "main@2024-11-30", code=1)
    assert "asha/grown has no commit from before 2024-11-30 00:00 UTC" in early.err
    assert desk.manifest == manifest


def test_it_answers_as_the_same_files_in_a_folder(desk: Desk, hub: StandIn) -> None:
    commit = register(desk, hub)
    ended = lepinet(desk, hub, "test", "v2.0.0", "--json")
    assert f"fetching {NAME} @ {commit[:7]} from the Hub: 0.1 MB" in ended.err
    here = lepinet(desk, hub, "test", "v1.1.0", "--json").json
    assert ended.json["results"] == here["results"]
    assert ended.json["model"]["sha256"] == here["model"]["sha256"]
    assert (ended.json["model"]["file_path"], ended.json["model"]["revision"]) == (NAME, commit)
    assert ended.json["model"]["cautions"] == []


def test_it_is_compared_and_checked(desk: Desk, hub: StandIn) -> None:
    register(desk, hub)
    desk.set_active("staging", "v2.0.0")
    compared = lepinet(desk, hub, "compare", "--old", "v1.0.0", "--new", "v2.0.0", "--json", code=1).json
    assert compared["new"]["model"]["file_path"] == NAME
    checked = lepinet(desk, hub, "check", "--json", code=0).json
    (staging,) = checked["environments"]
    assert (staging["candidate"]["file_path"], staging["error"]) == (NAME, None)
    assert staging["test"]["sample_size"] == 12


def test_it_is_judged_where_there_are_no_keys(desk: Desk, hub: StandIn, tmp_path: Path) -> None:
    register(desk, hub)
    desk.set_active("staging", "v2.0.0")
    desk.git("branch", "--force", "main", desk.commit("Try v2.0.0 in staging"))
    desk.git("switch", "--quiet", "main")
    lepinet(desk, hub, "reconcile", "--judge", str(tmp_path / "judged.json"), "-e", "staging")
    judged = json.loads((tmp_path / "judged.json").read_text())
    (staging,) = judged["environments"]
    assert staging["target"]["target"]["file_path"] == NAME
    assert len(staging["target"]["answers"]["answers"]) == 12


def test_reconcile_ships_it(desk: Desk, hub: StandIn) -> None:
    commit = register(desk, hub)
    desk.set_active("staging", "v2.0.0")
    desk.git("branch", "--force", "main", desk.commit("Try v2.0.0 in staging"))
    desk.git("switch", "--quiet", "main")
    lepinet(desk, hub, "db", "migrate")
    shipped = lepinet(desk, hub, "reconcile", "-e", "staging")
    assert "v2.0.0" in shipped.out
    with desk.database() as database:
        rows = database.execute("select file_path, revision from active_model where environment = 'staging'").fetchall()
    assert rows == [(NAME, commit)]


@pytest.fixture
def shipped(desk: Desk, hub: StandIn) -> Iterator[Repository]:
    """A repository whose newest commit main declares in staging; the tests' token may change it."""
    repository = hub.create("asha/shipped", files_of(MODELS / "v1.1.0"))
    repository.writers = {CANARY}
    register(desk, hub, repository.name)
    desk.set_active("staging", "v2.0.0")
    desk.git("branch", "--force", "main", desk.commit("Try v2.0.0 in staging"))
    desk.git("switch", "--quiet", "main")
    shutil.rmtree(desk.home / desk.git("rev-list", "--max-parents=0", "main"), ignore_errors=True)
    lepinet(desk, hub, "db", "migrate")
    yield repository
    shutil.rmtree(hub.folder / "asha/shipped")


def tags(repository: Repository) -> dict[str, str]:
    return repository.references("tags")


def test_what_was_deployed_is_tagged_and_outlives_a_squash(desk: Desk, hub: StandIn, shipped: Repository) -> None:
    commit = newest(shipped)
    told = lepinet(desk, hub, "reconcile", "-e", "staging").err
    (name,) = tags(shipped)
    assert re.fullmatch(rf"deployed-staging-\d{{4}}-\d\d-\d\d-{commit[:7]}", name)
    assert f"is tagged {name}" in told
    shipped.commit({"README.md": b"more"})
    shipped.squash()
    assert tags(shipped) == {name: commit}
    shutil.rmtree(desk.home / "cache/hub")
    lepinet(desk, hub, "test", "v2.0.0")


def test_a_token_that_may_not_tag_deploys_all_the_same(desk: Desk, hub: StandIn, shipped: Repository) -> None:
    shipped.writers = set()
    ended = lepinet(desk, hub, "reconcile", "-e", "staging")
    assert "v2.0.0" in ended.out
    assert re.search("is not tagged deployed-staging-.*HTTP 403", ended.err)
    assert tags(shipped) == {}


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("status", "told"), [(409, "is tagged"), (503, "is not tagged")], ids=str)
def test_a_tag_that_is_there_already_or_cannot_be_made_does_no_harm(
    desk: Desk, hub: StandIn, status: int, told: str
) -> None:
    hub.order(faults.status(status), on="/tag/")
    ended = lepinet(desk, hub, "reconcile", "-e", "staging")
    assert "v2.0.0" in ended.out
    assert f"{told} deployed-staging-" in ended.err
    assert sum("/tag/" in request.path for request in hub.requests) == 1


def test_a_version_that_the_hub_has_not_got_any_more_is_no_way_back_and_that_is_said(
    desk: Desk, hub: StandIn, shipped: Repository
) -> None:
    """Though its files are kept on this machine."""
    shipped.writers = set()
    lepinet(desk, hub, "reconcile", "-e", "staging")
    desk.set_active("staging", "v1.0.0")
    desk.commit("Back to v1.0.0")
    assert "no way back" not in lepinet(desk, hub, "plan", "-e", "staging").out
    shipped.commit({"README.md": b"more"})
    shipped.squash()
    gone = f"asha/shipped has no commit {desk.workspace.manifest.versions['v2.0.0'].revision[:7]}"
    assert f"no way back: {gone}" in lepinet(desk, hub, "plan", "-e", "staging").out
    refused = lepinet(desk, hub, "rollback", "v2.0.0", "-e", "staging", "--now", "--reason", "slow", code=1)
    assert gone in refused.err
    assert "pinned" not in lepinet(desk, hub, "plan", "-e", "staging").out


def test_a_token_that_is_missing_is_no_refusal_of_the_version(desk: Desk, hub: StandIn, shipped: Repository) -> None:
    """Nothing is recorded of it: the run that has the token ships."""
    shipped.private, shipped.readers = True, {CANARY}
    shutil.rmtree(desk.home / "cache")
    ended = lepinet(desk, hub, "reconcile", "-e", "staging", token="", code=1)
    assert "somebody without a token" in ended.err
    assert "v2.0.0" in lepinet(desk, hub, "reconcile", "-e", "staging").out


def test_a_candidate_that_the_hub_has_not_got_any_more_is_held_and_says_why(desk: Desk, hub: StandIn) -> None:
    repository = hub.create("asha/rewritten", files_of(MODELS / "v1.1.0"))
    register(desk, hub, repository.name)
    repository.commit({"README.md": b"more"})
    repository.squash()
    desk.set_active("staging", "v2.0.0")
    found = lepinet(desk, hub, "check", "--json", code=1).json
    (staging,) = found["environments"]
    assert "its history was rewritten" in staging["error"]
    assert "or the commit was never pushed; push that commit again, or register one of" in staging["error"]
    assert staging["blocks"]


def test_a_hub_that_fails_stops_the_check_and_blames_nobody(desk: Desk, hub: StandIn) -> None:
    register(desk, hub)
    hub.order(faults.html, on="/api/models/", times=99)
    desk.set_active("staging", "v2.0.0")
    assert "does not answer as the Hub" in lepinet(desk, hub, "check", code=3).err


def test_what_is_here_is_used_without_the_hub(desk: Desk, hub: StandIn) -> None:
    register(desk, hub)
    lepinet(desk, hub, "test", "v2.0.0")
    hub.forget()
    ended = desk.process("test", "v2.0.0", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
    assert ended.code == 0, ended.err
    assert not hub.requests


def test_what_is_not_here_cannot_be_had_without_the_hub(desk: Desk, hub: StandIn) -> None:
    commit = register(desk, hub)
    ended = desk.process("test", "v2.0.0", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
    assert ended.code == 3
    assert f"{NAME} @ {commit[:7]} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it" in ended.err


def test_a_run_that_is_killed_while_it_fetches_leaves_no_model_and_holds_up_nobody(desk: Desk, hub: StandIn) -> None:
    register(desk, hub)
    shutil.rmtree(desk.home / "cache" / "hub")
    hub.order(faults.drip, on="/lfs/")
    command = [sys.executable, "-c", "from lepinet.cli import main; main()", "test", "v2.0.0"]
    variables = desk.variables | {"HF_ENDPOINT": hub.url}
    with subprocess.Popen(command, cwd=desk.folder, env=variables, stderr=subprocess.DEVNULL) as killed:
        hub.wait_for(1)
        killed.kill()
    assert {entry.suffix for entry in (desk.home / "cache" / "hub" / NAME).iterdir()} == {".lock", ".part"}
    lepinet(desk, hub, "test", "v2.0.0")


def test_a_job_without_a_secret_fetches_what_it_is_vouched_for(desk: Desk, hub: StandIn) -> None:
    """https://huggingface.co/changelog/trusted-publishers"""  # noqa: D415 -- an address
    private = hub.create("asha/keyless", files_of(MODELS / "v1.1.0"))
    private.private, private.readers = True, {CANARY}
    hub.vouched[VOUCHED, private.name] = CANARY
    keyless = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "", "HF_OIDC_RESOURCE": private.name}
    ended = desk.process("test", "asha/keyless@main", **keyless, HF_OIDC_ID_TOKEN=VOUCHED)
    assert ended.code == 0, ended.err
    assert CANARY not in ended.out + ended.err
    for nobody in ({"HF_OIDC_ID_TOKEN": "somebody-else"}, {}):
        ended = desk.process("test", "asha/keyless@main", **keyless, **nobody)
        assert ended.code == 2
        assert "HF_OIDC_RESOURCE asks for a token without a secret, and none can be had" in ended.err


def test_commands_that_need_no_model_from_the_hub_load_no_client(desk: Desk) -> None:
    code = "import sys; from lepinet.cli import main\ntry: main()\nfinally: print({} & {{*sys.modules}})"
    for command in (["validate"], ["test", "v1.1.0"]):
        assert desk.run(sys.executable, "-c", code.format({"huggingface_hub", "httpx"}), *command).endswith("set()")
    assert desk.run(sys.executable, "-c", code.format({"huggingface_hub"}), "check").endswith("set()")


def test_photos_that_it_was_trained_on_are_known_from_the_hub_too(desk: Desk, hub: StandIn) -> None:
    learned = look_at({"photo": desk.folder / "photos" / "tailed_jay_01.jpg"})["photo"].fingerprint
    assert learned
    files = files_of(MODELS / "v1.1.0") | {TRAINING: fingerprints_text([learned]).encode()}
    register(desk, hub, hub.create("asha/trained-on-known-images", files).name)
    named = lepinet(desk, hub, "known-images", "check", "--json", code=1).json["findings"]
    assert ("trained_on", ["tailed_jay_01.jpg"]) in [(finding["kind"], finding["file_names"]) for finding in named]
    assert not hub.at_storage, "the model itself is not needed for that"
    compared = lepinet(desk, hub, "compare", "--old", "v1.0.0", "--new", "v2.0.0", "--json", code=1).json
    assert [one["file_name"] for one in compared["left_out"]] == ["tailed_jay_01.jpg"]


@pytest.mark.parametrize("place", ["hub", "folder"])
def test_what_runs_code_when_it_is_loaded_is_refused_or_by_rule_said(desk: Desk, hub: StandIn, place: str) -> None:
    files = files_of(MODELS / "v1.1.0") | {"training_args.bin": b"\x80\x04N."}
    if place == "hub":
        register(desk, hub, hub.create("asha/pickle", files).name)
    else:
        (desk.copy_model("v1.1.0", "v2.0.0") / "training_args.bin").write_bytes(files["training_args.bin"])
        desk.declare("v2.0.0")
    said = "t holds what runs code when somebody loads it: training_args.bin (a pickle)"
    assert said in lepinet(desk, hub, "test", "v2.0.0", code=1).err
    allowing(desk)
    assert said in lepinet(desk, hub, "test", "v2.0.0").out


def allowing(desk: Desk) -> None:
    desk.alter("versions:\n", "gates: {allow_code: true}\nversions:\n")


@pytest.mark.parametrize(
    ("security", "refused", "cautions"),
    [
        ({"scansDone": True, "filesWithIssues": []}, None, []),
        (
            {"scansDone": True, "filesWithIssues": [{"path": "onnx/model.onnx", "level": "suspicious"}]},
            "the Hub's scan warns of onnx/model.onnx (suspicious)",
            ["the Hub's scan warns of onnx/model.onnx (suspicious)"],
        ),
        ({"scansDone": False, "filesWithIssues": []}, None, ["the Hub's scan of it is not done, or not told"]),
        (None, None, ["the Hub's scan of it is not done, or not told"]),
    ],
)
def test_the_hubs_own_scan_is_read_and_one_that_is_not_done_is_not_taken_for_safe(
    desk: Desk, hub: StandIn, security: Any, refused: str | None, cautions: list[str]
) -> None:
    hub.repositories[NAME].security = security
    register(desk, hub)
    if refused:
        assert refused in lepinet(desk, hub, "test", "v2.0.0", code=1).err
        allowing(desk)
    told = lepinet(desk, hub, "test", "v2.0.0", "--json").json["model"]["cautions"]
    assert [known for known, found in zip(cautions, told, strict=True) if known in found] == cautions


def test_a_model_of_the_hub_is_tested_without_a_version_or_a_models_yaml(
    desk: Desk, hub: StandIn, tmp_path: Path
) -> None:
    known = ("--known-images", str(desk.folder / "photos"))
    named = lepinet(desk, hub, "test", f"{NAME}@best", "--json").json
    assert (named["model"]["name"], named["model"]["revision"]) == (f"{NAME}@best", newest(hub.repositories[NAME]))
    elsewhere = Desk(tmp_path, desk.home)
    assert lepinet(elsewhere, hub, "test", f"{NAME}@main", *known, "--json").json["results"] == named["results"]
    compared = lepinet(desk, hub, "compare", "--old", "v1.1.0", "--new", f"{NAME}@main", "--json").json
    assert compared["reasons"][0]["code"] == "identical"


def test_without_a_models_yaml_what_lies_beside_a_model_is_only_said(desk: Desk, hub: StandIn, tmp_path: Path) -> None:
    hub.create("asha/trained", files_of(MODELS / "v1.1.0") | {"training_args.bin": b"\x80\x04N."})
    ended = lepinet(
        Desk(tmp_path, desk.home), hub, "test", "asha/trained@main", "--known-images", str(desk.folder / "photos")
    )
    assert "It holds what runs code when somebody loads it: training_args.bin (a pickle)." in ended.out
