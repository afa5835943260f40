"""Inference Endpoints on loopback: their management, and before their replicas the proxy that photos come to.

Each look at an endpoint takes its update a step further, so that nothing depends on a clock: first the service has not
noticed, then the replicas turn over one by one while the old ones answer. What the replicas answer is a real model's.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import jsonschema

from hf_stand_in.answers import Reply
from hf_stand_in.endpoints_schema import ERROR, ROUTES
from hf_stand_in.faults import Fault
from hf_stand_in.replicas import Replicas, Served
from hf_stand_in.server import Sender, served

BEGAN = datetime(2026, 11, 24, 16, tzinfo=UTC)
MACHINE: dict[str, Any] = {
    "framework": "pytorch",
    "task": "image-classification",
    "accelerator": "cpu",
    "vendor": "aws",
    "region": "us-east-1",
    "instance_size": "x1",
    "instance_type": "intel-spr",
    "type": "authenticated",
    "min_replica": 2,
    "max_replica": 2,
}
"""What a test's endpoint runs on, as `create_inference_endpoint` takes it."""
_USER = {"id": "0" * 24, "name": "asha"}
_MODEL = "LEPINET_MODEL"


class Watching(Protocol):
    """Hears of each call, and may cut it off: before it is carried out, or before it is answered."""

    def arrives(self, call: str) -> bool: ...

    def answered(self) -> bool: ...


@dataclass
class Order:
    """A fault that some of the next calls meet."""

    fault: Fault
    on: re.Pattern[str]
    skipped: int
    """So many calls of that kind come through before."""
    times: int
    carried_out: bool
    """The call does what it should, and only its answer is another."""
    met: bool = False


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Endpoint:
    """One endpoint, and how far its update has come."""

    settings: dict[str, Any]
    """What it was created with, as updates have left it."""
    url: str
    state: str = "pending"
    message: str = ""
    error: str | None = None
    moved: int = 0
    """How often `updatedAt` has moved."""
    replicas: list[Served] = field(default_factory=list)
    steps: deque[Callable[[Endpoint], bool]] = field(default_factory=deque)
    """What the next looks find done; a step that says False waits for a process, and comes again."""
    noticing: int = 1
    """So many looks after an update still find the old state."""
    slow: int = 0
    """So many more looks until the first replica has turned."""
    flaps: int = 0
    """So often it takes back that it runs."""
    fails_after: int | None = None
    """So many looks after it runs, the next update fails after all."""
    keeps: str | None = None
    """A revision that it goes on serving, whatever it is told and says."""
    stale: bool = False
    """What was answered once is answered again, whoever asks not to."""
    cache: dict[str, Reply] = field(default_factory=dict)

    @property
    def wanted(self) -> Served:
        model = self.settings["model"]
        custom = "custom" in model["image"]
        named = model.get("env", {}).get(_MODEL, "") if custom else None
        return Served(model["repository"], self.keeps or model["revision"], named)

    @property
    def count(self) -> int:
        count: int = self.settings["compute"]["scaling"]["minReplica"] or 1
        return count


