"""Calls over a Supabase project's API: keys of both kinds, JSON, refusals, and whatever can be in an answer's way."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.project import Project
from lepinet.registry.records import DeploymentStatus
from lepinet.registry.refusals import SUPERSEDED, NoAnswerError, RegistryRefusal, UnreachableError
from lepinet.registry.supabase import SupabaseTransport
from lepinet.timings import Timings
from reconcile.faults import answer, cut, half, refusal, silence
from reconcile.supabase_wire import Answers, Fault, supabase_wire
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project as HostedProject

Eventually: TypeAlias = Callable[[Callable[[], bool]], bool]

HASTY = Timings(connect=1, request=1, retry=0.01)
"""To see a limit reached."""
NOTHING_MORE: Final = {"todo": "", "detail": ""}
FUNCTIONS = """
    create function public.echo(a jsonb, b text, c double precision, d integer, e boolean, f uuid) returns jsonb
      language sql as $$
        select jsonb_build_object('a', a, 'b', b, 'c', c::text, 'd', d, 'e', e, 'f', f, 'role', current_user) $$;
    create function public.nothing() returns void language sql as $$ select $$;
    create function public.refuse(code text, what text, todo text, detail text) returns jsonb language plpgsql as $$
      begin raise exception using errcode = code, message = what, hint = todo, detail = detail; end $$;
    create function public.forbidden() returns jsonb language sql as $$ select 1::text::jsonb $$;
    revoke execute on function public.forbidden() from public;
    create table public.noted (n integer primary key);
    create function public.note(n integer) returns jsonb language plpgsql security definer as $$
      begin
        insert into public.noted values (note.n) on conflict do nothing;
        return (select to_jsonb(count(*)) from public.noted);
      end $$;
"""


@pytest.fixture
def hosted(server: EmbeddedServer, empty_database: str) -> HostedProject:
    """A project with functions that do what a registry's may."""
    with server.connect(empty_database) as connection:
        connection.execute(FUNCTIONS.encode())
    return HostedProject(server.url(empty_database, "authenticator"))


@pytest.fixture
def project(hosted: HostedProject) -> Iterator[Project]:
    with project_online(hosted) as url:
        yield Project(url, hosted.secret_key)


@pytest.fixture
def transport(project: Project) -> Iterator[SupabaseTransport]:
    with closing(SupabaseTransport(project, Timings())) as transport:
        yield transport


@contextmanager
def over(project: Project, watch: Fault, timings: Timings = HASTY) -> Iterator[SupabaseTransport]:
    """A transport whose calls a fault may strike."""
    with (
        supabase_wire(project.url, watch) as url,
        closing(SupabaseTransport(replace(project, url=url), timings)) as transport,
    ):
        yield transport


def test_arguments_and_answers_are_json(transport: SupabaseTransport) -> None:
    identity = "0f5c21a0-0000-4000-8000-000000000000"
    given = {"a": {"x": [1, None, "é"]}, "b": "it's 100 %", "d": 3, "e": True, "f": identity}
    assert transport.call("echo", c=0.1, **given) == {**given, "c": "0.1", "role": "service_role"}
    assert transport.call("echo", a=None, b=None, c=1, d=None, e=None, f=None)["c"] == "1"
    assert transport.call("echo", c=math.nan, **given)["c"] == "NaN"
    assert transport.call("echo", c=-math.inf, **given)["c"] == "-Infinity"
    assert not transport.call("nothing")


def test_a_key_of_either_kind_opens_the_project(hosted: HostedProject, project: Project) -> None:
    for key in (hosted.secret_key, hosted.service_key):
        with closing(SupabaseTransport(Project(f"{project.url}/", key), Timings())) as transport:
            assert transport.call("note", n=1) == 1


