"""The part of PostgREST that LepiNet and the old guide's code need: functions by POST, and rows of tables.

One request is one transaction with the caller's role, settings and claims. Whatever else PostgREST can do is refused by
its name. One thing is not as there: a function's message does not become the reason phrase of the status line.

https://docs.postgrest.org/en/v14/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from supabase_gateway import catalogue, statements, tokens
from supabase_gateway.asked import ANONYMOUS, METHODS, OBJECT, Asked, Caller, read
from supabase_gateway.catalogue import Rows
from supabase_gateway.errors import Refused, not_implemented, of_database
from supabase_gateway.query import parse


@dataclass(frozen=True)
class Rest:
    """The API of one database.

    Args:
        url: connection string of the role `authenticator`.
        secret: what tokens are signed with.
        max_rows: no answer has more rows than this.
        clock: seconds since the epoch, as this machine has them.
    """

    url: str
    secret: str = field(repr=False)
    max_rows: int = 1000
    clock: Callable[[], float] = time.time
    _idle: list[Rows] = field(default_factory=list, repr=False)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._endpoint, methods=METHODS)])

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _endpoint(self, request: Request) -> Response:
        body = await request.body()
        try:
            caller = self._caller(request.headers.get("Authorization", ""))
            return await run_in_threadpool(self._answer, read(request, caller, body))
        except Refused as refused:
            return refused.response()

    def _caller(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        claims = tokens.read(token, self.secret, self.clock()) if scheme.lower() == "bearer" else {}
        role = str(claims.get("role", ANONYMOUS))
        return Caller(role, {**claims, "role": role})

    def _answer(self, asked: Asked) -> Response:
        match asked.path:
            case ("",):
                raise Refused(404, "PGRST126", "Root endpoint metadata is disabled")
            case ("rpc", name) if name:
                return self._call(asked, name)
            case (table,) if table != "rpc":
                return self._select(asked, table) if asked.method == "GET" else self._write(asked, table)
        raise Refused(404, "PGRST125", "Invalid path specified in request URL")

    def _call(self, asked: Asked, name: str) -> Response:
        if asked.method == "GET":
            raise not_implemented("functions by GET")
        if asked.method != "POST":
            raise Refused(405, "PGRST101", f"Cannot use the {asked.method} method on RPC")
        if asked.parameters:
            raise not_implemented("filters on a function's result")
        arguments = asked.content(empty={})
        if not isinstance(arguments, dict):
            raise not_implemented("one call for each of several objects")
        with self._transaction(asked.caller) as connection:
            called = catalogue.function(connection, name, arguments)
            statements.become(connection, asked, reads_only=called.reads_only)
            single = asked.single or not called.many
            answer = statements.call(called, list(arguments), asked.text, single=single, max_rows=self.max_rows)
            content = statements.run(connection, answer, single=single and called.many).content
        return Response(status_code=204) if called.void else _json(asked, 200, content)

    def _select(self, asked: Asked, table: str) -> Response:
        query = parse(asked.parameters)
        with self._transaction(asked.caller) as connection:
            catalogue.columns(connection, table)
            statements.become(connection, asked, reads_only=True)
            wanted = statements.select(table, query, single=asked.single, max_rows=self.max_rows)
            found = statements.run(connection, wanted, single=asked.single)
        shown = f"{query.offset}-{query.offset + found.rows - 1}" if found.rows else "*"
        return _json(asked, 200, found.content, {"Content-Range": f"{shown}/*"})

    def _write(self, asked: Asked, table: str) -> Response:
        if asked.method not in {"POST", "PATCH", "DELETE"}:
            raise not_implemented(f"{asked.method} of a table")
        query = parse(asked.parameters)
        rows = asked.content() if asked.method != "DELETE" else None
        with self._transaction(asked.caller) as connection:
            known = catalogue.columns(connection, table)
            statements.become(connection, asked, reads_only=False)
            match asked.method:
                case "POST":
                    change = statements.insert(table, query, known, rows, asked.text)
                case "PATCH":
                    change = statements.update(table, query, known, rows, asked.text)
                case _:
                    change = statements.delete(table, query)
            changed = statements.run(
                connection,
                statements.returning(change, query, whole=asked.shows_rows, single=asked.single),
                single=asked.single,
            )
        if asked.shows_rows:
            return _json(asked, 201 if asked.method == "POST" else 200, changed.content)
        return Response(status_code=201 if asked.method == "POST" else 204)

    @contextmanager
    def _transaction(self, caller: Caller) -> Iterator[Rows]:
        try:
            connection = (
                self._idle.pop() if self._idle else psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
            )
        except psycopg.Error as error:
            said = "Database connection error. Retrying the connection."
            raise Refused(503, "PGRST000", said, details=str(error)) from error
        try:
            with connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise of_database(error, anonymous=caller.role == ANONYMOUS) from error
        finally:
            if not connection.closed:
                self._idle.append(connection)


def _json(asked: Asked, status: int, content: str, headers: dict[str, str] | None = None) -> Response:
    kind = OBJECT if asked.single else "application/json"
    return Response(content, status, {"Content-Type": f"{kind}; charset=utf-8", **(headers or {})})
