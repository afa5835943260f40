"""What the story is told with: commands that are shown, run, and held to what the story says of them."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lepinet.cli.story.scratch import Ran, Scratch, program
from lepinet.cli.story.visitors import Visitors
from lepinet.errors import RefusedError

_LINES = 14
"""So much of a command's output is shown."""
_SECONDS_TO_LISTEN = 60
_SECONDS_TO_STOP = 20


class BrokenPromiseError(RefusedError):
    """Something that the story tells did not happen."""


class Stage:
    """The repository with its server and visitors, and the words said about it."""

    def __init__(self, place: Scratch, say: Callable[[str], None], until_the_end: ExitStack) -> None:
        self.place = place
        self.visitors: Visitors | None = None
        self._say = say
        self._until_the_end = until_the_end

    def run(self, command: str, *, code: int = 0, says: Sequence[str] = (), shown: int = _LINES) -> str:
        """Run a command as a user types it; show it and what came of it.

        Args:
            command: `lepinet …`, `git …` or `python …`, with a shell's quotes and nothing else of it.
            code: its exit code must be this one.
            says: what must stand in its output, whatever the line breaks.
            shown: so many lines of the output at the most.

        Raises:
            BrokenPromiseError: another exit code, or other words.
        """
        self.show(f"$ {command}")
        ran = self.place.run(shlex.split(command))
        lines = ran.output.strip().splitlines()
        for line in lines[:shown]:
            self.show(line)
        if len(lines) > shown:
            self.show(f"… {len(lines) - shown} more lines")
        self._hold_to(command, ran, code, says)
        return ran.output

    def ask(self, command: str) -> Any:
        """The JSON that a command prints, without showing either."""
        ran = self.place.run(shlex.split(command))
        try:
            return json.loads(ran.output)
        except ValueError:
            raise BrokenPromiseError(f"`{command}` should print JSON; it printed:\n{ran.output}") from None

    def show(self, line: str) -> None:
        self._say(f"  {line}" if line else "")

    def must(self, holds: object, what: str) -> None:
        """Hold the story to something that no command says.

        Raises:
            BrokenPromiseError: it is not so.
        """
        if not holds:
            raise BrokenPromiseError(f"it is not so that {what}")

    def write(self, file: str, text: str) -> None:
        """A file of the repository, as a person's editor would write it."""
        (self.place.repository / file).write_text(text, encoding="utf-8")

    def read(self, file: str) -> str:
        return (self.place.repository / file).read_text(encoding="utf-8")

    def serve(self) -> str:
        """Start `lepinet serve`, which runs until the story ends; the address where it listens."""
        self.show("$ lepinet serve &")
        line = self._until_the_end.enter_context(_serving(self.place))
        self.show(line)
        return line.split("listens on ")[1].split()[0]

    def let_visitors_in(self, url: str) -> None:
        """From now on photos are sent to the endpoint all the time."""
        photos = sorted((self.place.repository / "tests" / "known_images").glob("*_0[1-5].*"))
        small = [photo for photo in photos if photo.stat().st_size < 100_000]
        self.visitors = self._until_the_end.enter_context(Visitors(f"{url}/predict", small))

    def live(self, version: str) -> None:
        """What is declared, recorded, served and answered is this version.

        Raises:
            BrokenPromiseError: one of them is not.
        """
        (status,) = self.ask("lepinet status --json")
        for name in ("declared", "active"):
            self.must(status[name] == version, f"{version} is {name}: {status}")
        self.must(status["in_step"], f"git, database and endpoint agree: {status}")
        self.answered_by(version)

    def answered_by(self, version: str) -> None:
        """The next photo is answered, by this version."""
        visitors = self.visitors
        answer = visitors.next_answer() if visitors else {}
        self.all_is_well()
        named = answer.get("model", {}).get("version")
        self.must(named == version, f"a photo is answered by {version}: it was {named}")
        answered = visitors.answered.total() if visitors else 0
        species = answer["photo"].rpartition("_")[0].replace("_", " ").title()
        remark = "" if answer["predicted_name"] == species else f" (it is a {species}: {version} is not always right)"
        self.show(
            f"(a photo sent now: {answer['photo']} → {answer['predicted_name']}, {answer['confidence']:.0%}{remark}, "
            f"by {version}; {answered} answered so far, none failed)"
        )

    def all_is_well(self) -> None:
        """No photo has failed so far."""
        failed = self.visitors.failed if self.visitors else []
        self.must(not failed, f"every photo is answered: {'; '.join(failed[:3])}")

    def _hold_to(self, command: str, ran: Ran, code: int, says: Sequence[str]) -> None:
        said = " ".join(ran.output.split())
        missing = [words for words in says if words not in said]
        if ran.code == code and not missing:
            return
        wanted = [f"end with {code}", *(f"say “{words}”" for words in missing)]
        raise BrokenPromiseError(
            f"`{command}` should {' and '.join(wanted)}; it ended with {ran.code} and said:\n{ran.output.strip()}"
        )


@contextmanager
def _serving(place: Scratch) -> Iterator[str]:
    """The server process, from its first line on, which says where it listens."""
    log = place.folder / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            program(["lepinet", "serve"]),
            cwd=place.repository,
            env=place.environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _first_line(log, server)
    finally:
        server.terminate()
        try:
            server.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _first_line(log: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _SECONDS_TO_LISTEN
    while time.monotonic() < deadline and server.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            if "listens on " in line:
                return line
        time.sleep(0.05)
    raise BrokenPromiseError(f"`lepinet serve` should say where it listens; it said:\n{log.read_text().strip()}")