@pytest.mark.parametrize(("hint", "todo"), [("ask Asha", "ask Asha"), (SUPERSEDED, None), ("", None)])
def test_a_rule_says_no(transport: SupabaseTransport, hint: str, todo: str | None) -> None:
    with pytest.raises(RegistryRefusal) as caught:
        transport.call("refuse", code="PT409", what="v1.0.0 is taken", todo=hint, detail='{"next": "v1.0.1"}')
    no = caught.value
    assert (no.code, no.what, no.hint) == (409, "v1.0.0 is taken", hint or None)
    assert (no.todo, no.detail) == (todo, '{"next": "v1.0.1"}')


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (("forbidden", {}), OutsideError, "too few rights"),
        (("not_there", {}), OutsideError, "lepinet db migrate"),
        (("note", {"n": "many"}), RefusedError, "many"),
        (("refuse", {"code": "57014", "what": "late", **NOTHING_MORE}), OutsideError, "gave up; nothing was changed"),
        (("refuse", {"code": "55P03", "what": "locked", **NOTHING_MORE}), OutsideError, "kept the row locked"),
        (("refuse", {"code": "25006", "what": "read-only", **NOTHING_MORE}), OutsideError, "disk full"),
        (("refuse", {"code": "23505", "what": "twice", **NOTHING_MORE}), RefusedError, "refuses this: twice"),
    ],
)
def test_an_error_says_what_to_do(
    transport: SupabaseTransport, call: tuple[str, dict[str, Any]], kind: type[LepinetError], says: str
) -> None:
    function, arguments = call
    with pytest.raises(kind) as caught:
        transport.call(function, **arguments)
    assert says in str(caught.value)
    assert not isinstance(caught.value, NoAnswerError)


def test_a_key_of_another_project_is_named_so_and_not_shown(project: Project) -> None:
    other = Project(project.url, "sb_secret_geheim")
    with closing(SupabaseTransport(other, HASTY)) as transport, pytest.raises(OutsideError) as caught:
        transport.call("nothing")
    assert "the project does not take the key: Invalid API key" in str(caught.value)
    assert "is it another project's" in str(caught.value)
    assert "geheim" not in f"{caught.value} {transport!r}"


def test_a_key_that_ended_is_said_to_have(hosted: HostedProject, project: Project) -> None:
    ended = replace(project, key=replace(hosted, clock=lambda: 0).service_key)
    with closing(SupabaseTransport(ended, HASTY)) as old, pytest.raises(OutsideError, match="expired on 1979-12-30"):
        old.call("nothing")


def test_a_key_that_an_answer_quotes_is_not_shown(project: Project) -> None:
    quoting = Fault(call="nothing", answers=refusal(500, "XX000", f"what is {project.key}?"))
    with over(project, quoting) as transport, pytest.raises(OutsideError, match=r"what is \*\*\*\?"):
        transport.call("nothing")


def test_a_key_is_not_shown_in_what_an_answer_advises_either(project: Project) -> None:
    quoting = Fault(call="nothing", answers=refusal(409, "PT409", "no", project.key))
    with over(project, quoting) as transport, pytest.raises(RegistryRefusal) as caught:
        transport.call("nothing")
    assert (caught.value.what, caught.value.todo) == ("no", "***")


@pytest.mark.parametrize("before", ["", "x" * 180])
@pytest.mark.parametrize("tag", ["", "<wbr>"])
def test_a_page_that_quotes_the_key_is_not_shown(project: Project, before: str, tag: str) -> None:
    """Neither where the key would be cut, nor where a tag stands in its middle."""
    page = f"<html>{before} {project.key[:9]}{tag}{project.key[9:]}</html>"
    quoting = Fault(call="nothing", answers=answer(403, page))
    with over(project, quoting) as transport, pytest.raises(OutsideError) as caught:
        transport.call("nothing")
    assert project.key[:9] not in str(caught.value)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_project_s_clock_may_be_off(hosted: HostedProject, minutes: int) -> None:
    clock = replace(hosted, clock=lambda: time.time() + minutes * 60)
    with project_online(clock) as url:
        for key in (clock.secret_key, clock.service_key):
            with closing(SupabaseTransport(Project(url, key), HASTY)) as transport:
                assert transport.call("note", n=1) == 1


@pytest.mark.parametrize(
    "answers", [cut, refusal(503, "PGRST001", "lost"), refusal(502, None, "no"), refusal(500, "40P01", "deadlock")]
)
def test_a_call_that_got_lost_comes_again_with_longer_pauses(project: Project, answers: Answers) -> None:
    fault = Fault(call="note", answers=answers, times=3, carried_out=True)
    begun = time.monotonic()
    with over(project, fault) as transport:
        assert transport.call("note", n=7) == 1
    assert fault.calls == ["note"] * 4
    assert time.monotonic() - begun >= 0.01 + 0.02 + 0.04


