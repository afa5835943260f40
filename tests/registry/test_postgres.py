"""Calls over a connection string: roles, JSON, refusals, and whatever can be in the way of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import psycopg
import pytest

from lepinet.errors import LepinetError, OutsideError, RefusedError, UsageError
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.refusals import SUPERSEDED, NoAnswerError, RegistryRefusal, UnreachableError
from lepinet.timings import Timings

Eventually: TypeAlias = Callable[[Callable[[], bool]], bool]

PATIENT = Timings()
SHORT = Timings(connect=1, request=1)
"""To see a limit reached."""

FUNCTIONS = """
create function public.echo(a jsonb, b text, c double precision, d integer, e boolean, f uuid) returns jsonb
  language sql as $$ select jsonb_build_object('a', a, 'b', b, 'c', c, 'd', d, 'e', e, 'f', f, 'role', current_user) $$;
create function public.nothing() returns void language sql as $$ select $$;
create function public.registry_pulse() returns jsonb language sql as $$ select '1'::jsonb $$;
create function public.sleep(seconds double precision) returns void language sql as $$ select pg_sleep(seconds) $$;
create function public.refuse(code text, what text, todo text, detail text) returns jsonb language plpgsql as $$
  begin raise exception using errcode = code, message = what, hint = todo, detail = detail; end $$;
create function public.forbidden() returns jsonb language sql as $$ select 1::text::jsonb $$;
create table public.noted (n integer primary key);
create function public.note(n integer) returns jsonb language plpgsql security definer as $$
  begin
    insert into public.noted values (note.n) on conflict do nothing;
    return (select to_jsonb(count(*)) from public.noted);
  end $$;
create function public.once(n integer) returns void language plpgsql security definer as $$
  begin
    insert into public.noted values (once.n);
  exception when unique_violation then
    raise exception using errcode = 'PT409', message = 'not twice';
  end $$;
create function public.end_connection() returns jsonb language plpgsql security definer as $$
  begin
    insert into public.noted select coalesce(max(n), 0) + 1 from public.noted;
    perform pg_terminate_backend(pg_backend_pid());
    return 'true';
  end $$;
revoke execute on function public.forbidden() from public;
"""


@pytest.fixture
def url(server: EmbeddedServer, empty_database: str) -> str:
    """A database with functions that do what a registry's may."""
    with server.connect(empty_database) as connection:
        connection.execute(FUNCTIONS.encode())
    return server.url(empty_database)


@pytest.fixture
def transport(url: str) -> PostgresTransport:
    return PostgresTransport(url, PATIENT)


def test_arguments_and_answers_are_json(transport: PostgresTransport) -> None:
    identity = "0f5c21a0-0000-4000-8000-000000000000"
    answer = transport.call("echo", a={"x": [1, None, "é"]}, b="it's 100 %", c=0.1, d=3, e=True, f=identity)
    assert answer == {
        "a": {"x": [1, None, "é"]},
        "b": "it's 100 %",
        "c": 0.1,
        "d": 3,
        "e": True,
        "f": identity,
        "role": "service_role",
    }
    assert transport.call("echo", a=None, b=None, c=1, d=None, e=None, f=None)["c"] == 1
    assert transport.call("nothing") is None


@pytest.mark.parametrize(("hint", "todo"), [("ask Asha", "ask Asha"), (SUPERSEDED, None), ("", None)])
def test_a_rule_says_no(transport: PostgresTransport, hint: str, todo: str | None) -> None:
    with pytest.raises(RegistryRefusal) as caught:
        transport.call("refuse", code="PT409", what="v1.0.0 is taken", todo=hint, detail='{"next": "v1.0.1"}')
    refusal = caught.value
    assert (refusal.code, refusal.what, refusal.hint) == (409, "v1.0.0 is taken", hint or None)
    assert (refusal.todo, refusal.detail) == (todo, '{"next": "v1.0.1"}')


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (("forbidden", {}), OutsideError, "owner of the database"),
        (("not_there", {}), OutsideError, "lepinet db migrate"),
        (("echo", {"a": {}, "b": "", "c": 1, "d": 1, "e": True, "f": "no uuid"}), RefusedError, "no uuid"),
    ],
)
def test_an_error_says_what_to_do(
    transport: PostgresTransport, call: tuple[str, dict[str, Any]], kind: type[LepinetError], says: str
) -> None:
    function, arguments = call
    with pytest.raises(kind) as caught:
        transport.call(function, **arguments)
    assert says in str(caught.value)
    assert not isinstance(caught.value, NoAnswerError)


