"""Which model is active: what a program that serves photos by itself asks when it starts."""

from __future__ import annotations

import sys

from lepinet.errors import LepinetError, RefusedError
from lepinet.registry.records import VersionRow
from lepinet.trainer.place import registry_here
from lepinet.trainer.say import say


def get_active_model(environment: str | None = None) -> VersionRow:
    """The active version's row: its name, its figures, and with `file_path` and `revision` the files to load.

    `from_pretrained(model.file_path, revision=model.revision)` loads exactly these from the Hub. Rows from the years
    before revisions were kept have None there.

    Args:
        environment: None: the one whose active version `is_active` marks, the last that has one.

    Raises:
        RefusedError: no version is active there.
        LepinetError: the registry cannot be asked.
    """
    with registry_here(environment) as registry:
        row = registry.active_version(environment)
    if row is None:
        raise RefusedError(
            f"no version is active in {environment}" if environment else "no version is active",
            todo="Versions become active through models.yaml: lepinet activate VERSION",
        )
    return row


def get_active_model_path(environment: str | None = None, *, default: str | None = None) -> str:
    """`file_path` of the active version.

    Args:
        environment: as for `get_active_model`.
        default: the path to use when no version is active or the registry cannot be asked, which is said on stderr.

    Raises:
        LepinetError: as `get_active_model`, where no default is given.
    """
    try:
        return get_active_model(environment).file_path
    except LepinetError as error:
        if default is None:
            raise
        say(f"LepiNet does not know the active model, and takes {default}: {error}", sys.stderr)
        return default
