"""`lepinet demo`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click

from lepinet.cli.story.scratch import find_clone, scratch
from lepinet.cli.story.stage import BrokenPromiseError, Stage
from lepinet.cli.story.steps import STORY, Step
from lepinet.errors import RefusedError, UnfinishedError

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(epilog="Example: lepinet demo")
@click.option("--keep", is_flag=True, help="Leave the folder in which it played, to look around in.")
def demo(*, keep: bool) -> int:
    """The whole story on this machine, with real parts: git, PostgreSQL, an HTTP endpoint, models and photos.

    It plays in a folder of its own, which it removes at its end, and takes models and photos from a clone of LepiNet's
    repository. Exit code 1 when a step does not happen as it is told.
    """
    clone = find_clone(Path.cwd())
    begun = time.monotonic()
    signal.signal(signal.SIGHUP, _interrupt)  # the terminal was closed; Ctrl-C and SIGTERM interrupt anyway
    try:
        with scratch(clone, keep=keep) as place, ExitStack() as until_the_end, _uninterrupted_end():
            stage = Stage(place, click.echo, until_the_end)
            click.echo(f"LepiNet's story, with real parts, in {place.folder}")
            for number, step in enumerate(STORY, 1):
                click.echo(f"\n{number}/{len(STORY)}  {step.title}")
                _play(step, number, stage)
    except KeyboardInterrupt:
        raise UnfinishedError("the demo was interrupted; nothing of it is left", todo="again: lepinet demo") from None
    _sum_up(stage, time.monotonic() - begun)
    if keep:
        click.echo(f"Look around: cd {place.repository} && export LEPINET_HOME={place.data}")
        click.echo("Then: lepinet serve -e production & lepinet dashboard")
    return 0


def _play(step: Step, number: int, stage: Stage) -> None:
    try:
        step.play(stage)
        stage.all_is_well()
    except BrokenPromiseError as error:
        raise RefusedError(f"step {number}, “{step.title}”, did not happen as told: {error}") from error


def _sum_up(stage: Stage, seconds: float) -> None:
    answered = stage.visitors.answered if stage.visitors else {}
    shares = ", ".join(f"{version}: {count}" for version, count in sorted(answered.items()))
    click.echo(
        f"\nAll {len(STORY)} steps happened as told, in {seconds:.0f} s. "
        f"Meanwhile {sum(answered.values())} photos were answered ({shares}), 0 failed.\n"
        "Read on: docs/tutorial.md does the same with your own hands."
    )


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


@contextmanager
def _uninterrupted_end() -> Iterator[None]:
    """Entered last and so left first: what follows is the clean-up, which a second Ctrl-C must not cut short."""
    try:
        yield
    finally:
        for number in _INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)
