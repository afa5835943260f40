"""No secret stands anywhere but where it was set: not in what commands say or raise, nor in files, rows or requests."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest

from github_stand_in.server import TOKEN as GITHUB
from github_stand_in.server import StandIn as GitHub
from github_stand_in.server import stand_in as github_online
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet.cli import lepinet as command_line
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project
from workflow.desk import TESTS, Desk, lay

SOURCE = TESTS.parent / "scripts/lepinet"
NAME = "asha/butterflies"
REGISTRIES = {"staging": "postgres", "production": "supabase"}


def canary() -> str:
    return f"canary{secrets.token_hex(8)}"


CANARIES = {
    name: canary()
    for name in (
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "DATABASE_URL",
        "DATABASE_URL_PRODUCTION",
        "DATABASE_URL_STAGING",
        "GH_TOKEN",
        "HF_OIDC_ID_TOKEN",
        "HF_TOKEN",
        "LEPINET_WEBHOOK_URL",
        "PGPASSWORD",
        "SUPABASE_SERVICE_KEY",
        "SUPABASE_SERVICE_KEY_PRODUCTION",
        "SUPABASE_USER_TOKEN",
    )
} | {"GITHUB_TOKEN": GITHUB}
"""What is looked for, by the variable that it stands in."""
NO_SECRETS = {
    "GITHUB_ACTIONS",
    "GITHUB_ACTOR",
    "GITHUB_API_URL",
    "GITHUB_REF_NAME",
    "GITHUB_REPOSITORY",
    "HF_ENDPOINT",
    "LEPINET_HOME",
    "LOGNAME",
    "NO_COLOR",
    "PGBIN",
    "RUNNER_ENVIRONMENT",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_URL",
    "USER",
    "XDG_DATA_HOME",
}
ONLY_FROM_THE_ENVIRONMENT = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "HF_OIDC_ID_TOKEN", "PGPASSWORD"}
"""Others than LepiNet read them."""

WELL = (
    ["validate"],
    ["validate", "--base", "main"],
    ["db", "migrate"],
    ["doctor"],
    ["plan"],
    ["reconcile"],
    ["status"],
    ["status", "--json"],
    ["versions", "--json"],
    ["history", "--steps"],
    ["test", "v2.0.0", "--junit", "reports/test.xml", "--html", "reports/test.html"],
    ["test", f"{NAME}@main", "--json"],
    ["compare", "--old", "v1.0.0", "--new", "v2.0.0", "--html", "reports/compare.html", "--json"],
    ["check", "--markdown", "reports/check.md", "--html", "reports/check.html", "--json"],
    ["register", "v2.1.0", "--file-path", NAME, "--revision", "main"],
    ["activate", "v2.0.0", "-e", "production"],
    ["rollback", "v1.0.0", "-e", "staging", "--reason", "wrong names"],
    ["rollback", "v1.0.0", "-e", "production", "--now", "--reason", "wrong names"],
    ["unpin", "-e", "production", "--reason", "mended"],
    ["unpin", "-e", "staging", "--reason", "mended"],
    ["export", "v2.0.0", "--pull-request"],
    ["known-images", "check"],
)
BADLY = (
    ["db", "migrate"],
    ["doctor"],
    ["plan"],
    ["reconcile"],
    ["status"],
    ["history"],
    ["versions"],
    ["test", "v2.0.0"],
    ["test", f"{NAME}@main"],
    ["compare", "--old", "v1.0.0", "--new", "v2.0.0"],
    ["check"],
    ["register", "v2.2.0", "--file-path", NAME, "--revision", "main"],
    ["activate", "v2.0.0", "-e", "production", "--override", "another one"],
    ["rollback", "v1.0.0", "-e", "production", "--reason", "wrong names"],
    ["rollback", "v1.0.0", "-e", "production", "--now", "--reason", "wrong names"],
    ["unpin", "-e", "staging", "--reason", "mended"],
    ["export", "v2.0.0", "--pull-request"],
)


@dataclass
class World:
    """A clone with a registry of each kind, a private model on the Hub and a repository on GitHub."""

    desk: Desk
    server: EmbeddedServer
    hub: StandIn
    github: GitHub
    right: Mapping[str, str]
    """Variables with their secrets, all of which are somebody's."""
    places: Mapping[str, str]
    """Variables without any."""
    dotenv: bool
    """Secrets come from `.env` where they can."""
    said: dict[str, str] = field(default_factory=dict)
    """By the command."""
    codes: dict[str, int] = field(default_factory=dict)

    def tell(self, story: str, commands: tuple[list[str], ...], variables: Mapping[str, str]) -> None:
        kept = variables if not self.dotenv else {n: v for n, v in variables.items() if n in ONLY_FROM_THE_ENVIRONMENT}
        lines = [f"{name}='{value}'" for name, value in variables.items() if name not in kept]
        (self.desk.folder / ".env").write_text("\n".join([*lines, ""]))
        for arguments in commands:
            called = f"{story}: {' '.join(arguments)}"
            ended = self.desk.lepinet(*arguments, **self.places, **kept)
            self.said[called], self.codes[called] = ended.out + ended.err, ended.code
            if ended.code:
                self.said[f"{called}, raised"] = self.raised(arguments, {**self.places, **kept})

    def raised(self, arguments: list[str], variables: Mapping[str, str]) -> str:
        """The exception of a command and all that led to it, as a log would show them."""
        chain: list[str] = []
        with (
            chdir(self.desk.folder),
            patch.dict(os.environ, {**self.desk.variables, **variables}, clear=True),
            redirect_stdout(StringIO()),
            redirect_stderr(StringIO()),
        ):
            try:
                command_line.main(arguments, standalone_mode=False)
            except Exception as error:  # noqa: BLE001 -- whatever it is, its text is looked at
                one: BaseException | None = error
                while one:
                    chain += [*traceback.format_exception(one), str(one), repr(one)]
                    one = one.__cause__ or one.__context__
        return "\n".join(chain)

    def rows(self) -> str:
        """Every row of every table of both databases."""
        found = []
        for name in REGISTRIES:
            with self.server.connect(name, SUPERUSER) as database:
                tables = database.execute(
                    "select format('%I.%I', schemaname, tablename) from pg_tables"
                    " where schemaname not in ('pg_catalog', 'information_schema')"
                ).fetchall()
                for (table,) in tables:
                    rows = f"select to_jsonb(t)::text from {table} t"  # noqa: S608 -- format() has quoted it
                    found += database.execute(rows.encode()).fetchall()
        return "\n".join(text for (text,) in found)