@pytest.mark.parametrize(("answers", "times"), [(silence, 1), (half, 1), (refusal(544, None, "too late"), 1), (cut, 5)])
def test_an_answer_that_does_not_come_is_not_known(project: Project, answers: Answers, times: int) -> None:
    fault = Fault(call="note", answers=answers, carried_out=True)
    with over(project, fault) as transport, pytest.raises(NoAnswerError, match="did not answer note; it may have"):
        transport.call("note", n=7)
    assert fault.calls == ["note"] * times


def test_what_was_lost_and_then_refused_is_refused(project: Project) -> None:
    fault = Fault(call="refuse", answers=cut, times=1, carried_out=True)
    with over(project, fault) as transport, pytest.raises(RegistryRefusal, match="not twice"):
        transport.call("refuse", code="PT409", what="not twice", **NOTHING_MORE)


def test_a_project_that_wants_a_longer_rest_than_a_call_may_take_is_left_alone(project: Project) -> None:
    busy = Fault(call="nothing", answers=answer(429, {}, **{"Retry-After": "30"}))
    begun = time.monotonic()
    with over(project, busy) as transport, pytest.raises(OutsideError, match="too many calls"):
        transport.call("nothing")
    assert len(busy.calls) == 1
    assert time.monotonic() - begun < 20


def body_in_drops(handler: BaseHTTPRequestHandler) -> None:
    """An answer, its end always to come."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    drip(handler)


def head_in_drops(handler: BaseHTTPRequestHandler) -> None:
    """Not even its status ever comes whole."""
    drip(handler)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(0.05)
    try:
        for _ in range(100_000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            try:
                if not handler.connection.recv(1):
                    return
            except TimeoutError:
                pass
    except OSError:
        return


@pytest.mark.parametrize("answers", [body_in_drops, head_in_drops])
def test_an_answer_without_end_is_given_up(project: Project, answers: Answers) -> None:
    begun = time.monotonic()
    with over(project, Fault(call="nothing", answers=answers)) as transport, pytest.raises(NoAnswerError):
        transport.call("nothing")
    assert time.monotonic() - begun < 20


def test_a_key_does_not_follow_to_another_place(project: Project) -> None:
    elsewhere = answer(307, "<title>Moved</title>", Location=f"{project.url}/rest/v1/rpc/nothing")
    fault = Fault(call="nothing", answers=elsewhere)
    with over(project, fault) as transport, pytest.raises(OutsideError, match="a web page came instead"):
        transport.call("nothing")


def test_a_proxy_is_not_asked_for_this_machine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with closing(SupabaseTransport(project, HASTY)) as transport:
        assert transport.call("note", n=1) == 1


@pytest.fixture
def own_server(tmp_path: Path, eventually: Eventually, stopped: Callable[[Path], bool]) -> Iterator[EmbeddedServer]:
    """One that a test may kill, with a registry."""
    with EmbeddedServer(tmp_path) as server:
        with server.connect() as connection:
            migrate.apply(connection)
            migrate.bind(connection, "a" * 40, ["production"])
        yield server
    assert eventually(lambda: stopped(tmp_path))


def begin(registry: Registry, claimant: UUID) -> UUID:
    """The first deployment ever."""
    registry.log_version("v1.0.0", "models/v1.0.0", revision="r")
    registry.claim(
        "production",
        generation=1,
        commit="c" * 40,
        seen_commit=None,
        claimant=claimant,
        claimant_label="run",
        lease_seconds=60,
        declares="v1.0.0",
    )
    said: dict[str, Any] = {"way_back": None, "actor": "asha", "reason": None, "verdict": None, "conditions": None}
    return registry.begin_deployment(uuid4(), "production", claimant, version_name="v1.0.0", **said).id


def test_a_database_that_is_restarted_amid_a_flip_has_flipped_once(
    own_server: EmbeddedServer, tmp_path: Path, eventually: Eventually
) -> None:
    hosted = HostedProject(own_server.url(user="authenticator"))
    with (
        project_online(hosted) as url,
        closing(
            SupabaseTransport(Project(url, hosted.secret_key), Timings(retry=0.5, retries=8, request=60))
        ) as transport,
        ThreadPoolExecutor(1) as pool,
    ):
        registry = Registry(transport, "a" * 40)
        claimant = uuid4()
        deployment = begin(registry, claimant)
        with suppress(psycopg.OperationalError), own_server.connect() as owner, owner.transaction():
            owner.execute("lock table public.model_versions in share mode")
            flip = pool.submit(registry.activate, deployment, claimant)
            assert eventually(lambda: owner.execute("select from pg_locks where not granted").rowcount > 0)
            os.kill(int((tmp_path / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            flipped = flip.result()
        assert flipped.status is DeploymentStatus.SUCCEEDED
        assert registry.snapshot("production").environment.active == "v1.0.0"


def raw(body: bytes) -> Answers:
    """A success that calls itself JSON."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"nöte": 1}'.encode("latin-1"), id="Latin-1"),
        pytest.param(b"<!doctype html><title>Sign in</title>", id="a page"),
        pytest.param(b'{"note": ', id="half of it"),
    ],
)
@pytest.mark.parametrize("function", ["registry_snapshot", "list_model_versions", "applied_migrations"])
def test_what_is_no_answer_of_the_api_is_not_blamed_on_the_data(project: Project, body: bytes, function: str) -> None:
    with over(project, Fault(call=function, answers=raw(body))) as transport:
        registry = Registry(transport)
        ask = {
            "registry_snapshot": lambda: registry.snapshot("production"),
            "list_model_versions": lambda: list(registry.versions()),
            "applied_migrations": registry.applied_migrations,
        }[function]
        with pytest.raises(OutsideError) as said:
            ask()
    assert "what came is no answer of Supabase's API" in str(said.value)
    assert "is SUPABASE_URL the project's, and no sign-in page of this network in between?" in str(said.value)


