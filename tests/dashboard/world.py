"""A repository in which models came and went, its registry, and people who look at both in a browser.

Two environments, real models and a photo of each species. v1.0.0 is active in production, after v1.1.0 was; staging has
v1.1.0. A trainer has logged v1.2.0. The monitor has run in production.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
from psycopg.types.json import Jsonb

from github_stand_in.server import TOKEN as GITHUB_TOKEN
from github_stand_in.server import StandIn, stand_in
from lepinet.dashboard.app import create_app
from lepinet.dashboard.place import Site
from lepinet.dashboard.server import site_of
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.cases import KnownImages
from lepinet.registry.calls import Connection
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER
from lepinet.registry.records import PerformanceLog
from lepinet.settings import Settings
from lepinet.timings import Timings
from lepinet.workflow.workspace import Workspace, open_workspace
from reconcile.supabase_wire import supabase_wire
from reconcile.watch import Watch
from report.hostile import NAMES
from supabase_gateway.gateway import project_online, serving
from supabase_gateway.project import Project, User
from workflow.desk import Desk, lay, put_on_github

PASSWORD = "correct horse"  # noqa: S105 -- of nobody
ADMIN = User("asha@example.org", PASSWORD, {"role": "admin"})
USERS = (
    ADMIN,
    User("trainer@example.org", PASSWORD, {"role": "trainer"}),
    User("monitor@example.org", PASSWORD, {"role": "monitor"}),
    User("visitor@example.org", PASSWORD),
    User("pretender@example.org", PASSWORD, {}, {"role": "admin"}),
)
MONITORED = 8
"""Runs of the monitor, six hours apart."""


@dataclass(frozen=True)
class World:
    """A repository with its registry."""

    desk: Desk
    server: EmbeddedServer
    variables: Mapping[str, str] = field(default_factory=dict)
    """What this machine's settings know besides."""
    project: Project | None = None
    """The Supabase project before the database; None where the registry is embedded."""

    @property
    def workspace(self) -> Workspace:
        found = open_workspace(self.desk.folder)
        return replace(found, settings=Settings({**self.desk.variables, **self.variables}))

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """The registry's owner at its SQL editor."""
        with self.server.connect() as connection:
            yield connection

    def lepinet(self, *arguments: str) -> str:
        """What a command says that must succeed."""
        ended = self.desk.lepinet(*arguments, **self.variables)
        assert ended.code == 0, ended.err
        return ended.out

    @contextmanager
    def site(self, **settings: str) -> Iterator[Site]:
        """What the requests of a dashboard share that was started with these settings besides."""
        workspace = self.workspace
        environ = {**workspace.settings.environ, **settings}
        # A machine that serves pages has no key that opens all.
        environ.pop("SUPABASE_SERVICE_KEY", None)
        there = replace(workspace, settings=Settings(environ))
        with site_of(there, host="127.0.0.1", url=None, say=print) as site:
            yield site

    @contextmanager
    def dashboard(self, **settings: str) -> Iterator[str]:
        """The URL of a dashboard that was started with these settings besides."""
        with self.site(**settings) as site, serving(create_app(site)) as url:
            yield url


@contextmanager
def on_github(world: World, folder: Path) -> Iterator[tuple[World, StandIn]]:
    """A clone of the world's repository with an origin on GitHub, before the same registry; and what is there."""
    desk = Desk(folder / "repository", world.desk.home)
    world.desk.git("clone", "--quiet", "--no-local", "--branch=main", ".", str(desk.folder))
    desk.git("remote", "remove", "origin")
    origin = put_on_github(desk)
    with stand_in() as github:
        github.origin = origin
        known = {**world.variables, "GITHUB_API_URL": github.url, "GITHUB_TOKEN": GITHUB_TOKEN}
        yield replace(world, desk=desk, variables=known), github


