"""What goes wrong: one family, each error saying what happened, where, and what to do."""

from __future__ import annotations


class LepinetError(Exception):
    """Any failure that LepiNet explains itself; the command line turns it into a message and an exit code."""

    def __init__(self, what: str, *, where: str | None = None, todo: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        """One sentence in plain words."""
        self.where = where
        """The file, service or row meant, when `what` does not already say it."""
        self.todo = todo
        """What the reader can do next, as a command where there is one."""

    def lines(self) -> tuple[str, ...]:
        """What and where, then what to do; each may hold text that somebody else wrote."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return (head, self.todo) if self.todo else (head,)

    def in_one_line(self) -> str:
        """As `lines`, where there is room for one: a command or the end of a sentence follows a semicolon."""
        head, *todo = self.lines()
        if not todo:
            return head
        return f"{head.removesuffix('.')}{'. ' if todo[0][:1].isupper() else '; '}{todo[0]}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


class RefusedError(LepinetError):
    """The answer is no: the input breaks a rule, or a rule forbids the change. Trying again gives the same answer."""


class NoTokenError(RefusedError):
    """Refused to somebody without a token: it says nothing of what was asked for."""


class UsageError(LepinetError):
    """The command was called wrongly: a missing file, an unknown name, options that contradict each other."""


class OutsideError(LepinetError):
    """Something outside failed (database, endpoint, disk, git); what served before still serves."""


class MayNotAskError(OutsideError):
    """An endpoint does not let us ask it: nothing is known of what it would answer."""


class UnfinishedError(LepinetError):
    """Work was begun and is not finished; the same command run again goes on."""
