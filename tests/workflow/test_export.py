"""`lepinet export`: the ONNX file of a version that has safetensors alone, into a folder or onto the Hub."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hf_stand_in.repository import Repository, files_of
from hf_stand_in.server import StandIn, hub_online
from workflow.desk import Desk, Ended, lay

MODEL = Path(__file__).parents[1] / "models/v1.2.0"
NAME, TOKEN = "asha/butterflies", "hf_writes"
ONNX = "onnx/model.onnx"
INSTALL = "pip install 'lepinet[transformers]' --extra-index-url https://download.pytorch.org/whl/cpu"
needs_torch = pytest.mark.torch
# The Hub's client says that of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as online:
        online.tokens.add(TOKEN)
        yield online


@pytest.fixture
def model(online: StandIn) -> Repository:
    """As `push_to_hub` leaves it."""
    shutil.rmtree(online.folder / NAME, ignore_errors=True)
    model = online.create(NAME, {name: content for name, content in files_of(MODEL).items() if name != ONNX})
    model.writers = {TOKEN}
    return model


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(laid: Desk, online: StandIn) -> Desk:
    """With v1.2.0, a folder that has no ONNX file."""
    online.forget()
    laid.begin_branch()
    folder = laid.copy_model("v1.2.0", "v1.2.0")
    shutil.rmtree(folder / "onnx")
    laid.declare("v1.2.0")
    return laid


def lepinet(desk: Desk, online: StandIn, *arguments: str) -> Ended:
    return desk.lepinet(*arguments, HF_ENDPOINT=online.url, HF_TOKEN=TOKEN)


@needs_torch
def test_a_folder_gets_all_files_and_the_new_one(desk: Desk, online: StandIn) -> None:
    ended = lepinet(desk, online, "export", "v1.2.0", "--to", "models/v1.2.1")
    assert ended.code == 0, ended.err
    assert "answers 12 photos as the safetensors do" in ended.out
    old, new = (files_of(desk.folder / "models" / name) for name in ("v1.2.0", "v1.2.1"))
    assert {name for name in new if name not in old} == {ONNX}
    assert {name: new[name] for name in old} == old
    register = next(line for line in ended.out.splitlines() if "lepinet register" in line)
    words = shlex.split(register.replace("vX.Y.Z", "v1.2.1"))[1:]
    assert lepinet(desk, online, *words).code == 0
    assert lepinet(desk, online, "test", "v1.2.1", "--json").json["sample_size"] == 12


@needs_torch
def test_the_hub_gets_a_pull_request_and_its_merge_is_a_new_version(
    desk: Desk, online: StandIn, model: Repository
) -> None:
    lepinet(desk, online, "register", "v2.0.0", "--file-path", NAME, "--revision", "main")
    ended = lepinet(desk, online, "export", "v2.0.0", "--pull-request", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["place"].endswith(f"{NAME}/discussions/1")
    assert ended.json["largest_difference"] < 1e-5
    assert ONNX not in {file.name for file in model.files("main")}
    merged = model.merge(1)
    words = shlex.split(ended.json["next"].replace("vX.Y.Z", "v2.0.1"))[1:]
    assert lepinet(desk, online, *words).code == 0
    assert desk.workspace.manifest.versions["v2.0.1"].revision == merged
    assert lepinet(desk, online, "test", "v2.0.1", "--json").json["sample_size"] == 12


def test_the_packages_that_it_needs_are_told_where_a_version_has_no_onnx_file(
    desk: Desk, online: StandIn, model: Repository
) -> None:
    def told() -> str:
        return lepinet(desk, online, "doctor", "--packages").out

    assert "packages of transformers" in told()
    desk.git("checkout", "--quiet", "models.yaml")
    assert "packages of transformers" not in told()
    lepinet(desk, online, "register", "v2.0.0", "--file-path", NAME, "--revision", "main")
    assert "packages of transformers" in told()
    assert not online.at_storage
    model.private = True
    assert "packages of evaluate" in told()


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_without_them_it_is_said_what_to_install_and_nothing_is_judged(desk: Desk, online: StandIn) -> None:
    desk.commit("Register v1.2.0")
    for arguments in (["test", "v1.2.0"], ["check"], ["export", "v1.2.0", "--to", "models/new"]):
        ended = lepinet(desk, online, *arguments)
        assert ended.code == 2
        assert "torch, transformers" in ended.err
        assert "not installed here" in ended.err
        assert "v1.2.0 has no ONNX file" in ended.err or "making the ONNX file of v1.2.0 needs" in ended.err
        assert INSTALL in ended.err
    assert INSTALL in lepinet(desk, online, "doctor", "--packages").out


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_a_version_that_need_not_be_asked_is_not_in_the_way(desk: Desk, online: StandIn) -> None:
    """What a rollback leaves behind is compared for show only."""
    desk.set_active("staging", "v1.2.0")
    base = desk.commit("Ship v1.2.0 where torch was")
    desk.set_active("staging", "v1.1.0")
    (staging,) = lepinet(desk, online, "check", "--base", base, "--json").json["environments"]
    assert (staging["change_class"], staging["error"], staging["comparison"]) == ("rollback", None, None)
    assert staging["test"]["sample_size"] == 12


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_without_photos_what_is_active_is_not_asked(desk: Desk, online: StandIn) -> None:
    """There is nothing to compare."""
    desk.set_active("staging", "v1.2.0")
    desk.alter("known_images: photos", "known_images: none_yet")
    base = desk.commit("Photos are still to be taken")
    desk.copy_model("v1.3.0", "v1.3.0")
    desk.declare("v1.3.0")
    desk.set_active("staging", "v1.3.0")
    ended = lepinet(desk, online, "check", "--base", base, "--json")
    assert (ended.code, ended.json["environments"][0]["error"]) == (1, None)


def test_a_version_that_has_an_onnx_file_needs_none(desk: Desk, online: StandIn) -> None:
    ended = lepinet(desk, online, "export", "v1.1.0", "--to", "models/new")
    assert (ended.code, "v1.1.0 has an ONNX file" in ended.err) == (1, True)
    assert not (desk.folder / "models/new").exists()


def test_where_it_should_go_is_asked_first(desk: Desk, online: StandIn) -> None:
    for arguments in ((), ("--to", "models/new", "--pull-request")):
        assert lepinet(desk, online, "export", "v1.2.0", *arguments).code == 2
    assert "is no repository of the Hub" in lepinet(desk, online, "export", "v1.2.0", "--pull-request").err
    there = lepinet(desk, online, "export", "v1.2.0", "--to", "models/v1.2.0")
    assert (there.code, "name a new folder" in there.err) == (2, True)
    assert lepinet(desk, online, "export", "v9.9.9", "--to", "models/new").code == 2


@pytest.mark.parametrize(
    "came",
    [{ONNX: b"another one"}, {"config.json": b"{}"}, {"model.safetensors": b"other weights"}],
    ids=lambda came: next(iter(came)),
)
def test_what_main_holds_by_now_is_not_mixed_with_another_version(
    desk: Desk, online: StandIn, model: Repository, came: dict[str, bytes]
) -> None:
    lepinet(desk, online, "register", "v2.0.0", "--file-path", NAME, "--revision", "main")
    model.commit(came)
    ended = lepinet(desk, online, "export", "v2.0.0", "--pull-request")
    assert (ended.code, f"has another {next(iter(came))} than v2.0.0" in ended.err) == (1, True), ended.err
    assert model.references("pr") == {}