@contextmanager
def on_the_wire(
    world: World, watch: Watch, timings: Timings, users: Sequence[User] = USERS
) -> Iterator[tuple[str, Site]]:
    """A dashboard of a Supabase project whose calls `watch` hears: its URL, and what its requests share."""
    assert world.project
    with (
        project_online(replace(world.project, users=tuple(users))) as project,
        supabase_wire(project, watch) as wire,
    ):
        environ = {**world.workspace.settings.environ, "SUPABASE_URL": wire, "SUPABASE_SERVICE_KEY": ""}
        workspace = replace(world.workspace, settings=Settings(environ), timings=timings)
        with (
            site_of(workspace, host="127.0.0.1", url=None, say=print) as site,
            serving(create_app(site)) as url,
        ):
            yield url, site


@contextmanager
def make_world(folder: Path, *, hosted: bool = False) -> Iterator[World]:
    """The world, its registry embedded or hosted by Supabase."""
    desk = lay(folder, "supabase" if hosted else "embedded")
    with ExitStack() as stack:
        if hosted:
            server = stack.enter_context(EmbeddedServer(folder / "postgres"))
            project = Project(server.url(OWNER, "authenticator"), users=USERS)
            variables = {
                "SUPABASE_URL": stack.enter_context(project_online(project)),
                "SUPABASE_SERVICE_KEY": project.secret_key,
                "SUPABASE_PUBLISHABLE_KEY": project.publishable_key,
                "DATABASE_URL": server.url(),
            }
            world = World(desk, server, variables, project)
        else:
            server = stack.enter_context(EmbeddedServer(desk.workspace.data / "registry"))
            world = World(desk, server)
        _live_through(world)
        yield world


def _live_through(world: World) -> None:
    desk = world.desk
    world.lepinet("db", "migrate")
    world.lepinet("reconcile")
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0 in production: better at dusk")
    world.lepinet("reconcile")
    desk.set_active("production", "v1.0.0")
    desk.commit("Roll production back to v1.0.0: wrong names\n\nGardeners say so.\n\nRequested-by: bhanu@example.org\n")
    world.lepinet("reconcile")
    with world.workspace.registry("production") as registry:
        registry.log_version(
            "v1.2.0", "models/v1.2.0", revision="sha256:" + "1" * 64, training_image_count=1500, accuracy_score=0.93
        )
        for number in range(MONITORED):
            registry.log_performance(_monitored(number), "production")
    with world.database() as owner:
        for number, row in enumerate(
            owner.execute(
                "select id from public.model_performance_logs where kind = 'monitor' order by notes"
            ).fetchall()
        ):
            when = datetime.now(UTC) - timedelta(hours=6 * (MONITORED - number) - 5)
            owner.execute("update public.model_performance_logs set test_date = %s where id = %s", [when, *row])


def _monitored(number: int) -> PerformanceLog:
    right = 12 - number % 3
    return PerformanceLog(
        id=uuid4(),
        version_name="v1.0.0",
        kind="monitor",
        test_accuracy=right / 12,
        test_sample_size=12,
        notes=f"run {number}: {right} of 12 right",
        details={"looked": "asked", "whole": True, "median_ms": 40},
    )


@dataclass(frozen=True)
class Flipped:
    """Two photos on which v1.1.0 answers otherwise than v1.0.0."""

    wrong: Answer
    """That it does not know, as it is answered before that."""
    right: Answer


@contextmanager
def flips(world: World) -> Iterator[Flipped]:
    """v1.1.0 takes a photo for a moth, and knows the one that v1.0.0 did not; its test is as before in the end."""
    with world.database() as owner:
        ((id_, details),) = owner.execute(
            "select p.id, p.details from public.model_performance_logs p join public.model_versions v"
            " on v.id = p.model_version_id where kind = 'known-images' and version_name = 'v1.1.0'"
            " order by test_date desc limit 1"
        ).fetchall()
        answers = json.loads(json.dumps(details))["answers"]
        right = next(one for one in answers if one["top"][0]["id"] != one["expected_id"])
        wrong = next(one for one in answers if one["top"][0]["id"] == one["expected_id"])
        flipped = Flipped(Answer.model_validate(wrong), Answer.model_validate(right))
        right["top"][0] |= {"id": right["expected_id"], "name": right["expected_name"]}
        wrong["top"][0] |= {"id": "999", "name": "Moon Moth"}
        said = "update public.model_performance_logs set details = %s where id = %s"
        owner.execute(said, [Jsonb({**details, "answers": answers}), id_])
        yield flipped
        owner.execute(said, [Jsonb(details), id_])


