"""`lepinet import`: from the tables of a team that worked by hand to a models.yaml that holds, and ships at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet.registry.adopt import QUESTIONS
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project
from workflow.desk import TESTS, Desk, Ended

NAME = "asha/butterflies"
BY_HAND = """
    drop table if exists public.model_versions;
    create table public.model_versions (
      id uuid primary key default gen_random_uuid(), version_name text, file_path text, training_image_count integer,
      accuracy_score double precision, is_active boolean default false, created_at timestamptz default now()
    );
    grant usage on schema public to anon, authenticated, service_role;
    grant all on public.model_versions to anon, authenticated, service_role;
    insert into public.model_versions (version_name, file_path, accuracy_score, is_active, created_at) values
      ('lepinet-model 2024: "first"', 'asha/butterflies', 92.3, false, '2024-12-10T10:00:00Z'),
      ('v1.0.0', 'asha/butterflies', 0.89, true, '2025-03-01T10:00:00Z'),
      ('v1.1.0', 'models/v1.1.0', 0.93, false, '2025-06-01T10:00:00Z'),
      ('v0.9.0', 'asha/gone', null, false, '2024-11-01T10:00:00Z'),
      ('v0.8.0', '/content/drive/models', null, false, '2024-10-01T10:00:00Z'),
      (null, 'asha/butterflies', null, false, null);
