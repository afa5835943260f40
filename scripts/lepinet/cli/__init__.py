"""The command line: options in, exit codes out. A command is imported only when it is called."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from importlib import import_module
from keyword import iskeyword
from types import FrameType
from typing import TYPE_CHECKING

import click

from lepinet import __version__
from lepinet.errors import LepinetError, OutsideError, RefusedError, UnfinishedError, UsageError
from lepinet.files import remedy

if TYPE_CHECKING:
    from lepinet.timings import Timings

NO, WRONG_USAGE, OUTSIDE, UNFINISHED = 1, 2, 3, 4
EXIT_CODES: dict[type[LepinetError], int] = {
    RefusedError: NO,
    UsageError: WRONG_USAGE,
    OutsideError: OUTSIDE,
    UnfinishedError: UNFINISHED,
}

COMMANDS = {
    "validate": ("validate", "Check models.yaml, and a change of it."),
    "test": ("test", "Test a model on the known images."),
    "compare": ("compare", "Two models side by side, and the verdict."),
    "check": ("check", "All that a pull request needs, as one verdict."),
    "known-images": ("known_images", "Whether the known images are fit to judge by."),
    "fingerprint": ("known_images", "What training photos show, to be kept beside their model."),
    "plan": ("reconcile", "What reconcile would change."),
    "reconcile": ("reconcile", "Make endpoint and database what main declares."),
    "activate": ("change", "Make a version active in models.yaml."),
    "rollback": ("change", "Return to an earlier version; --now for an emergency."),
    "register": ("change", "Add a version to models.yaml."),
    "export": ("export", "The ONNX file of a version that has none."),
    "retire": ("change", "Take versions out of models.yaml that may go."),
    "status": ("look", "What is live, and whether all agree."),
    "versions": ("look", "Every version, and where it is active."),
    "history": ("look", "Who moved what, when and why."),
    "monitor": ("monitor", "Whether the live endpoint still answers as when it was activated."),
    "unpin": ("reconcile", "Lift the pin of an emergency."),
    "serve": ("serve", "Answer photos with the active model, on this machine."),
    "dashboard": ("dashboard", "What is live, how good it is and who moved it, in the browser."),
    "admin": ("admin", "Who may look at the dashboard."),
    "init": ("init", "What a repository needs, written beside what it has."),
    "import": ("import_", "A first models.yaml from a registry kept by hand."),
    "doctor": ("doctor", "What is missing in the set-up, and what mends it."),
    "db": ("db", "The registry's database."),
    "github": ("github", "What the workflows in .github tell GitHub."),
    "schema": ("schema", "The JSON Schemas of models.yaml and of the reports."),
    "demo": ("demo", "The whole story on this machine."),
}
"""Each command's module and its line in the list, so that `--help` needs no import."""


class Commands(click.Group):
    """Commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"lepinet.cli.{COMMANDS[cmd_name][0]}"), name)
        # What was imported stays: nobody need look for circles there again and again.
        gc.freeze()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done · 1 the answer is no · 2 wrong usage · 3 something outside failed · 4 unfinished.",
)
@click.version_option(__version__, prog_name="lepinet")
def lepinet() -> None:
    """Ship image classifiers by git: models.yaml says which model version is active where.

    \b
    lepinet demo                       the whole story, on this machine
    lepinet validate                   is models.yaml right?
    lepinet check --base origin/main   what would this change do, and should it ship?
    """  # noqa: D301 -- click's \b keeps the lines apart


def main(timings: Timings | None = None) -> None:
    """Run the command line, and end the process with the design's exit code; `timings` shorten reconcile's waits."""
    # Nor at the end, when all goes at once; both together take a tenth of a short command.
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        code = lepinet.main(standalone_mode=False, obj=timings)
    except LepinetError as error:
        code = _explain(error)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ModuleNotFoundError as error:
        code = _explain(_missing(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was begun is open; run the same command again.", err=True)
        code = UNFINISHED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = NO
    except UnicodeError:
        code = _explain(UsageError("an option, a name or a file holds bytes that are no text (UTF-8)"))
    except OSError as error:
        place = str(error.filename) if error.filename else None
        code = _explain(OutsideError(error.strerror or str(error), where=place, todo=remedy(error)))
    sys.exit(code if isinstance(code, int) else 0)


def _missing(error: ModuleNotFoundError) -> UsageError:
    from lepinet.workflow.extras import extra_of, installing  # noqa: PLC0415 -- only a failing run needs it

    package = (error.name or "").partition(".")[0]
    extra = extra_of(package)
    if extra is None:
        raise error
    return UsageError(f"this command needs {package}, which is not installed", todo=installing(extra))


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    # The first one ends the run; while it gives back its lease, which has time limits, another must not interrupt that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _explain(error: LepinetError) -> int:
    from lepinet.cli.output import annotate, on_github, say  # noqa: PLC0415 -- only a failing run needs it

    # Names and texts of others stand in messages: none may begin a line of its own, or move the cursor.
    for line in str(error).split("\n") if hasattr(error, "problems") else error.lines():
        say(line)

    if on_github():
        annotate(error)
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
