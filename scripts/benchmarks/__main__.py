"""`make bench`: each row a ratio in one run, interleaved, median of five, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import photos
from benchmarks.pages import OLD, UNRETIRED, YOUNG, Filled, served
from benchmarks.race import ROUNDS, Cost, Program, in_turn, ratio
from benchmarks.registry import filled, planned, told
from benchmarks.serving import CONNECTIONS, beside, overrun, serving, swaps
from benchmarks.verdict import by_scipy, judged, timed
from registry.filled import LARGE, SMALL

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "models" / "v1.1.0"
KNOWN = ROOT / "tests" / "known_images"
LEPINET = (sys.executable, "-c", "from lepinet.cli import main; main()")
TRANSFORMERS = ROOT / ".venv-transformers" / "bin" / "python"
RESULTS = ROOT / "bench-results" / "bench.json"
_SMALL, _LARGE = (320, 240), (1632, 1224)


@dataclass(frozen=True)
class Row:
    """One promise and what was measured of it."""

    name: str
    value: float | None
    """None: not measured, and `note` says why."""
    limit: float
    at_least: bool
    """The value must be at least the limit; else at most."""
    note: str = ""

    @property
    def kept(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        state = {True: "kept", False: "BROKEN", None: "not measured"}[self.kept]
        value = "-" if self.value is None else f"{self.value:.2f}"
        return f"{self.name:<62} {value:>7}  {'≥' if self.at_least else '≤'} {self.limit:<5} {state}  {self.note}"


@dataclass(frozen=True)
class Scratch:
    """Where the benchmarks keep their photos and data."""

    folder: Path

    def lepinet(self, *arguments: str, cores: int | None = None, home: str = "home") -> Program:
        environment = {"LEPINET_HOME": str(self.folder / home)}
        return Program((*LEPINET, *arguments), self.folder, environment, cores)

    def python(self, *arguments: str, cores: int | None = None, python: str = sys.executable) -> Program:
        return Program((python, *arguments), self.folder, {}, cores)

    def test(self, photos: Path, cores: int | None = None) -> Program:
        return self.lepinet("test", str(MODEL), "--known-images", str(photos), "--json", cores=cores)


def walls(costs: list[Cost]) -> list[float]:
    return [cost.wall for cost in costs]


def against_the_pipeline(scratch: Scratch) -> Iterator[Row]:
    name = "known-image test, all cores: times as fast as the pipeline"
    if not TRANSFORMERS.exists():
        yield Row(name, None, 3, at_least=True, note="make reference installs what it needs")
        return
    script = scratch.python(
        str(ROOT / "scripts/benchmarks/pipeline.py"), str(MODEL), str(KNOWN), python=str(TRANSFORMERS)
    )
    ours, theirs = in_turn(scratch.test(KNOWN), script)
    yield Row(name, ratio(walls(theirs), walls(ours)), 3, at_least=True)


def one_more_photo(scratch: Scratch) -> Iterator[Row]:
    few, many = (photos.write(scratch.folder / f"small-{n}", n, _SMALL) for n in (300, 1500))
    by_hand = str(ROOT / "scripts/benchmarks/by_hand.py")
    ours_few, ours_many, loop_few, loop_many = in_turn(
        scratch.test(few, cores=1),
        scratch.test(many, cores=1),
        scratch.python(by_hand, str(MODEL), str(few), cores=1),
        scratch.python(by_hand, str(MODEL), str(many), cores=1),
    )
    # Processor time, children's too: on one core that is the time, and neighbours on the machine do not lengthen it.
    ours = [b.cpu - a.cpu for a, b in zip(ours_few, ours_many, strict=True)]
    loop = [b.cpu - a.cpu for a, b in zip(loop_few, loop_many, strict=True)]
    yield Row("one more photo, one core: rate against a loop by hand", ratio(loop, ours), 0.85, at_least=True)


def all_cores(scratch: Scratch) -> Iterator[Row]:
    name = "all cores against one: times as fast"
    if len(os.sched_getaffinity(0)) == 1:
        yield Row(name, None, 1.7, at_least=True, note="this machine has one core")
        return
    folder = photos.write(scratch.folder / "cores", 1000, _LARGE)
    every, one = in_turn(scratch.test(folder), scratch.test(folder, cores=1))
    yield Row(name, ratio(walls(one), walls(every)), 1.7, at_least=True)


def ten_times(scratch: Scratch) -> Iterator[Row]:
    few, many = (photos.write(scratch.folder / f"ten-{n}", n, _SMALL) for n in (300, 3000))
    small, large = in_turn(scratch.test(few), scratch.test(many))
    processor = ratio([cost.cpu for cost in large], [cost.cpu for cost in small])
    memory = ratio([cost.memory for cost in large], [cost.memory for cost in small])
    yield Row("ten times the photos: times the CPU time", processor, 12, at_least=False)
    yield Row("ten times the photos: times the memory", memory, 1.2, at_least=False)


def from_the_cache(scratch: Scratch) -> Iterator[Row]:
    folder = scratch.folder / "repository"
    photos.write(folder / "photos", 2000, _LARGE)
    (folder / "models.yaml").write_text(_manifest(1))
    _git(folder)
    command = (*LEPINET, "test", str(MODEL), "--json")

    def fresh() -> Cost:
        return Program((*command, "--fresh"), folder, {"LEPINET_HOME": str(scratch.folder / "unused")}).run()

    kept = Program(command, folder, {"LEPINET_HOME": str(scratch.folder / "kept")})
    first, again = in_turn(fresh, kept, rounds=3)
    yield Row(
        "2,000 photos of two megapixels again from the cache", ratio(walls(again), walls(first)), 0.05, at_least=False
    )


def start(scratch: Scratch) -> Iterator[Row]:
    bare = scratch.folder / "bare.py"
    bare.write_text("import click\n@click.command()\n@click.version_option('1')\ndef main(): ...\nmain()\n")
    for option in ("--version", "--help"):
        ours, theirs = in_turn(scratch.lepinet(option), scratch.python(str(bare), option), rounds=4 * ROUNDS)
        yield Row(f"{option}: times a bare Click program", ratio(walls(ours), walls(theirs)), 2, at_least=False)


def validate(scratch: Scratch) -> Iterator[Row]:
    small = scratch.python(
        "-c", "import click, pydantic, yaml\nclass M(pydantic.BaseModel):\n a: int\n b: str\nprint(M(a=1, b='x'))"
    )
    large = scratch.python(
        "-c", "import yaml; print(len(yaml.load(open('models.yaml'), yaml.CSafeLoader)['versions']))"
    )
    for versions, other, what, limit in (
        (1, small, "validate, small file: times the imports and one model", 1.5),
        (10_000, large, "validate, 10,000 versions: times yaml.load in C", 2.5),
    ):
        folder = scratch.folder / f"validate-{versions}"
        folder.mkdir()
        (folder / "models.yaml").write_text(_manifest(versions))
        _git(folder)
        ours, theirs = in_turn(
            Program((*LEPINET, "validate"), folder, {}), Program(other.command, folder, {}), rounds=2 * ROUNDS
        )
        yield Row(what, ratio(walls(ours), walls(theirs)), limit, at_least=False)


def verdict(_: Scratch) -> Iterator[Row]:
    ours, ten_times_ours, theirs = in_turn(*map(timed, (judged(3000), judged(30_000), by_scipy(3000))))
    name = "verdict, 3,000 photos of 1,000 species: times one exact p by SciPy"
    yield Row(name, ratio([cost.cpu for cost in ours], [cost.cpu for cost in theirs]), 3, at_least=False)
    memory = ratio([cost.memory for cost in ten_times_ours], [cost.memory for cost in ours])
    yield Row("verdict, ten times the photos: times the memory", memory, 10, at_least=False)


def registry(scratch: Scratch) -> Iterator[Row]:
    with filled(scratch.folder / "registry", SMALL, LARGE) as (young, old):
        for way in young:
            for what, ask in (("plan, status", planned), ("history", told)):
                few, many = in_turn(ask(young[way], SMALL[0]), ask(old[way], LARGE[0]))
                name = f"{what} over {way}, 10,000 versions, 1,000,000 logs: times ten"
                yield Row(name, ratio(walls(many), walls(few)), 3, at_least=False)


def dashboard(scratch: Scratch) -> Iterator[Row]:
    """10,000 versions, 1,000 species and 100,000 rows of performance beside 10, 12 and 1,000."""
    with served(scratch.folder / "young", YOUNG) as young, served(scratch.folder / "old", OLD) as old:
        yield from _pages(young, old, "")
        photos_grew = (OLD.species * OLD.photos) / (YOUNG.species * YOUNG.photos)
        for name in ("version", "two compared"):
            few, many = in_turn(young.first(young.pages()[name]), old.first(old.pages()[name]))
            told = f"{statistics.median(walls(many)) * 1000:.0f} ms, the first time after a start"
            title = f"page {name}, nothing remembered, {photos_grew:.0f} times the photos"
            yield Row(title, ratio(walls(many), walls(few)), photos_grew, at_least=False, note=told)
        few, many = in_turn(young.cold, old.cold)
        told = f"{statistics.median(walls(many)):.1f} s"
        name = "from the command to the first page: times a young one's"
        yield Row(name, ratio(walls(many), walls(few)), 3, at_least=False, note=told)
        yield Row("memory with 10,000 versions, MB", old.megabytes(), 200, at_least=False)
        with served(scratch.folder / "unretired", UNRETIRED) as unretired:
            yield from _pages(young, unretired, ", all 10,000 in models.yaml")
            few, many = in_turn(young.first("/"), unretired.first("/"))
            told = f"{statistics.median(walls(many)) * 1000:.0f} ms, the first time after a change"
            name = "page overview, all 10,000 in models.yaml, nothing remembered"
            yield Row(name, ratio(walls(many), walls(few)), 30, at_least=False, note=told)


def _pages(young: Filled, old: Filled, where: str) -> Iterator[Row]:
    """Each page as it is from the second time on."""
    for name, path in old.pages().items():
        few, many = in_turn(young.again(young.pages()[name]), old.again(path))
        told = f"{statistics.median(walls(many)) * 1000:.0f} ms"
        yield Row(
            f"page {name}{where}: times a young registry's",
            ratio(walls(many), walls(few)),
            3,
            at_least=False,
            note=told,
        )
    largest = max(old.size(path) for path in old.pages().values())
    yield Row(f"largest page{where}, kB without photos", largest / 1000, 300, at_least=False)


def serve(scratch: Scratch) -> Iterator[Row]:
    for what, sent, count in (
        ("small photos", photos.write(scratch.folder / "sent-small", 30, _SMALL), 1000),
        ("two megapixels", photos.write(scratch.folder / "sent-large", 12, _LARGE), 200),
    ):
        with serving(scratch.folder / what, MODEL) as (ours, plain):
            its, theirs = beside(ours, plain, sent, count)
        name = f"serve, {what}, {CONNECTIONS} connections: rate against a plain handler"
        yield Row(name, ratio(walls(theirs), walls(its)), 1, at_least=True)
        # What neighbours on the machine do not change: they take more from who runs fewer threads.
        cpu = ratio([cost.cpu for cost in its], [cost.cpu for cost in theirs])
        yield Row(f"serve, {what}: processor time for a photo, times the plain handler's", cpu, 1, at_least=False)
    with serving(scratch.folder / "crowd", MODEL) as (ours, _):
        crowd = overrun(ours.url, scratch.folder / "sent-large")
    note = f"{crowd.rate:.0f} a second came, {crowd.answered:.0%} of them were answered"
    yield Row("serve, three times the load: p99 of what is answered, times", crowd.p99, 2, at_least=False, note=note)
    yield Row("serve, three times the load: share answered, or told 503", crowd.told, 1, at_least=True)
    with serving(scratch.folder / "swaps", MODEL) as (ours, _):
        swapped = swaps(ours, KNOWN, requests=10_000, times=20)
    note = f"{swapped.times} swaps, {', '.join(f'{version}: {n}' for version, n in swapped.versions.items())}"
    yield Row("serve, 10,000 photos during 20 swaps: failed", swapped.failed, 0, at_least=False, note=note)
    yield Row(
        "serve, 10,000 photos during 20 swaps: not the answer of",
        swapped.wrong,
        0,
        at_least=False,
        note="the version that it names",
    )


def _manifest(versions: int) -> str:
    head = "schema_version: 1\nknown_images: photos\nenvironments:\n  production:\n    active: v1.0.0\n"
    head += "    registry: embedded\n    endpoint: {kind: local}\nversions:\n"
    entry = (
        "  v1.{}.0:\n    file_path: org/model\n    revision: {:040x}\n    training_image_count: {}\n"
        "    accuracy_score: 0.9234\n    created_at: 2026-11-20T10:00:00Z\n    notes: photos of the wet season\n"
    )
    return head + "".join(entry.format(number, number, number) for number in range(versions))


def _git(folder: Path) -> None:
    Program(("git", "init", "--quiet", "--initial-branch=main"), folder, {}).run()


ROWS: tuple[Callable[[Scratch], Iterator[Row]], ...] = (
    start,
    validate,
    verdict,
    registry,
    dashboard,
    serve,
    against_the_pipeline,
    one_more_photo,
    all_cores,
    ten_times,
    from_the_cache,
)


def main() -> int:
    """Measure every row, or those whose function is named on the command line."""
    wanted = sys.argv[1:]
    measured = []
    for measure in ROWS:
        if wanted and measure.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="lepinet-bench-") as folder:
            for row in measure(Scratch(Path(folder))):
                print(row, flush=True)  # noqa: T201 -- the table is what it is for
                measured.append(row)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }
    rows = [asdict(row) | {"kept": row.kept} for row in measured]
    RESULTS.write_text(json.dumps({"machine": machine, "rounds": ROUNDS, "rows": rows}, indent=2, ensure_ascii=False))
    return int(any(row.kept is False for row in measured))


if __name__ == "__main__":
    sys.exit(main())