@pytest.fixture(scope="module", params=["environment", ".env"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """After a story with right keys, one with keys that nobody has given out, and one with keys that are none."""
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(folder / "postgres"))
        with server.connect("postgres", SUPERUSER) as connection:
            for name in REGISTRIES:
                connection.execute(f"create database {name} owner {OWNER}".encode())
        key = f"sb_secret_{CANARIES['SUPABASE_SERVICE_KEY_PRODUCTION']}"
        url = stack.enter_context(project_online(Project(server.url("production", "authenticator"), secret_key=key)))
        hub, github = stack.enter_context(hub_online(folder / "hub")), stack.enter_context(github_online())
        hub.tokens.add(CANARIES["HF_TOKEN"])
        model = hub.create(NAME, files_of(TESTS / "models/v1.1.0"))
        model.private, model.readers = True, {CANARIES["HF_TOKEN"]}
        webhook = f"https://127.0.0.1:1/{CANARIES['LEPINET_WEBHOOK_URL']}"
        secret = CANARIES | {"SUPABASE_SERVICE_KEY_PRODUCTION": key, "LEPINET_WEBHOOK_URL": webhook}
        del secret["SUPABASE_USER_TOKEN"]  # a person's, in place of the key
        for variable in ("DATABASE_URL", "DATABASE_URL_PRODUCTION", "DATABASE_URL_STAGING"):
            database = "staging" if variable.endswith("STAGING") else "production"
            host, _, rest = server.url(database).partition("@")
            secret[variable] = f"{host}:{CANARIES[variable]}@{rest}"
        places = {
            "SUPABASE_URL": url,
            "HF_ENDPOINT": hub.url,
            "GITHUB_API_URL": github.url,
        }
        desk = laid(folder, model.references("heads")["main"])
        world = World(desk, server, hub, github, secret, places, dotenv=request.param == ".env")
        world.tell("well", WELL, world.right)
        shutil.rmtree(desk.home / "cache/hub")
        unknown = {name: f"{value}0" for name, value in secret.items()}
        elsewhere = {name: closed(CANARIES[name]) for name in secret if name.startswith("DATABASE_URL")}
        world.tell("unknown keys", BADLY, unknown | elsewhere)
        world.tell("no keys", BADLY, {name: f"no key: {value}" for name, value in CANARIES.items()})
        yield world


def closed(password: str) -> str:
    """A database that nobody has."""
    return f"postgresql://{OWNER}:{quote(password)}@127.0.0.1:1/team"


def laid(folder: Path, commit: str) -> Desk:
    """A clone of a repository on GitHub, as of main, where staging serves the model of the Hub."""
    desk = lay(folder)
    for name, kind in REGISTRIES.items():
        desk.alter(rf"(  {name}:\n    active: \S+\n    registry: )embedded", rf"\g<1>{kind}")
    with (desk.folder / "models.yaml").open("a") as file:
        file.write(f"  v2.0.0: {{file_path: {NAME}, revision: {commit}}}\n")
    (desk.folder / ".gitignore").write_text(".env\nreports/\n")
    desk.commit("Take registries that others see too")
    desk.set_active("staging", "v2.0.0")
    desk.commit("Try v2.0.0 in staging")
    origin, url = folder / "origin.git", "https://github.com/acme/butterflies.git"
    desk.git("clone", "--quiet", "--bare", ".", str(origin))
    desk.git("config", f"url.{origin}.insteadOf", url)
    desk.git("remote", "add", "origin", url)
    desk.git("fetch", "--quiet", "origin")
    return desk


def leaks(texts: Mapping[str, str | bytes]) -> list[str]:
    """Which secret stands where; `texts` by their place."""
    return [
        f"{variable} in {place}"
        for place, text in texts.items()
        for variable, value in CANARIES.items()
        if (value.encode() if isinstance(text, bytes) else value) in text  # type: ignore[operator]  # both of a kind
    ]


def files_in(*folders: Path) -> dict[str, bytes]:
    """All but what a person wrote the secrets into."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".env"
    }


def test_every_variable_that_is_read_is_a_canary_or_known_to_be_no_secret() -> None:
    """Who reads another one decides here which of both it is."""
    source = "\n".join(file.read_text() for file in SOURCE.rglob("*.py"))
    read = set(re.findall(r"""\.get\(\s*"([A-Z][A-Z0-9_]{3,})\"""", source))
    assert read <= CANARIES.keys() | NO_SECRETS
    assert {"DATABASE_URL", "GITHUB_TOKEN", "HF_TOKEN", "SUPABASE_SERVICE_KEY"} <= read