@dataclass
class Endpoints:
    """All endpoints of the service, what is ordered of it, and what was asked."""

    replicas: Replicas
    url: str = ""
    data: str = ""
    """Where photos are posted; an endpoint's name follows."""
    tokens: set[str] = field(default_factory=set)
    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)
    watch: Watching | None = None
    heard: Callable[[str | None], object] = lambda _: None
    """Told the token of each call."""
    _orders: list[Order] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def order(self, fault: Fault, on: str = "", *, skipped: int = 0, times: int = 1, carried_out: bool = True) -> None:
        self._orders.append(Order(fault, re.compile(on), skipped, times, carried_out))

    @property
    def met(self) -> bool:
        """Every order was met at least once."""
        return all(order.met for order in self._orders)

    def forget(self) -> None:
        """Nothing is ordered, nothing was asked."""
        self._orders.clear()
        self.calls.clear()

    def ordered(self, call: str) -> Order | None:
        with self._lock:
            self.calls.append(call)
            for order in self._orders:
                if not order.on.search(call):
                    continue
                if order.skipped:
                    order.skipped -= 1
                elif order.times:
                    order.times -= 1
                    order.met = True
                    return order
        return None

    def settle(self, endpoint: Endpoint) -> None:
        """Bring an endpoint to what it is told, as its looks would."""
        self.replicas.ready(endpoint.wanted)
        while endpoint.steps:
            self.look(endpoint)

    def look(self, endpoint: Endpoint) -> None:
        with self._lock:
            if endpoint.steps and endpoint.steps[0](endpoint):
                endpoint.steps.popleft()

    def manage(self, method: str, path: str, token: str | None, body: Any) -> Reply:
        """An answer of the management, held to the schemas."""
        try:
            if token not in self.tokens:
                raise RefusedError(401, "Invalid credentials")  # noqa: TRY301 -- one answer for all of them
            route, namespace, name = _route(method, path)
            _check_request(route, body)
            with self._lock:
                value = self._carry_out(route, namespace, name, body)
        except RefusedError as refused:
            value = {"error": str(refused)}
            jsonschema.validate(value, ERROR)
            return _json(refused.status, value)
        jsonschema.validate(value, ROUTES[route][1])
        return _json(202 if route == "create" else 200, value)

    def predict(self, method: str, path: str, token: str | None, body: bytes, headers: dict[str, str]) -> Reply:
        """An answer of the proxy before an endpoint's replicas."""
        _, namespace, name, *rest = path.split("/", 3)
        endpoint = self.endpoints.get((namespace, name))
        if endpoint is None:
            return _json(404, {"error": "Not Found"})
        if endpoint.settings["type"] != "public" and token not in self.tokens:
            return _json(401, {"error": "Unauthorized", "code": "UNAUTHORIZED"})
        with self._lock:
            if endpoint.state == "paused":
                paused = "Bad Request: The endpoint is paused, ask a maintainer to restart it"
                return _json(400, {"error": paused, "code": "BAD_REQUEST"})
            if endpoint.state == "scaledToZero":
                self._begin(endpoint, "initializing", start=True)
            if endpoint.state in {"initializing", "pending"} and method == "POST":
                self.look(endpoint)  # the proxy looks, too
            if not endpoint.replicas:
                return _json(503, {"error": "503 Service Unavailable", "code": "SERVICE_UNAVAILABLE"})
            replica = endpoint.replicas[0]
            endpoint.replicas = [*endpoint.replicas[1:], replica]  # the next request goes to the next one
        key = hashlib.sha256(body).hexdigest()
        asked_for = endpoint.settings["cacheHttpResponses"] and headers.get("x-use-cache") != "false"
        if (asked_for or endpoint.stale) and key in endpoint.cache:
            return endpoint.cache[key]
        reply = self.replicas.ready(replica).ask(method, "/" + "".join(rest), body, headers)
        if reply.status == HTTPStatus.OK:
            endpoint.cache[key] = reply
        return reply

    def _carry_out(self, route: str, namespace: str, name: str | None, body: Any) -> Any:
        if route == "list":
            return {"items": [_said(one) for (space, _), one in self.endpoints.items() if space == namespace]}
        if route == "create":
            return self._create(namespace, body)
        endpoint = self.endpoints.get((namespace, name or ""))
        if endpoint is None:
            raise RefusedError(404, f"Endpoint {name} not found")
        if route == "get":
            self.look(endpoint)
        elif route == "delete":
            del self.endpoints[namespace, name or ""]
            return None
        elif route == "update":
            self._update(endpoint, body)
        elif route == "resume":
            if endpoint.state == "running":
                raise RefusedError(400, "Bad Request: Endpoint is already running")
            self._begin(endpoint, "initializing", start=True)
        else:
            endpoint.state = {"pause": "paused", "scale-to-zero": "scaledToZero"}[route]
            endpoint.replicas, endpoint.moved = [], endpoint.moved + 1
            endpoint.steps.clear()
        return _said(endpoint)

    def _create(self, namespace: str, body: Any) -> Any:
        if (namespace, body["name"]) in self.endpoints:
            raise RefusedError(409, "Endpoint already exists")
        settings = {"cacheHttpResponses": False, "tags": [], **body}
        endpoint = Endpoint(settings, f"{self.data}/{namespace}/{body['name']}")
        self.endpoints[namespace, body["name"]] = endpoint
        self._begin(endpoint, "pending", start=True)
        return _said(endpoint)

    def _update(self, endpoint: Endpoint, body: Any) -> None:
        for part, changes in body.items():
            before = endpoint.settings.get(part)
            endpoint.settings[part] = {**before, **changes} if isinstance(before, dict) else changes
        if endpoint.state in {"paused", "scaledToZero"}:
            endpoint.moved += 1
        else:
            self._begin(endpoint, "updating", start=False)

    def _begin(self, endpoint: Endpoint, state: str, *, start: bool) -> None:
        """Plan what the next looks find; starting, there are no old replicas that could answer."""
        endpoint.steps.clear()
        if start:
            endpoint.state, endpoint.replicas, endpoint.moved = state, [], endpoint.moved + 1
            endpoint.steps.append(lambda one: _say(one, "initializing"))
        else:
            endpoint.steps.extend([lambda _: True] * endpoint.noticing)
            endpoint.steps.append(lambda one: _say(one, state))
        endpoint.steps.extend([lambda _: True] * endpoint.slow)
        endpoint.steps.extend([self._turn] * endpoint.count)
        for _ in range(endpoint.flaps):
            endpoint.steps.append(lambda one: _say(one, "running"))
            endpoint.steps.append(lambda one: _say(one, "updating"))
        endpoint.steps.append(lambda one: _say(one, "running"))
        if endpoint.fails_after is not None:
            endpoint.steps.extend([lambda _: True] * endpoint.fails_after)
            endpoint.steps.append(_break)
            endpoint.fails_after = None
        endpoint.error = None

    def _turn(self, endpoint: Endpoint) -> bool:
        """One more replica serves what is wanted; False while its process starts."""
        wanted = endpoint.wanted
        replica = self.replicas.of(wanted)
        if wanted.revision == self.replicas.broken:
            return self._fail(endpoint)
        if not replica.started.is_set():
            return False
        if replica.failed:
            return self._fail(endpoint)
        old = next((at for at, serves in enumerate(endpoint.replicas) if serves != wanted), None)
        if old is not None:
            del endpoint.replicas[old]
        if len(endpoint.replicas) < endpoint.count:
            endpoint.replicas.append(wanted)
        return True

    def _fail(self, endpoint: Endpoint) -> bool:
        """It cannot be started; what answered before goes on."""
        wanted = endpoint.wanted
        endpoint.error = f"Endpoint failed to start: no {wanted.repository} at revision {wanted.revision}"
        endpoint.steps.clear()
        endpoint.steps.append(lambda _: True)
        return _say(endpoint, "updateFailed" if endpoint.replicas else "failed")