"""


@dataclass(frozen=True)
class Team:
    """A repository without models.yaml, and the registry that its people kept by hand."""

    desk: Desk
    hub: StandIn
    server: EmbeddedServer
    supabase: str
    key: str

    def lepinet(self, *arguments: str, code: int = 0, **settings: str) -> Ended:
        ours = {
            "HF_ENDPOINT": self.hub.url,
            "DATABASE_URL": self.server.url(),
            "SUPABASE_URL": self.supabase,
            "SUPABASE_SERVICE_KEY": self.key,
        }
        ended = self.desk.lepinet(*arguments, **(ours | settings))
        assert ended.code == code, ended.out + ended.err
        return ended

    def sql(self, statement: str) -> None:
        """As people did it in the SQL editor."""
        with self.server.connect() as owner:
            owner.execute(statement.encode())

    def photos(self) -> None:
        shutil.copytree(TESTS / "few_images", self.desk.folder / "tests" / "known_images")

    @property
    def written(self) -> bool:
        return (self.desk.folder / "models.yaml").exists()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as online:
        repository = online.create(NAME, {"README.md": b"soon"})
        versions = (("v1.0.0", datetime(2024, 12, 9, tzinfo=UTC)), ("v1.1.0", datetime(2025, 2, 1, tzinfo=UTC)))
        first = True
        for version, at in versions:
            files = files_of(TESTS / "models" / version) | ({"training_args.bin": b"\x80\x04N."} if first else {})
            repository.commit(files, f"Train {version}", at=at)
            first = False
        for number in range(60):  # more than a page of the Hub's list
            repository.commit({"README.md": b"%d" % number}, "Say more", at=datetime(2025, 9, 1, tzinfo=UTC))
        yield online


@pytest.fixture(scope="module")
def team_once(hub: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    desk = Desk(folder / "repository", folder / "home")
    desk.folder.mkdir()
    desk.copy_model("v1.1.0", "v1.1.0")
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("Begin")
    desk.git("tag", "begin")
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(desk.workspace.data / "registry"))
        server.connect().close()
        project = Project(server.url(OWNER, "authenticator"), max_rows=2)
        url = stack.enter_context(project_online(project))
        yield Team(desk, hub, server, url, project.secret_key)


@pytest.fixture
def team(team_once: Team, hub: StandIn) -> Team:
    hub.forget()
    team_once.desk.begin_branch("begin")
    team_once.desk.git("branch", "--force", "main", "begin")
    with team_once.server.connect("postgres", SUPERUSER) as superuser:
        superuser.execute(f"drop database {OWNER} with (force)".encode())
        superuser.execute(f"create database {OWNER} owner {OWNER}".encode())
    team_once.sql(BY_HAND)
    return team_once


@pytest.mark.parametrize("kind", ["supabase", "postgres", "embedded"])
def test_what_people_kept_by_hand_becomes_a_models_yaml_that_passes_at_once(team: Team, kind: str) -> None:
    team.photos()
    done = team.lepinet("import", "--registry", kind, "--json").json
    assert done["active"] == "v1.0.0"
    old = 'lepinet-model 2024: "first"'
    assert done["versions"] == [old, "v1.0.0", "v1.1.0"]
    assert (done["legacy"], done["revision_guessed"]) == ([old], [old, "v1.0.0"])
    assert {one["file_path"]: one["why"] for one in done["left_out"]} == {
        "asha/gone": "the Hub has no model asha/gone for somebody without a token: it was deleted, or it is private",
        "/content/drive/models": "its path is neither a folder of this repository nor a model on the Hub (org/name)",
        NAME: "it has no name",
    }
    team.lepinet("validate")
    manifest = team.desk.workspace.manifest
    commits = {title: commit for commit, _, title in team.hub.repositories[NAME].commits("main")}
    assert manifest.versions[old].revision == commits["Train v1.0.0"]
    assert manifest.versions["v1.0.0"].revision == commits["Train v1.1.0"]
    assert manifest.versions[old].accuracy_score is None, "92.3 is no share"
    checked = team.lepinet("check", "--json").json
    assert [one["candidate"]["name"] for one in checked["environments"]] == ["v1.0.0"]
    assert [one["error"] for one in checked["registered"]] == [None, None]


def test_limits_are_those_of_the_photos_and_the_active_model_and_say_why(team: Team) -> None:
    team.photos()
    team.lepinet("import")
    gates = team.desk.manifest.partition("gates:\n")[2].partition("versions:")[0]
    assert "  # 36 known images cannot even show 10 points, so a person decides;" in gates
    assert "  non_inferiority_margin: 0.10\n" in gates
    right = team.lepinet("test", "v1.0.0", "--json").json["accuracy"] * 36
    assert f"  # v1.0.0 names {right:.0f} of 36 right, so " in gates
    assert "  # pickles, Python or the like lie beside lepinet-model 2024" in gates
    assert "  allow_code: true\n" in gates


def test_without_photos_what_is_live_stays_live_by_decision(team: Team) -> None:
    team.lepinet("import", "-e", "staging", "-e", "production")
    production = team.desk.workspace.manifest.environments["production"]
    assert production.override
    assert production.override.version == production.active == "v1.0.0"
    team.lepinet("check")


def documented(statement: str) -> str:
    """The block of SQL in docs/supabase.md that has it."""
    blocks = (TESTS.parent / "docs" / "supabase.md").read_text().split("```sql\n")[1:]
    return next(sql for sql, _, _ in (block.partition("```") for block in blocks) if statement in sql)


def test_the_whole_way_from_tables_by_hand_to_a_deployment(team: Team) -> None:
    team.photos()
    team.lepinet("import", "--registry", "postgres")
    team.desk.commit("Begin models.yaml with what is live")
    team.desk.git("branch", "--force", "main", "HEAD")
    settled = (
        r"update public.model_versions set version_name = 'unknown-' || id where coalesce(version_name, '') !~ '\S';"
    )
    assert settled in team.lepinet("db", "migrate", "--yes", code=1).err
    team.sql(settled)
    team.lepinet("db", "migrate", "--yes")
    team.lepinet("reconcile")
    with team.server.connect() as owner:
        rows = owner.execute("select version_name, revision, is_active from public.model_versions").fetchall()
    known = {name: (revision, active) for name, revision, active in rows}
    assert known["v1.0.0"] == (team.desk.workspace.manifest.versions["v1.0.0"].revision, True)
    assert known["v0.9.0"] == (None, False)
    old = "not for 2 old rows: v0.8.0, v0.9.0 (docs/supabase.md, Old rows)\n"
    for command in ("status", "plan", "reconcile"):
        ended = team.lepinet(command)
        assert (ended.out + ended.err).count(old) == 1
    assert "v0.9.0 waits" not in team.lepinet("versions").out
    team.sql(documented("delete from model_versions"))
    assert old not in team.lepinet("status").out
    refused = team.lepinet("import", code=1)
    assert "models.yaml is on main already" in refused.err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "update public.model_versions set file_path = 'asha/gone' where is_active",
            "v1.0.0 is active, and models.yaml",
        ),
        ("delete from public.model_versions", "the registry has no versions"),
        ("drop table public.model_versions", "are not there"),
    ],
)
def test_what_cannot_be_told_in_a_models_yaml_writes_nothing(team: Team, statement: str, said: str) -> None:
    team.sql(statement)
    ended = team.lepinet("import", code=3 if "drop" in statement else 1)
    assert said in ended.err
    assert not team.written


CONTRADICTIONS = """
    update public.model_versions set is_active = true, created_at = '2025-03-01T10:00:00Z'
      where version_name like 'v1%';
    insert into public.model_versions (version_name, file_path, created_at, is_active)
      select 'v0.9.0', 'models/o''neill', created_at, null from public.model_versions