def test_a_lock_is_waited_for_and_given_up(url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("lock table public.noted")
        with pytest.raises(OutsideError, match="kept the row locked"):
            PostgresTransport(url, SHORT).call("note", n=1)
    assert PostgresTransport(url, PATIENT).call("note", n=1) == 1


def test_a_function_that_takes_too_long_has_done_nothing(url: str) -> None:
    with pytest.raises(OutsideError, match="gave up; nothing was changed") as caught:
        PostgresTransport(url, SHORT).call("sleep", seconds=30)
    assert not isinstance(caught.value, NoAnswerError)


Fate: TypeAlias = Literal["pass", "cut", "swallow"]


@contextmanager
def through_a_bad_line(url: str, folder: Path, fates: Sequence[Fate]) -> Iterator[tuple[str, list[int]]]:
    """What becomes of the answers to each connection's COMMIT; those of later connections pass.

    Yields a URL that leads over it, and the numbers of the connections made, which grow.
    """
    target = psycopg.conninfo.conninfo_to_dict(url)
    made: list[int] = []
    ends: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket, fate: Fate) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if fate == "cut" and b"COMMIT\0" in data:
                    break
                if fate == "pass" or b"COMMIT\0" not in data:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(f"{target['host']}/.s.PGSQL.5432")
                ends.extend((client, behind))
                fate = fates[len(made)] if len(made) < len(fates) else "pass"
                made.append(len(made) + 1)
                threading.Thread(target=pump, args=(client, behind, "pass"), daemon=True).start()
                threading.Thread(target=pump, args=(behind, client, fate), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        accepting = threading.Thread(target=serve)
        accepting.start()
        yield f"postgresql://{target['user']}@/{target['dbname']}?host={quote(str(folder), safe='')}&port=5432", made
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for end in ends:
        end.close()


def rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from public.noted").fetchone()
    assert row is not None
    return int(row[0])


def test_an_answer_that_was_lost_is_asked_for_again(url: str, tmp_path: Path) -> None:
    with through_a_bad_line(url, tmp_path, ["cut"]) as (line, made):
        assert PostgresTransport(line, PATIENT).call("note", n=7) == 1
    assert len(made) == 2


def test_a_refusal_is_an_answer_to_the_second_try_too(url: str, tmp_path: Path) -> None:
    with through_a_bad_line(url, tmp_path, ["cut"]) as (line, _), pytest.raises(RegistryRefusal, match="not twice"):
        PostgresTransport(line, PATIENT).call("once", n=7)


def test_twice_no_answer_is_said_to_be_unknown(url: str, tmp_path: Path) -> None:
    with through_a_bad_line(url, tmp_path, ["cut", "cut"]) as (line, made), pytest.raises(NoAnswerError):
        PostgresTransport(line, PATIENT).call("note", n=7)
    assert (len(made), rows(url)) == (2, 1)


def test_silence_ends_and_is_not_asked_again(url: str, tmp_path: Path) -> None:
    with through_a_bad_line(url, tmp_path, ["swallow"]) as (line, made), pytest.raises(NoAnswerError):
        PostgresTransport(line, SHORT).call("note", n=7)
    assert (len(made), rows(url)) == (1, 1)


def test_a_silence_after_what_only_reads_is_no_doubt_about_what_was_done(url: str, tmp_path: Path) -> None:
    with through_a_bad_line(url, tmp_path, ["swallow"]) as (line, _), pytest.raises(UnreachableError) as caught:
        PostgresTransport(line, SHORT).call("registry_pulse")
    assert not isinstance(caught.value, NoAnswerError)


def test_a_backend_that_is_ended_is_replaced_once(url: str) -> None:
    with pytest.raises(NoAnswerError, match="did not answer end_connection"):
        PostgresTransport(url, PATIENT).call("end_connection")
    assert rows(url) == 0


def test_nothing_listens_and_the_password_stays_secret() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OutsideError, match="cannot be reached") as caught:
        PostgresTransport(f"postgresql://u:geheim@127.0.0.1:{port}/db", PATIENT).call("nothing")
    assert f"127.0.0.1:{port}/db" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_peer_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(OutsideError, match="no answer in time"):
            PostgresTransport(f"postgresql://u:geheim@127.0.0.1:{port}/db", SHORT).call("nothing")


def test_a_wrong_password_is_named_and_not_shown(
    superuser: psycopg.Connection[tuple[Any, ...]], server_folder: Path, url: str, eventually: Eventually
) -> None:
    superuser.execute("create role locked login password 'right'")
    rules = server_folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all locked scram-sha-256\n" + before)
    superuser.execute("select pg_reload_conf()")
    try:
        assert eventually(lambda: not _lets_in(url.replace("//lepinet@", "//locked@")))
        with pytest.raises(OutsideError, match="refuses the password") as caught:
            PostgresTransport(url.replace("//lepinet@", "//locked:geheim@"), PATIENT).call("nothing")
        assert "geheim" not in str(caught.value)
        with pytest.raises(OutsideError, match="too few rights"):
            PostgresTransport(url.replace("//lepinet@", "//locked:right@"), PATIENT).call("nothing")
    finally:
        rules.write_text(before)
        superuser.execute("select pg_reload_conf()")
        superuser.execute("drop role locked")


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("db.abcdefghijklmnopqrst.supabase.co", "user postgres.abcdefghijklmnopqrst"),
        ("aws-0-ap-south-1.pooler.supabase.com", "restore it in the dashboard"),
        ("localhost", "is it running"),
    ],
)
def test_an_address_that_cannot_be_reached_says_what_helps(host: str, says: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OutsideError) as caught:
        PostgresTransport(f"postgresql://u:geheim@{host}:{port}/db?hostaddr=127.0.0.1", PATIENT).call("nothing")
    assert says in str(caught.value.todo)


def test_supabase_gets_no_password_without_tls() -> None:
    heard = b""

    def without_tls() -> None:
        nonlocal heard
        client, _ = listener.accept()
        with client:
            heard = client.recv(8)
            client.sendall(b"N")
            heard += client.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = threading.Thread(target=without_tls)
        peer.start()
        host = f"aws-0-ap-south-1.pooler.supabase.com:{listener.getsockname()[1]}"
        with pytest.raises(OutsideError, match="SSL was required"):
            PostgresTransport(f"postgresql://u:geheim@{host}/db?hostaddr=127.0.0.1", PATIENT).call("nothing")
        peer.join()
    assert len(heard) == 8, "the request for TLS and not a byte more"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://abcdefghijklmnopqrst.supabase.co",
        "postgresql://u:geheim@geheim@host/db",
        "postgresql://u:geheim@host:port/db",
        "postgresql://u:123/geheim@host/db",
        "postgresql://u:geheim/123@host/db",
        "postgresql://u:%geheim@host/db",
        "postgresql://postgres:[YOUR-PASSWORD]@host:5432/postgres",
    ],
)
def test_a_string_that_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        PostgresTransport(url, PATIENT)
    assert "geheim" not in str(caught.value)
