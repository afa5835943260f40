"""`lepinet init` in somebody's repository: what it writes holds at once, and what GitHub lacks is made there."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from github_stand_in.gh import write_gh
from github_stand_in.server import Failure, StandIn, stand_in
from github_stand_in.settings import Environment
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn as HubStandIn
from hf_stand_in.server import hub_online
from lepinet.workflow.callers import CALLED, MONITOR, TRUSTED_CHECK
from workflow.desk import TESTS, Desk, Ended

NAME = "asha/butterflies"
SOURCE = f"acme/lepinet@{'ab' * 20}"
BESIDES = {".gitignore", "LEPINET.md", "models.schema.json"}
PROGRAMS = Path(sys.executable).parent
KEY = "sb_secret_canary_of_these_tests"
SETTINGS = {"SUPABASE_URL": "https://abcdefghijklmnopqrst.supabase.co", "SUPABASE_SERVICE_KEY": KEY}
USER = {
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
    "SUPABASE_USER_EMAIL": "monitor@example.org",
    "SUPABASE_USER_PASSWORD": "long enough",
}
"""Who may read and log."""
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Newcomer:
    """An existing repository that knows nothing of LepiNet, and the Hub and the GitHub it speaks with."""

    desk: Desk
    hub: HubStandIn
    github: StandIn
    programs: Path
    """Where `gh` is."""

    def lepinet(self, *arguments: str, code: int = 0, settings: Mapping[str, str] = NOTHING) -> Ended:
        ended = self.desk.lepinet(*arguments, **self.settings, **settings)
        assert ended.code == code, ended.out + ended.err
        assert KEY not in ended.out + ended.err
        return ended

    @property
    def settings(self) -> dict[str, str]:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {"HF_ENDPOINT": self.hub.url, "GITHUB_API_URL": self.github.url, "PATH": path}

    def photos(self) -> None:
        shutil.copytree(TESTS / "few_images", self.desk.folder / "tests" / "known_images")

    def on_github(self) -> None:
        self.desk.git("remote", "add", "origin", f"https://github.com/{self.github.repository}.git")

    @property
    def files(self) -> set[str]:
        return set(self.desk.git("ls-files", "--others", "--exclude-standard").splitlines())


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as online:
        online.create(NAME, files_of(TESTS / "models" / "v1.1.0"))
        yield online


@pytest.fixture
def newcomer(hub: HubStandIn, tmp_path: Path) -> Iterator[Newcomer]:
    desk = Desk(tmp_path / "repository", tmp_path / "home")
    desk.folder.mkdir()
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("Begin")
    with stand_in() as github:
        yield Newcomer(desk, hub, github, write_gh(tmp_path / "bin"))


def lint(folder: Path) -> None:
    """As `make lint` of this repository does it."""
    workflows = [str(file) for file in (folder / ".github" / "workflows").glob("*.yml")]
    assert workflows
    for command in (
        ["actionlint", "-color=false", *workflows],
        ["zizmor", "--offline", "--no-progress", "--strict-collection", "--persona", "auditor", ".github"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
        ["check-jsonschema", "--schemafile", "models.schema.json", "models.yaml"],
    ):
        program = shutil.which(command[0], path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
        assert program, command[0]
        done = subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("model", [NAME, f"{NAME}@main", "models/v1.0.0", "./models/v1.0.0/"])
def test_what_it_writes_passes_everything_at_once(newcomer: Newcomer, model: str) -> None:
    newcomer.desk.copy_model("v1.0.0", "v1.0.0")
    newcomer.photos()
    newcomer.desk.commit("A model and photos")
    newcomer.lepinet("init", "--model", model, "--registry", "postgres", "--lepinet", SOURCE)
    assert newcomer.files == BESIDES | {"models.yaml"} | {
        f".github/workflows/{name}" for name in CALLED.keys() - {MONITOR, TRUSTED_CHECK}
    }
    newcomer.lepinet("validate")
    checked = newcomer.lepinet("check", "--json").json
    assert checked["answer"] == "promote"
    assert newcomer.desk.workspace.manifest.environments["production"].active == "v1.0.0"
    assert "# v1.0.0 names " in newcomer.desk.manifest
    lint(newcomer.desk.folder)


def test_what_is_not_said_is_asked_for_on_a_terminal(newcomer: Newcomer) -> None:
    asked = terminal(newcomer, ["init"], f"{NAME}\r", "sqlite\r", "embedded\r", "\r")
    assert "The first model (org/name on the Hub, or a folder)" in asked
    assert asked.count("Registry (supabase, postgres, embedded)") == 2, "again after an answer that is none"
    production = newcomer.desk.workspace.manifest.environments["production"]
    assert (production.registry.kind, production.endpoint.kind) == ("embedded", "none")


def test_each_step_on_github_waits_for_a_yes(newcomer: Newcomer) -> None:
    begun(newcomer)
    asked = terminal(newcomer, ["init", "--github"], *["n\r"] * 4, "y\r", "n\r")
    assert asked.count("Make it [Y/n]") == 6
    made = newcomer.github.settings
    assert made.workflows_open_pull_requests
    assert (made.environments, made.rulesets) == ({}, [])


def terminal(newcomer: Newcomer, arguments: list[str], *typed: str) -> str:
    """What a command shows to a person who types that."""
    screen, line = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments],
        cwd=newcomer.desk.folder,
        env=newcomer.desk.variables | newcomer.settings,
        stdin=line,
        stdout=line,
        stderr=line,
    ):
        os.close(line)
        os.write(screen, "".join(typed).encode())
        shown = b""
        with contextlib.suppress(OSError):  # the end, as Linux tells it
            while part := os.read(screen, 1 << 16):
                shown += part
    os.close(screen)
    return shown.decode()


def test_the_workflow_is_ten_lines_that_call_ours(newcomer: Newcomer) -> None:
    newcomer.desk.copy_model("v1.0.0", "v1.0.0")
    newcomer.lepinet("init", "--model", "models/v1.0.0", "--lepinet", SOURCE)
    text = (newcomer.desk.folder / ".github" / "workflows" / "pr.yml").read_text()
    assert f"    uses: acme/lepinet/.github/workflows/pr.yml@{'ab' * 20}\n" in text
    assert "  pull_request:\n  merge_group:\n" in text
    assert "workflow_call" not in text
    assert len(text.splitlines()) < 16


def test_without_photos_nothing_is_active_and_the_page_says_what_comes_first(newcomer: Newcomer) -> None:
    newcomer.lepinet("init", "--model", NAME)
    assert newcomer.files == BESIDES | {"models.yaml", "tests/known_images/metadata.csv"}
    assert newcomer.desk.workspace.manifest.environments["production"].active is None
    newcomer.lepinet("check")
    page = (newcomer.desk.folder / "LEPINET.md").read_text()
    assert "1. Put photos whose species is certain into `tests/known_images`" in page
    assert "2. `lepinet activate v1.0.0 -e production --local`" in page


def test_nothing_that_is_there_is_overwritten_and_what_is_missing_is_added(newcomer: Newcomer) -> None:
    newcomer.desk.copy_model("v1.0.0", "v1.0.0")
    newcomer.lepinet("init", "--model", "models/v1.0.0")
    manifest = newcomer.desk.manifest
    (newcomer.desk.folder / "LEPINET.md").write_text("mine\n")
    (newcomer.desk.folder / "models.schema.json").unlink()
    told = newcomer.lepinet("init", "--lepinet", SOURCE)
    assert told.out.startswith("wrote models.schema.json\nwrote .github/workflows/pr.yml\n")
    assert "kept models.yaml, which was there\n" in told.out
    assert newcomer.desk.manifest == manifest
    assert (newcomer.desk.folder / "LEPINET.md").read_text() == "mine\n"


@pytest.mark.parametrize("there", ["*.log", "*.log\n", "*.log\n!.env\n"])
def test_keys_are_kept_from_git_by_a_line_more_in_a_gitignore_that_was_there(newcomer: Newcomer, there: str) -> None:
    ignored = newcomer.desk.folder / ".gitignore"
    ignored.write_text(there)
    told = newcomer.lepinet("init", "--model", NAME)
    assert "added .env to .gitignore, whose other lines are as they were\n" in told.out
    assert "kept .gitignore" not in told.out
    assert ignored.read_text() == there.rstrip("\n") + "\n.env\n"
    (newcomer.desk.folder / ".env").write_text(f"SUPABASE_SERVICE_KEY={KEY}\n")
    newcomer.desk.git("add", "--all")
    assert ".env" not in newcomer.desk.git("ls-files").splitlines()
    assert "kept .gitignore, which was there\n" in newcomer.lepinet("init").out


def test_nothing_is_made_on_github_while_git_would_take_the_keys_along(newcomer: Newcomer) -> None:
    begun(newcomer)
    (newcomer.desk.folder / ".gitignore").write_text("*.log\n")
    refused = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS, code=1)
    assert "git does not ignore it, and would take it along" in refused.err
    (newcomer.desk.folder / ".gitignore").write_text(".env\n")
    (newcomer.desk.folder / ".env").write_text(f"SUPABASE_SERVICE_KEY={KEY}\n")
    newcomer.desk.git("add", "--force", ".env")
    assert "git has it, and the keys in it" in newcomer.lepinet("init", "--github", "--yes", code=1).err
    assert newcomer.github.requests == []


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        ((), "--model is missing", 2),
        (("--model", "asha/gone"), "the Hub has no model asha/gone", 1),
        (("--model", "nowhere"), "nowhere is neither a folder of this repository nor a model on the Hub", 1),
        (("--model", "../home"), "leads out of", 1),
        (("--model", "with: colon"), "with: colon cannot stand in models.yaml", 2),
        (("--model", "broken"), "nor model.safetensors is there", 1),
        (("--model", NAME, "--version", "1.0"), "1.0 is no name of a version", 2),
        (("--model", NAME, "--endpoint", "{kind: nowhere}"), "--endpoint is nowhere, but its kind must be one of", 2),
        (("--model", NAME, "--endpoint", "space"), "--endpoint has no repo_id, and needs one", 2),
        (("--model", NAME, "--endpoint", "space"), "lepinet init --endpoint '{kind: space, repo_id: ", 2),
        (("--model", NAME, "-e", ""), "-e is empty, but an environment's name is small letters, digits and hyphens", 2),
        (("--model", NAME, "-e", "monitor"), "-e is monitor, but LepiNet's workflows keep that name", 2),
        (("--model", NAME, "--lepinet", "acme/lepinet@main"), "is no OWNER/REPOSITORY@COMMIT", 2),
    ],
)
def test_what_cannot_begin_writes_nothing(newcomer: Newcomer, arguments: tuple[str, ...], said: str, code: int) -> None:
    (newcomer.desk.folder / "broken").mkdir()
    (newcomer.desk.folder / "broken" / "README.md").write_text("no model\n")
    shutil.copytree(newcomer.desk.folder / "broken", newcomer.desk.folder / "with: colon")
    newcomer.desk.commit("Break something")
    assert said in newcomer.lepinet("init", *arguments, code=code).err
    assert newcomer.files == set()


def test_nothing_is_written_behind_a_link_that_leads_out(newcomer: Newcomer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (newcomer.desk.folder / ".github").symlink_to(tmp_path / "elsewhere")
    newcomer.desk.commit("A link")
    refused = newcomer.lepinet("init", "--model", NAME, "--lepinet", SOURCE, code=1)
    assert ".github/workflows/pr.yml: leads out of" in refused.err
    assert newcomer.files == set()
    assert not list((tmp_path / "elsewhere").iterdir())


def begun(newcomer: Newcomer, *, pushed: bool = True) -> None:
    newcomer.photos()
    newcomer.on_github()
    newcomer.lepinet("init", "--model", NAME, "--registry", "supabase", "--lepinet", SOURCE)
    newcomer.desk.commit("Begin with LepiNet")
    if pushed:
        newcomer.desk.git("update-ref", "refs/remotes/origin/main", "HEAD")


def test_github_gets_what_is_missing_and_each_is_shown_first(newcomer: Newcomer) -> None:
    begun(newcomer)
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    made = newcomer.github.settings
    production = made.environments["production"]
    assert production.branches == ["main"]
    assert production.variables == {"SUPABASE_URL": SETTINGS["SUPABASE_URL"]}
    assert base64.b64decode(production.secrets["SUPABASE_SERVICE_KEY"]).decode() == KEY
    assert made.workflows_open_pull_requests
    (ruleset,) = made.rulesets
    (required,) = (rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks")
    checks = required["parameters"]["required_status_checks"]
    assert checks == [{"context": "lepinet / check", "integration_id": 15368}], "of GitHub Actions alone"
    assert "\n  $ gh api --silent --method PUT repos/acme/butterflies/environments/production --input -" in told.err
    assert "gh secret set SUPABASE_SERVICE_KEY --env production" in told.err
    emergency = made.environments["production-emergency"]
    assert (emergency.branches, emergency.variables, emergency.secrets) == (
        production.branches,
        production.variables,
        production.secrets,
    )
    assert made.variables == {}, "no workflow waits for the clock"
    assert told.out == "made on GitHub: 10, still missing: 0\n"
    again = newcomer.lepinet("init", "--github", settings=SETTINGS)
    assert (again.out, again.err) == ("made on GitHub: 0, still missing: 0\n", "")
    assert newcomer.github.requests[-1].startswith("GET ")


def test_a_check_that_any_app_may_make_is_not_what_main_needs(newcomer: Newcomer) -> None:
    begun(newcomer)
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    made = newcomer.github.settings
    (required,) = (rule for rule in made.rulesets[0]["rules"] if rule["type"] == "required_status_checks")
    del required["parameters"]["required_status_checks"][0]["integration_id"]
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    assert told.out == "made on GitHub: 1, still missing: 0\n"


def test_where_the_trusted_check_starts_by_itself_main_needs_that_one(newcomer: Newcomer) -> None:
    begun(newcomer)
    newcomer.lepinet("init", "--trusted-check", "--lepinet", SOURCE)
    newcomer.github.settings.variables["LEPINET_TRUSTED_CHECK"] = "yes"
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    (ruleset,) = newcomer.github.settings.rulesets
    (required,) = (rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks")
    assert required["parameters"]["required_status_checks"][0]["context"] == "lepinet trusted"


def test_a_setting_that_nobody_knows_is_named_and_the_rest_is_made(newcomer: Newcomer) -> None:
    begun(newcomer)
    told = newcomer.lepinet("init", "--github", "--yes", code=1)
    assert "missing: SUPABASE_SERVICE_KEY of production\n  first: put it into .env; then run this again\n" in told.err
    assert told.out == "made on GitHub: 6, still missing: 4\n"


def test_the_rule_comes_after_the_first_push_which_it_would_refuse(newcomer: Newcomer) -> None:
    begun(newcomer, pushed=False)
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS, code=1)
    assert "first: push main, which the rule would refuse" in told.err
    assert told.out == "made on GitHub: 9, still missing: 1\n"
    assert not newcomer.github.settings.rulesets


def test_an_environment_that_github_made_for_a_job_is_closed_to_other_branches(newcomer: Newcomer) -> None:
    begun(newcomer)
    made = newcomer.github.settings.environments["production"] = Environment()
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    assert made.branches == ["main"]


def test_who_must_agree_to_a_deployment_is_not_taken_away(newcomer: Newcomer) -> None:
    begun(newcomer)
    made = newcomer.github.settings.environments["production"] = Environment(reviewers=True)
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS, code=1)
    assert "first: Settings, Environments, production: Deployment branches, add main" in told.err
    assert made.reviewers


def test_the_monitor_is_written_when_it_is_asked_for_and_has_keys_of_its_own(newcomer: Newcomer) -> None:
    begun(newcomer)
    newcomer.lepinet("init", "--monitor", "--lepinet", SOURCE)
    lint(newcomer.desk.folder)
    (newcomer.desk.folder / "LEPINET.md").unlink()
    newcomer.lepinet("init", "--lepinet", SOURCE)
    page = (newcomer.desk.folder / "LEPINET.md").read_text()
    assert all(page.count(f"`{name}`") == 1 for name in SETTINGS | USER)
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS, code=1)
    assert (
        "missing: the variable LEPINET_MONITOR of the repository\n  first: what is missing of the monitor" in told.err
    )
    assert newcomer.github.settings.variables == {}, "without its keys it would fail by the clock"
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS | USER)
    settings = newcomer.github.settings
    made = settings.environments["monitor"]
    assert made.branches == ["main"]
    assert made.variables.keys() == {"SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"}
    assert made.secrets.keys() == {"SUPABASE_USER_EMAIL", "SUPABASE_USER_PASSWORD"}
    assert settings.variables == {"LEPINET_MONITOR": "on"}
    settings.variables["LEPINET_MONITOR"] = "off"
    newcomer.lepinet("init", "--github", settings=SETTINGS | USER)
    assert settings.variables == {"LEPINET_MONITOR": "off"}, "whoever switched it off has a reason"


def test_the_check_of_private_models_is_written_when_it_is_asked_for_and_required_once_it_starts_by_itself(
    newcomer: Newcomer,
) -> None:
    begun(newcomer)
    newcomer.lepinet("init", "--trusted-check", "--lepinet", SOURCE)
    lint(newcomer.desk.folder)
    written = (newcomer.desk.folder / ".github" / "workflows" / TRUSTED_CHECK).read_text()
    assert "    cache-mode: none\n    uses: acme/lepinet/.github/workflows/trusted-check.yml@abab" in written
    assert written.endswith(
        "    with:\n      head: ${{ inputs.head }}\n      commit: ${{ inputs.commit }}\n"
        "    secrets:\n      HF_TOKEN: ${{ secrets.HF_TOKEN }}\n"
    )
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    made = newcomer.github.settings
    made.variables["LEPINET_TRUSTED_CHECK"] = "yes"
    told = newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS, code=1)
    assert "first: Settings, Rules: require lepinet trusted in place of lepinet / check" in told.err
    made.rulesets.clear()
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    (ruleset,) = made.rulesets
    (required,) = (rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks")
    assert required["parameters"]["required_status_checks"][0]["context"] == "lepinet trusted"


def test_environments_with_registries_of_their_own_get_keys_of_their_own_and_nobody_edits_a_workflow(
    newcomer: Newcomer,
) -> None:
    begun(newcomer)
    newcomer.lepinet("init", "--monitor", "--lepinet", SOURCE)
    another = "  {}: {{registry: supabase, endpoint: none}}\n  production:"
    newcomer.desk.alter("  production:", another.format("staging"))
    newcomer.desk.commit("Add staging")
    newcomer.desk.git("update-ref", "refs/remotes/origin/main", "HEAD")
    own = {f"{name}_STAGING": f"{value}-of-staging" for name, value in (SETTINGS | USER).items()}
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS | USER | own)
    made = newcomer.github.settings
    keys = {name: set(one.secrets.values()) for name, one in made.environments.items()}
    staging_ones = {"staging", "staging-emergency", "monitor-staging"}
    assert keys.keys() == staging_ones | {"production", "production-emergency", "monitor-production"}
    for name, secrets in keys.items():
        of_staging = {base64.b64decode(value).decode().endswith("-of-staging") for value in secrets}
        assert of_staging == {name in staging_ones}
    assert made.variables == {"LEPINET_APART": '["staging", "production"]', "LEPINET_MONITOR": "on"}
    needs = newcomer.lepinet("doctor", "--json", code=1).json
    lacking = [need["what"] for need in needs if need["what"].startswith("GitHub") and need["mend"]]
    assert lacking == ["GitHub, code owners"], "without the keys too"
    newcomer.desk.alter("  production:", another.format("field"))
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert needs["GitHub, environment monitor-field"]["mend"] == "lepinet init --github"
    assert needs["GitHub, the clock"]["mend"] == "lepinet init --github"
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS | USER | own)
    assert made.variables["LEPINET_APART"] == '["staging", "field", "production"]'


def test_nothing_is_made_on_github_without_a_person_who_agrees(newcomer: Newcomer) -> None:
    begun(newcomer)
    assert "nobody is here to agree" in newcomer.lepinet("init", "--github", code=2).err
    assert all(request.startswith("GET ") for request in newcomer.github.requests)


def test_what_github_does_not_take_is_told(newcomer: Newcomer) -> None:
    begun(newcomer)
    newcomer.github.failures = [None, None, Failure(403, message="Upgrade to GitHub Pro")]
    told = newcomer.lepinet("init", "--github", "--yes", code=3)
    assert "the environment production: GitHub does not take it: gh: Upgrade to GitHub Pro (HTTP 403)" in told.err


def test_doctor_has_a_line_for_each_need_on_github(newcomer: Newcomer) -> None:
    begun(newcomer)
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert needs["GitHub, environment production"]["mend"] == "lepinet init --github"
    assert needs["GitHub, rules of main"]["mend"] == "lepinet init --github"
    assert needs["GitHub, workflows"]["mend"] is None
    newcomer.lepinet("init", "--github", "--yes", settings=SETTINGS)
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert [what for what, need in needs.items() if what.startswith("GitHub") and need["mend"]] == [
        "GitHub, code owners"
    ]
    page = (newcomer.desk.folder / "LEPINET.md").read_text()
    assert needs["GitHub, code owners"]["mend"] in page
    subprocess.run(needs["GitHub, code owners"]["mend"], shell=True, cwd=newcomer.desk.folder, check=True)  # noqa: S602 -- as a person does
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert not needs["GitHub, code owners"]["mend"]


def test_a_workflow_of_ones_own_by_the_name_of_ours_is_told_and_no_rule_waits_for_it(newcomer: Newcomer) -> None:
    own = newcomer.desk.folder / ".github" / "workflows" / "pr.yml"
    own.parent.mkdir(parents=True)
    own.write_text("on: pull_request\njobs:\n  test:\n    steps:\n      - uses: actions/checkout@v5\n")
    newcomer.photos()
    newcomer.on_github()
    told = newcomer.lepinet("init", "--model", NAME, "--registry", "postgres", "--lepinet", SOURCE)
    assert ".github/workflows/pr.yml does not call LepiNet's, which was not written: rename yours" in told.err
    newcomer.desk.commit("Begin with LepiNet")
    newcomer.desk.git("update-ref", "refs/remotes/origin/main", "HEAD")
    made = newcomer.lepinet("init", "--github", "--yes", settings={"DATABASE_URL": "postgresql:///"}, code=1)
    assert "first: a pr.yml that calls LepiNet's: lepinet init; then run this again" in made.err
    assert not newcomer.github.settings.rulesets
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert needs["GitHub, workflows"]["state"] == "pr.yml in .github/workflows does not call LepiNet's"
    assert needs["GitHub, workflows"]["mend"] == "rename yours, then: lepinet init"
    assert needs["GitHub, rules of main"]["mend"]


def test_a_repository_whose_main_is_called_otherwise_ships_by_its_pushes(newcomer: Newcomer) -> None:
    newcomer.desk.git("branch", "--move", "trunk")
    newcomer.photos()
    newcomer.on_github()
    newcomer.lepinet("init", "--model", NAME, "--registry", "postgres", "--lepinet", SOURCE)
    reconcile = newcomer.desk.folder / ".github" / "workflows" / "reconcile.yml"
    assert '  push:\n    branches: ["trunk"]\n' in reconcile.read_text()
    newcomer.desk.commit("Begin with LepiNet")
    keys = {"DATABASE_URL": "postgresql:///"}
    told = newcomer.lepinet("init", "--github", "--yes", settings=keys, code=1)
    assert "first: push trunk, which the rule would refuse" in told.err
    assert newcomer.github.settings.environments["production"].branches == ["trunk"]
    newcomer.desk.git("update-ref", "refs/remotes/origin/trunk", "HEAD")
    newcomer.lepinet("init", "--github", "--yes", settings=keys)
    assert len(newcomer.github.settings.rulesets) == 1


def test_what_lives_on_one_machine_gets_no_workflow_that_ships(newcomer: Newcomer) -> None:
    newcomer.photos()
    newcomer.on_github()
    told = newcomer.lepinet("init", "--model", NAME, "--registry", "embedded", "--lepinet", SOURCE)
    refused = "production has registry: embedded, on one machine alone: reconcile on GitHub's runners refuses it"
    assert refused in told.err
    assert not {".github/workflows/reconcile.yml", ".github/workflows/rollback.yml"} & newcomer.files
    newcomer.desk.commit("Begin with LepiNet")
    newcomer.desk.git("update-ref", "refs/remotes/origin/main", "HEAD")
    made = newcomer.lepinet("init", "--github", "--yes")
    assert refused in made.err
    assert newcomer.github.settings.environments == {}
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert not needs["GitHub, workflows"]["mend"]
    assert refused in needs["GitHub, runners"]["state"]


def test_doctor_says_what_a_login_is_needed_for(newcomer: Newcomer) -> None:
    begun(newcomer)
    (newcomer.programs / "gh").write_text("#!/bin/sh\nexit 1\n")
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert "gh auth login" in needs["GitHub"]["mend"]
    (newcomer.desk.folder / ".github" / "workflows" / "pr.yml").unlink()
    needs = {need["what"]: need for need in newcomer.lepinet("doctor", "--json", code=1).json}
    assert needs["GitHub, workflows"]["mend"] == "lepinet init"
