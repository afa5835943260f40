"""`lepinet serve` with limits, log and metrics on: beside a plain handler, in a crowd, and while its model changes."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TextIO, cast

from pydantic import TypeAdapter

from benchmarks.load import Reply, Senders
from benchmarks.race import Cost, in_turn
from lepinet.evaluation.cases import read_species
from lepinet.evaluation.labels import ModelLabels, SpeciesNames
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.serving.answers import Prediction
from serving.local_environment import LocalEnvironment, make_environment

CONNECTIONS = 64
_TIMES_TOO_MUCH = 3
_SECONDS = 5
_ROUNDS = 5
_VERSIONS = ("v1.0.0", "v1.1.0")
_PREDICTION = TypeAdapter(Prediction)


@dataclass(frozen=True)
class Server:
    """One that answers photos."""

    url: str
    pids: Sequence[int]


@contextmanager
def serving(folder: Path, model: Path) -> Iterator[tuple[LocalEnvironment, Server]]:
    """One environment that answers with a model, and a plain handler with the same one."""
    with ExitStack() as stack:
        command = [sys.executable, str(Path(__file__).with_name("plain.py")), str(model)]
        plain = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(plain.kill)
        ours = stack.enter_context(closing(make_environment(folder)))
        ours.start()
        ours.serve(model.name, 1)
        yield ours, Server(cast("TextIO", plain.stdout).readline().strip(), [plain.pid])


def beside(ours: LocalEnvironment, plain: Server, photos: Path, count: int) -> list[list[Cost]]:
    """What so many photos over all connections cost each of the two, in turn."""
    sent = _read(photos)
    servers = (Server(ours.url, [ours.process.pid, *ours.model_pids()]), plain)
    return in_turn(*(partial(_answered, server, sent, count) for server in servers))


def _answered(server: Server, photos: Sequence[bytes], count: int) -> Cost:
    begun, cpu = time.perf_counter(), sum(map(_cpu, server.pids))
    replies = asyncio.run(_in_turn(server.url, photos, count))
    wall, cpu = time.perf_counter() - begun, sum(map(_cpu, server.pids)) - cpu
    if any(reply.status != HTTPStatus.OK for reply in replies):
        raise RuntimeError(f"{server.url} does not answer each photo")
    return Cost(wall, cpu, 0)


def _cpu(pid: int) -> float:
    """Seconds, user and system, of all its threads."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Crowd:
    """What became of more photos than a server can bear."""

    rate: float
    """Photos a second that came."""
    answered: float
    """Their share."""
    told: float
    """The share of those that were answered or told to come back."""
    p99: float
    """Of those that were answered, as a multiple of what it is while nobody is turned away."""


def overrun(url: str, photos: Path) -> Crowd:
    """Find out what it bears, then send three times as many, whether those before are answered or not; in turn."""
    sent = _read(photos)
    rates, ratios, replies = [], [], []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        borne = asyncio.run(_in_turn(url, sent, 300))
        rates.append(_TIMES_TOO_MUCH * len(borne) / (time.perf_counter() - begun))
        crowd = asyncio.run(_at_rate(url, sent, rates[-1]))
        ratios.append(_p99(crowd) / _p99(borne))
        replies += crowd
    counted = Counter(reply.status for reply in replies)
    told = counted[HTTPStatus.OK] + counted[HTTPStatus.SERVICE_UNAVAILABLE]
    return Crowd(
        statistics.median(rates), counted[HTTPStatus.OK] / len(replies), told / len(replies), statistics.median(ratios)
    )


@dataclass(frozen=True)
class Swaps:
    """What became of photos while the model changed."""

    times: int
    versions: Mapping[str, int]
    """Answers by the version that they name."""
    failed: int
    wrong: int
    """Answers that the version which they name does not give."""


def swaps(ours: LocalEnvironment, photos: Path, requests: int, times: int) -> Swaps:
    """Move from one version to the other and back, so often, evenly among so many photos."""
    sent = _read(photos, largest=20_000)
    expected = {version: _offline(ours, version, sent) for version in _VERSIONS}
    replies, counted = asyncio.run(_during(ours, sent, requests, times))
    answers = [
        (reply.photo, _PREDICTION.validate_json(reply.body)) for reply in replies if reply.status == HTTPStatus.OK
    ]
    return Swaps(
        counted,
        Counter(answer.model.version or "" for _, answer in answers),
        failed=len(replies) - len(answers),
        wrong=sum(
            answer.predicted_id != expected[answer.model.version or ""][photo]
            or answer.model.revision != ours.target(answer.model.version or "").revision
            for photo, answer in answers
        ),
    )


async def _during(
    ours: LocalEnvironment, photos: Sequence[bytes], requests: int, times: int
) -> tuple[list[Reply], int]:
    senders = Senders(ours.url, photos)

    def move() -> int:
        for number in range(times):
            ours.wait(lambda due=requests * number // times: senders.answered >= due)  # type: ignore[misc]
            ours.serve(_VERSIONS[number % 2], number + 2)
        return times

    with closing(senders):
        replies, counted = await asyncio.gather(senders.in_turn(CONNECTIONS, requests), asyncio.to_thread(move))
    return replies, counted


async def _in_turn(url: str, photos: Sequence[bytes], count: int) -> list[Reply]:
    with closing(Senders(url, photos)) as senders:
        return await senders.in_turn(CONNECTIONS, count)


async def _at_rate(url: str, photos: Sequence[bytes], rate: float) -> list[Reply]:
    with closing(Senders(url, photos)) as senders:
        return await senders.at_rate(rate, _SECONDS)


def _offline(ours: LocalEnvironment, version: str, photos: Sequence[bytes]) -> list[str]:
    names = SpeciesNames(read_species(ours.root / "species.csv"))
    with ModelProcess(ours.root / "models" / version) as model:
        labels = ModelLabels(model.labels, names)
        return [labels.named(answer)[0].id for answer in model.answer(photos)]


def _read(photos: Path, largest: int = 1 << 20) -> list[bytes]:
    files = [file.read_bytes() for file in sorted(photos.iterdir()) if file.suffix != ".csv"]
    return [file for file in files if len(file) <= largest]


def _p99(replies: Sequence[Reply]) -> float:
    """Seconds, of the photos that were answered."""
    seconds = sorted(reply.seconds for reply in replies if reply.status == HTTPStatus.OK)
    return seconds[int(len(seconds) * 0.99)]