def test_the_stories_were_told(world: World) -> None:
    """Or the tests below would prove nothing: with the right keys all that was asked is done, with others it is not."""
    assert {called for called, code in world.codes.items() if called.startswith("well") and code > 1} == set()
    assert world.github.pulls
    assert {request.token for request in world.hub.requests} >= {CANARIES["HF_TOKEN"]}
    assert "v2.0.0" in world.rows()
    refused = [code for called, code in world.codes.items() if not called.startswith("well")]
    assert sum(code != 0 for code in refused) > 20


def test_no_command_says_or_raises_one(world: World) -> None:
    assert leaks(world.said) == []


def test_no_file_holds_one(world: World) -> None:
    """Neither reports, models.yaml, git and its branches, nor what is kept on this machine."""
    files = files_in(world.desk.folder, world.desk.home, world.desk.folder.parent / "origin.git")
    assert any("cache" in name for name in files)
    assert leaks(files) == []


def test_no_row_holds_one(world: World) -> None:
    assert leaks({"a row": world.rows()}) == []


def test_each_goes_to_its_own_service_alone(world: World) -> None:
    others = CANARIES.keys() - {"HF_TOKEN"}
    sent = "\n".join(f"{request.path} {request.token}" for request in (*world.hub.requests, *world.hub.at_storage))
    assert not [name for name in others if CANARIES[name] in sent]
    assert not any(request.token for request in world.hub.at_storage)
    written: Any = (world.github.pulls, world.github.comments, world.github.requests)
    assert leaks({"GitHub": str(written)}) == []


@pytest.mark.parametrize("variable", sorted(CANARIES))
def test_a_leak_would_be_found(tmp_path: Path, variable: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_bytes(b"\0 key=" + CANARIES[variable].encode() + b"\xff")
    assert leaks(files_in(tmp_path)) == [f"{variable} in {tmp_path / 'deep/file'}"]
    assert leaks({"output": f"HTTP 401 for {CANARIES[variable]}"}) == [f"{variable} in output"]
