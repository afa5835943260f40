"""`lepinet schema`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli.output import say, write_text

_MANIFEST = "manifest"
_NAMES = (_MANIFEST, "test", "compare", "check", "known-images")


@click.command(epilog="Examples: lepinet schema compare · lepinet schema --write")
@click.argument("name", type=click.Choice(_NAMES), default=_MANIFEST, required=False)
@click.option("--write", is_flag=True, help="Write all of them below this folder: models.schema.json, docs/schemas/.")
def schema(*, name: str, write: bool) -> int:
    """Print the JSON Schema of models.yaml, or of what a command writes with --json."""
    if not write:
        click.echo(_text(name), nl=False)
        return 0
    for each in _NAMES:
        path = Path("models.schema.json") if each == _MANIFEST else Path("docs/schemas", f"{each}.json")
        write_text(path, _text(each))
        say(f"wrote {path}")
    return 0


def _text(name: str) -> str:
    if name == _MANIFEST:
        from lepinet.manifest.schema import schema_text  # noqa: PLC0415 -- editors' schema needs no model runtime

        return schema_text()
    from lepinet.report import schemas  # noqa: PLC0415 -- only these need it

    return schemas.schema_text(name)
