"""`lepinet validate`."""

from __future__ import annotations

import click

from lepinet.cli import options
from lepinet.cli.output import annotate_problems, on_github, show_json
from lepinet.manifest.problems import ManifestError
from lepinet.workflow.validate import validate as check
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet validate --base origin/main")
@options.base
@options.as_json
def validate(*, base: str | None, as_json: bool) -> int:
    """Check models.yaml, and with --base the change against that commit.

    Everything that is wrong is said at once, each with its line.
    """
    try:
        manifest, judgement = check(open_workspace(), base)
    except ManifestError as error:
        if not as_json:
            raise
        if on_github():
            annotate_problems(error.problems)
        problems = [vars(problem) | {"source_line": problem.excerpt} for problem in error.problems]
        show_json({"valid": False, "problems": problems})
        return 1
    kind = judgement.change.change if judgement else None
    if as_json:
        show_json({"valid": True, "problems": [], "change": kind})
        return 0
    active = ", ".join(f"{name} {one.active or 'nothing'}" for name, one in manifest.environments.items())
    click.echo(f"models.yaml is valid: versions: {len(manifest.versions)}; active: {active}")
    if judgement:
        click.echo(f"The change: {kind or 'none that matters'}")
    return 0
