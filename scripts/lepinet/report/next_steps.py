"""What is left to do after `lepinet init`, as a page of the repository: commands, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WRITE_CODE_OWNERS = "printf '%s @OWNER\\n' /models.yaml /.github/ > .github/CODEOWNERS"
"""Of a person or a team that only who knows them can name."""


@dataclass(frozen=True)
class Begun:
    """A repository after `lepinet init`, as far as its next steps depend on it."""

    environment: str
    """The last one."""
    version: str
    active: bool
    """The version is declared active; else there were no known images to show anything by."""
    known_images: str
    secrets: tuple[str, ...]
    """What the registry needs to be told."""
    serves_here: bool
    """The endpoint is `lepinet serve` on this machine."""
    on_github: bool
    here_alone: bool
    """Its registry or its endpoint is on this machine, where no workflow reaches it."""
    has_code_owners: bool
    """Somebody has to review changes of models.yaml and the workflows."""


def next_steps(begun: Begun) -> str:
    """The page, in Markdown."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(_steps(begun), 1))
    return (
        f"# LepiNet: what is left to do\n\n{steps}\n\n"
        "`lepinet doctor` says at any time what is missing. Delete this page when nothing is.\n"
    )


def _steps(begun: Begun) -> Iterator[str]:
    if not begun.active:
        yield (
            f"Put photos whose species is certain into `{begun.known_images}`:"
            " `lepinet known-images add PHOTO… --species NAME`."
            " Twenty are a smoke test, some hundreds show a difference."
        )
        yield f"`lepinet activate {begun.version} -e {begun.environment} --local`: this is what shall be live."
    if begun.secrets:
        named = ", ".join(f"`{name}`" for name in begun.secrets)
        yield f"Put {named} into `.env`, which git passes over."
    yield "`lepinet check`: is all of it right, and does the model answer?"
    if begun.on_github and not begun.has_code_owners:
        yield (
            f"Who must review a change of models.yaml or the workflows: `{WRITE_CODE_OWNERS}`, with their name or"
            " team for OWNER. Without it nobody has to; GitHub counts no review of one's own, so alone leave it."
        )
    yield "`git add --all && git commit --message 'Begin with LepiNet'`"
    yield "`lepinet db migrate`: makes the registry's tables, and tells it whose it is."
    if begun.on_github:
        yield "`lepinet init --github`: environments and their secrets."
        yield "`git push --set-upstream origin HEAD`"
        yield "`lepinet init --github` again: a change must pass its check; that rule would refuse the first push."
    if begun.serves_here:
        yield f"`lepinet serve -e {begun.environment}`, in a terminal of its own."
    if begun.here_alone or not begun.on_github:
        yield "`lepinet reconcile`: what is declared becomes live, proved before the database says so."
    if not begun.on_github:
        yield "Once origin is on GitHub, `lepinet init` again: it adds the workflows, and then `lepinet init --github`."
    elif begun.here_alone:
        yield "`lepinet status`: what is live. GitHub checks pull requests; what is merged is reconciled here."
    else:
        yield "`lepinet status`: what is live; on GitHub the push has begun it, see *Actions*."