"""


@pytest.mark.parametrize("kind", ["supabase", "postgres"])
def test_rows_that_contradict_each_other_are_told_with_the_sql_that_db_migrate_has(team: Team, kind: str) -> None:
    team.sql(CONTRADICTIONS)
    told = team.lepinet("import", "--registry", kind, code=1).err.splitlines()
    assert told[0].startswith("the registry contradicts itself; nothing was written. Settle this in the SQL editor")
    with team.server.connect() as owner:
        owner.execute(QUESTIONS.encode())
        found = owner.execute("select what, settled_by from pg_temp.lepinet_conflicts_of_rows()").fetchall()
    known = [pair for pair in found if "without" not in pair[0]]
    assert sorted(zip(told[1::2], told[2::2], strict=True)) == sorted((f"- {a}", f"  {b}") for a, b in known)
    assert len(known) > 5
    assert not team.written
    for _, statement in known:
        team.sql(statement)
    team.lepinet("import", "--registry", kind)


def test_environments_have_an_endpoint_each(team: Team) -> None:
    space, two = "{kind: space, repo_id: asha/butterflies}", ("-e", "staging", "-e", "production")
    shared = team.lepinet("import", *two, "--endpoint", space, code=2)
    assert "staging and production cannot share" in shared.err
    assert "one --endpoint for each -e, in the same order" in shared.err
    three = team.lepinet("import", *two, *("--endpoint", "none") * 3, code=2)
    assert "-e is there 2 times, and --endpoint 3 times" in three.err
    assert not team.written
    team.lepinet("import", *two, "--endpoint", "none", "--endpoint", space)
    environments = team.desk.workspace.manifest.environments
    assert {name: each.endpoint.kind for name, each in environments.items()} == {
        "staging": "none",
        "production": "space",
    }


def test_an_accuracy_that_is_no_share_is_left_out_aloud(team: Team) -> None:
    ended = team.lepinet("import")
    dropped = "accuracy_score 92.3 is not between 0 and 1, and was left out; is that percent, write 0.923"
    assert f'lepinet-model 2024: "first": {dropped}' in ended.err


def test_a_hub_that_does_not_know_the_token_writes_nothing(team: Team) -> None:
    assert "the Hub refuses the token" in team.lepinet("import", code=3, HF_TOKEN="hf_of_nobody").err  # noqa: S106
    assert not team.written


def test_a_models_yaml_that_is_there_is_written_over_only_when_that_is_asked(team: Team) -> None:
    (team.desk.folder / "models.yaml").write_text("mine\n")
    assert "there is a models.yaml already" in team.lepinet("import", code=1).err
    assert team.desk.manifest == "mine\n"
    team.lepinet("import", "--over")
    team.lepinet("validate")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--registry", "mysql", "registry.kind is mysql"),
        ("--endpoint", "{kind: local, prot: 1}", "has no key prot"),
        ("--endpoint", "{kind", "--endpoint {kind"),
        ("-e", "Production", "a name in environments is Production"),
    ],
)
def test_an_option_that_models_yaml_does_not_take_is_explained(team: Team, option: str, value: str, said: str) -> None:
    ended = team.lepinet("import", option, value, code=1 if option == "-e" else 2)
    assert said in ended.err
    assert not team.written


def test_a_row_that_no_file_can_have_is_left_out_and_the_rest_is_written(team: Team) -> None:
    odd = {
        "a long path": "models/" + "x" * 5000,
        "a long name in a path": "x" * 300,
        "a path with a line end": "models/v1\u2028.0",
        "a name with a line\u2028end": "models/v1.1.0",
        "a name with a bell\x07": "models/v1.1.0",
        " v1.5.0 ": "models/v1.1.0",
        "a long name " + "x" * 300: "models/v1.1.0",
    }
    with team.server.connect() as owner:
        for row in odd.items():
            owner.execute("insert into public.model_versions (version_name, file_path) values (%s, %s)", row)
    done = team.lepinet("import", "--json").json
    assert done["versions"] == ['lepinet-model 2024: "first"', "v1.0.0", "v1.1.0"]
    assert odd.keys() <= {one["name"] for one in done["left_out"] if one["why"]}
    team.lepinet("validate")
    told = team.lepinet("import", "--over").err
    assert 'left out: " v1.5.0 " (models/v1.1.0): its name is " v1.5.0 ", but an old name' in told
    assert 'a path with a line end ("models/v1 .0"): its path has a character that cannot be seen: U+2028' in told
    assert max(map(len, told.splitlines())) < 600


@pytest.mark.parametrize("notes", ["a bell\x07", "a line\u2028end", "turned\u202eround", "x" * 70_000, "\ufffe", " "])
def test_notes_that_no_file_can_have_stay_as_far_as_one_can(team: Team, notes: str) -> None:
    team.sql("alter table public.model_versions add column notes text")
    with team.server.connect() as owner:
        owner.execute("update public.model_versions set notes = %s where version_name = 'v1.1.0'", [notes])
    assert "v1.1.0" in team.lepinet("import", "--json").json["versions"]
    team.lepinet("validate")


def test_an_endpoint_that_nobody_named_is_said_aloud(team: Team) -> None:
    said = team.lepinet("import").out
    assert "endpoint: none: the models run on phones" in said
    assert "lepinet import --over --endpoint" in said
    assert "endpoint: none" not in team.lepinet("import", "--over", "--endpoint", "local").out


def test_a_time_that_models_yaml_cannot_hold_counts_as_not_said(team: Team) -> None:
    team.sql(
        """
        alter table public.model_versions alter created_at drop default, alter created_at type text;
        update public.model_versions set created_at = '9999-12-31T23:59:59-23:00' where version_name = 'v1.0.0';
        update public.model_versions set created_at = '0001-01-01T00:00:00+14:00' where version_name = 'v1.1.0';
        """
    )
    team.lepinet("import", "--registry", "postgres")
    versions = team.desk.workspace.manifest.versions
    assert [versions[name].created_at for name in ("v1.0.0", "v1.1.0")] == [None, None]