class Manager(Sender):
    """Answers calls of the management and photos, or does what was ordered instead."""

    service: Endpoints
    data: bool

    def do_GET(self) -> None:  # noqa: N802 -- http.server calls it so
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        call = f"{self.command} {'photo' if self.data else self.path.removeprefix('/v2/')}"
        service = self.service
        service.heard(self._token)
        order = service.ordered(call)
        if service.watch and service.watch.arrives(call):
            self.close_connection = True
            return
        reply = self._reply(body) if order is None or order.carried_out else Reply(500, b"")
        if service.watch and service.watch.answered():
            self.close_connection = True
            return
        try:
            (order.fault if order else Sender.send)(self, reply)
        except ConnectionError:
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 -- as above

    @property
    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _reply(self, body: bytes) -> Reply:
        token = self._token
        if self.data:
            sent = {name: self.headers[name] for name in ("Content-Type", "x-use-cache") if name in self.headers}
            return self.service.predict(self.command, self.path, token, body, sent)
        value = json.loads(body) if body else None
        return self.service.manage(self.command, self.path, token, value)


@contextmanager
def endpoints_online(hub: str, folder: Path) -> Iterator[Endpoints]:
    """The service with no endpoint yet, as long as the context lasts.

    Args:
        hub: the URL of the Hub, where replicas fetch models.
        folder: for what they fetch.
    """
    service = Endpoints(Replicas(hub, folder))
    own = {"service": service, "ending": service.ending}
    with (
        served(type("Own", (Manager,), {**own, "data": False})) as url,
        served(type("Own", (Manager,), {**own, "data": True})) as data,
    ):
        service.url, service.data = f"{url}/v2", data
        try:
            yield service
        finally:
            service.ending.set()
            service.replicas.end()


_PATH = re.compile(r"/v2/endpoint/([^/]+)(?:/([^/]+)(?:/(pause|resume|scale-to-zero))?)?")
_BY_METHOD = {
    ("GET", False): "list",
    ("POST", False): "create",
    ("GET", True): "get",
    ("PUT", True): "update",
    ("DELETE", True): "delete",
}


def _route(method: str, path: str) -> tuple[str, str, str | None]:
    """Its name, and the namespace and the endpoint that are meant."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise RefusedError(404, "Not found")
    namespace, name, action = found.groups()
    route = action or _BY_METHOD.get((method, name is not None), "")
    if not route or (action is not None and method != "POST"):
        raise RefusedError(405, "Method not allowed")
    return route, namespace, name


def _check_request(route: str, body: Any) -> None:
    try:
        jsonschema.validate(body, ROUTES[route][0])
    except jsonschema.ValidationError as error:
        raise RefusedError(400, f"Bad Request: {error.message}") from None


def _say(endpoint: Endpoint, state: str) -> bool:
    endpoint.state = state
    endpoint.moved += 1
    return True


def _break(endpoint: Endpoint) -> bool:
    """It ran, and fails after all."""
    endpoint.error = "Endpoint failed: container exited with code 137"
    endpoint.replicas = []
    return _say(endpoint, "failed")


def _said(endpoint: Endpoint) -> dict[str, Any]:
    model = endpoint.settings["model"]
    ready = sum(one == endpoint.wanted for one in endpoint.replicas)
    running = endpoint.state == "running"
    status = {
        "createdAt": _date(0),
        "createdBy": _USER,
        "updatedAt": _date(endpoint.moved),
        "updatedBy": _USER,
        "state": endpoint.state,
        "message": endpoint.message,
        "readyReplica": len(endpoint.replicas) if running else ready,
        "targetReplica": 0 if endpoint.state in {"paused", "scaledToZero"} else endpoint.count,
    }
    if endpoint.state not in {"pending", "paused"}:
        status["url"] = endpoint.url
    if endpoint.error:
        status["errorMessage"] = endpoint.error
    return {
        **{
            key: endpoint.settings[key] for key in ("name", "type", "provider", "compute", "cacheHttpResponses", "tags")
        },
        "model": {**model, "revision": model.get("revision")},
        "status": status,
        "healthRoute": "/health",
        "experimentalFeatures": {},
        "notifications": {},
    }


def _date(moved: int) -> str:
    return (BEGAN + timedelta(seconds=moved)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _json(status: int, value: Any) -> Reply:
    return Reply(status, b"" if value is None else json.dumps(value).encode(), {"Content-Type": "application/json"})