@contextmanager
def asked_elsewhere(world: World) -> Iterator[None]:
    """Both versions were tested again since, on one of the photos and one that main has not."""
    other = "3" * 64
    with world.database() as owner:
        owner.execute(
            "insert into public.model_performance_logs"
            " (model_version_id, test_accuracy, test_sample_size, environment, kind, details)"
            " select p.model_version_id, 1, 2, p.environment, p.kind, p.details || jsonb_build_object("
            "   'known_images_sha256', %(other)s::text, 'answers', jsonb_build_array("
            "     p.details -> 'answers' -> 0,"
            "     (p.details -> 'answers' -> 1) || jsonb_build_object('sha256', %(other)s::text)))"
            " from public.model_performance_logs p join public.model_versions v on v.id = p.model_version_id"
            " where kind = 'known-images' and version_name in ('v1.0.0', 'v1.1.0')",
            {"other": other},
        )
        yield
        owner.execute("delete from public.model_performance_logs where known_images_sha256 = %s", [other])


def let_strangers_write(world: World) -> None:
    """Text that would do something, were it markup, in every column that holds any; deployments before all others.

    Beside it the names of species on known images, and what models.yaml and a card say of v1.3.0.
    """
    _let_strangers_merge(world.desk)
    known = world.workspace.known_images
    assert known
    with world.database() as owner:
        for number, text in enumerate(NAMES):
            written = {
                "version": uuid4(),
                "name": stranger_s_version(number),
                "answers": Jsonb(_answers(known, text)),
                "links": Jsonb({text: text, "run": "javascript:alert(1)"}),
                "deployment": uuid4(),
                "number": -number,
                "way_back": Jsonb({"version": text, "file_path": text, "revision": text}),
                "verdict": Jsonb(_verdict(text)),
                "event": uuid4(),
                "details": Jsonb({"looked": "asked", "differing": [text]}),
                "text": text,
            }
            for statement in _STRANGERS:
                owner.execute(statement, written)


def stranger_s_version(number: int) -> str:
    """What a stranger has called a version."""
    return f"{number} {NAMES[number]}"


def _answers(known: KnownImages, text: str) -> dict[str, Any]:
    """What a model says whose labels a stranger has chosen: the first photo is named right, one has an error."""
    said = [Score(id=text, name=text, confidence=0.9)]
    answers = [
        Answer(
            file_name=image.file_name,
            sha256=image.sha256,
            expected_id=image.expected_id,
            expected_name=text,
            top=(Score(id=image.expected_id, name=text, confidence=0.9), *said) if number == 0 else said,
        )
        for number, image in enumerate(known.images[1:])
    ]
    unread = known.images[0]
    answers.append(
        Answer(file_name=unread.file_name, sha256=None, expected_id=unread.expected_id, expected_name=text, error=text)
    )
    told = Answers(
        model=ModelIdentity(name=text, file_path=text, revision=text, contract=text, cautions=(text,)),
        known_images_sha256=known.sha256,
        nameable=None,
        answers=tuple(answers),
    )
    return told.model_dump(mode="json")