@pytest.mark.parametrize("body", ["5", "true", "{}", '"text"'])
@pytest.mark.parametrize(
    ("function", "ask"),
    [
        ("registry_snapshot", lambda registry: registry.snapshot("production")),
        ("list_model_versions", lambda registry: list(registry.versions())),
        ("deployment_history", lambda registry: registry.history()),
        ("performance_history", lambda registry: registry.performance("v1.0.0")),
        ("monitored_accuracy", lambda registry: registry.monitored_accuracy("production")),
        ("applied_migrations", lambda registry: registry.applied_migrations()),
        ("missing_objects", lambda registry: registry.missing_objects([], [], [])),
        ("caller_role", lambda registry: registry.caller_role()),
    ],
)
def test_an_answer_of_another_shape_is_said(
    project: Project, body: str, function: str, ask: Callable[[Registry], Any]
) -> None:
    with (
        over(project, Fault(call=function, answers=raw(body.encode()))) as transport,
        pytest.raises(OutsideError, match=r"what this LepiNet cannot read|is no answer of Supabase's API"),
    ):
        ask(Registry(transport))


@pytest.mark.parametrize("answers", [cut, half, silence, refusal(504, None, "late")])
def test_of_a_call_that_only_reads_nobody_is_told_that_it_was_perhaps_carried_out(
    project: Project, answers: Answers
) -> None:
    fault = Fault(call="registry_snapshot", answers=answers)
    with over(project, fault) as transport, pytest.raises(UnreachableError) as said:
        Registry(transport).snapshot("production")
    assert not isinstance(said.value, NoAnswerError)
    assert "carried" not in str(said.value)


def test_a_project_that_takes_no_old_keys_any_more_says_which_one_to_take(project: Project) -> None:
    ended = Fault(call="nothing", answers=refusal(401, None, "Legacy API keys are disabled"))
    with over(project, ended) as transport, pytest.raises(OutsideError) as said:
        transport.call("nothing")
    assert said.value.todo == (
        "copy the project's secret key of the new kind, sb_secret_…, (in its dashboard: Settings, API Keys) to "
        "SUPABASE_SERVICE_KEY"
    )
