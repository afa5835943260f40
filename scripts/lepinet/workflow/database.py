"""`db migrate`: the SQL applied or shown, and the environments bound to this repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from lepinet.errors import RefusedError
from lepinet.registry.adopt import Adoption, adoption, openings
from lepinet.registry.calls import Connection
from lepinet.registry.kinds import open_database
from lepinet.registry.migrate import apply, bind, identity, require_ours, script
from lepinet.report.adoption import opening_lines
from lepinet.workflow.workspace import Workspace


def migrate(
    workspace: Workspace, environment: str | None, agree: Callable[[Adoption, str], bool], *, again: bool = False
) -> Iterator[str]:
    """Bring the databases of all environments, or of one, up to date; a line about each, then what others may do there.

    Environments that share a database are bound together, in promotion order. A registry that was made by hand is taken
    over when `agree` says so; it is told the last of the environments, too. `again`: apply what was applied, too.

    Raises:
        RefusedError: such a registry was not to be taken over, or cannot be; nothing was changed.
        RegistryRefusal: one of the databases belongs to another repository; none was changed.
    """
    wanted = workspace.environments(environment)
    repository = workspace.git.first_commit()
    with ExitStack() as stack:
        shared: dict[object, tuple[Connection, str, list[str]]] = {}
        for name, settings in workspace.manifest.environments.items():
            opened = open_database(
                settings.registry, name, lambda: workspace.data, workspace.settings, workspace.timings
            )
            connection, where = stack.enter_context(opened)
            shared.setdefault(identity(connection), (connection, where, []))[-1].append(name)
        ours = [one for one in shared.values() if set(one[-1]) & set(wanted)]
        for connection, _, _ in ours:
            require_ours(connection, repository)
        for connection, where, names in ours:
            by_hand = adoption(connection, apply)
            if by_hand and not agree(by_hand, names[-1]):
                raise RefusedError("what was made by hand was not taken over; nothing was changed", where=where)
            applied = apply(connection, again=again)
            bind(connection, repository, names)
            done = f"{len(applied)} migrations applied" if applied else "migrations current"
            yield f"{', '.join(names)}: {done} ({where})"
            if not by_hand:  # else `agree` was told
                yield from opening_lines(openings(connection))


def migration_script(workspace: Workspace, environment: str | None) -> str:
    """What `migrate` does in one database, as SQL for its owner: that of all environments, or of one."""
    ours = workspace.environments(environment)
    return script(workspace.git.first_commit(), tuple(workspace.manifest.environments), ours)