def _let_strangers_merge(desk: Desk) -> None:
    """A version whose notes and card are hostile, and photos of species with such names."""
    folder = desk.copy_model("v1.1.0", "v1.3.0")
    (folder / "README.md").write_text("\n\n".join(name for name in NAMES if name != "```"))
    desk.declare("v1.3.0")
    visible = "; ".join(name for name in NAMES if name.isprintable())
    told = f"v1.3.0: {{notes: {json.dumps(visible)}, links: {{run: 'https://example.org/?\"><b>'}}, "
    (desk.folder / "models.yaml").write_text(desk.manifest.replace("v1.3.0: {", told))
    photos = desk.folder / "photos" / "metadata.csv"
    with photos.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with photos.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "species_name": name} for row, name in zip(rows, NAMES[3:], strict=False))
    desk.commit("Let strangers in")


_STRANGERS = (
    """
    insert into public.model_versions
      (id, version_name, file_path, revision, notes, links, training_image_count, accuracy_score)
      values (%(version)s, %(name)s, %(text)s, %(text)s, %(text)s, %(links)s, 9, 0.5)
    """,
    """
    insert into public.model_deployments
      (id, number, environment, kind, version_id, way_back, actor, reason, status, failure, error, begun_at, ended_at,
       commit_sha, verdict)
      values (%(deployment)s, %(number)s, 'production', 'merge', %(version)s, %(way_back)s, %(text)s, %(text)s,
       'failed', 'proof', %(text)s, '2026-11-01', '2026-11-01', %(text)s, %(verdict)s)
    """,
    """
    insert into public.deployment_events (id, deployment_id, step, text)
      values (%(event)s, %(deployment)s, %(text)s, %(text)s)
    """,
    """
    insert into public.model_performance_logs
      (model_version_id, test_date, test_accuracy, test_sample_size, environment, kind, notes, details, commit_sha)
      -- By a clock that goes fast: else pages would say with each minute that it is longer ago.
      values (%(version)s, now() + interval '1 hour', 0.5, 12, 'production', 'monitor', %(text)s, %(details)s, %(text)s)
    """,
    """
    insert into public.model_performance_logs
      (model_version_id, test_accuracy, test_sample_size, environment, kind, notes, details)
      values (%(version)s, 0.5, 12, %(text)s, 'known-images', %(text)s, %(answers)s),
        (%(version)s, 0.5, 12, %(text)s, %(text)s, %(text)s, null)
    """,
    """
    update public.environments set pinned_version_id = %(version)s, pin_reason = %(text)s, claimant = %(version)s,
      claimant_label = %(text)s, claimant_commit = %(text)s, lease_until = now() + interval '1 day'
      where name = 'staging' and starts_with(%(text)s, '<img')
    """,
)


def _verdict(text: str) -> dict[str, object]:
    gate = {"name": text, "state": "failed", "threshold": 0.5, "value": 0.1, "sample_size": 12, "sentence": text}
    reasons = [{"code": text, "sentence": text, "figures": {}}]
    return {"answer": "hold", "gates": [gate], "reasons": reasons, "override": text}


class Browser:
    """Somebody's browser: holds cookies, follows nothing by itself, and sends forms as they are on the page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def cookies(self) -> httpx.Cookies:
        return self.client.cookies

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def send(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        """A form as anybody may make it up."""
        return self.client.post(path, data=dict(fields), headers=headers)

    def fill(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Fill in the form of a page that is sent to `action`, and send it."""
        return self.give((), page, action, **fields)

    def give(self, photos: Sequence[tuple[str, bytes]], page: str, action: str, **fields: str) -> httpx.Response:
        """As `fill`, with photos by their names."""
        said = {**fields_of(self.get(page).text, action), **fields}
        files = [("photos", photo) for photo in photos]
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return self.client.post(action, data=said, files=files or None, headers=own)

    def sign_in(self, **fields: str) -> httpx.Response:
        return self.fill("/sign-in", "/sign-in", **fields)


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a form."""
    form = re.search(rf'<form[^>]* action="{re.escape(action)}(?:\?[^"]*)?"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form, f"no form for {action} in {page}"
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[1])
    return {name: unescape(value) for name, value in hidden}
