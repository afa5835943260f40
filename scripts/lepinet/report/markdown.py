"""The check as Markdown, for the comment on a pull request and for a file."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from lepinet.evaluation.gates import Decision
from lepinet.manifest.history import ChangeClass
from lepinet.report import wording
from lepinet.report.documents import (
    CheckAnswer,
    CheckDocument,
    ComparisonDocument,
    DeclaredVersion,
    EnvironmentCheck,
    Flip,
    RegisteredVersion,
    SpeciesRecall,
)
from lepinet.report.escape import for_attribute
from lepinet.report.escape import for_markdown as text

LIMIT = 65_536
"""Characters that GitHub takes in a comment."""
_ROWS = (100, 30, 10, 3, 0)
"""So many rows a table may have; fewer when the report would be too long."""
_CLOSED = "\n\n</details>"
_CUT = "\n\n… cut here: GitHub takes no longer comment. All of it: `lepinet check --json`\n"


def check(document: CheckDocument) -> str:
    """The whole report, at most `LIMIT` characters; tables are cut first, and say so."""
    for rows in _ROWS:
        report = "\n".join(_report(document, rows))
        if len(report) <= LIMIT:
            return report
    kept = report[: LIMIT - len(_CUT) - len(_CLOSED)].rpartition("\n")[0]
    return kept + _CLOSED * (kept.count("<details>") - kept.count("</details>")) + _CUT


def _report(document: CheckDocument, rows: int) -> Iterator[str]:
    if document.problems:
        yield from _invalid(document, rows)
    elif not document.environments or any(new.error for new in document.registered):
        yield f"### LepiNet · {document.answer}"
        yield f"**{text(wording.sentence(document.sentence))}**"
    for part in document.environments:
        yield from _environment(part, document.known_images, rows)
    yield from _registered(document)
    base = f"compared with {document.base[:7]}, " if document.base else ""
    yield ""
    yield f"<sub>commit {document.head[:7]}, {base}LepiNet {document.tool_version}</sub>"
    yield ""


def _invalid(document: CheckDocument, rows: int) -> Iterator[str]:
    yield f"### LepiNet · models.yaml: **{CheckAnswer.INVALID}**"
    yield f"**{text(wording.sentence(document.sentence))}**"
    for problem in document.problems[:rows]:
        shown = str(problem)
        fence = "`" * max(3, max(map(len, "".join(c if c == "`" else " " for c in shown).split()), default=0) + 1)
        yield f"\n{fence}text\n{shown}\n{fence}"
    if len(document.problems) > rows:
        yield f"\n{len(document.problems) - rows} more problems are not shown here: `lepinet validate` names all."


def _environment(part: EnvironmentCheck, known_images: str, rows: int) -> Iterator[str]:
    candidate = part.candidate.name if part.candidate else "no version"
    yield f"### LepiNet · {text(candidate)} → {text(part.name)}: **{wording.answer_of(part)}**"
    yield from _why(part)
    yield from _figures(part)
    yield from _flips("newly wrong: look here first", part.newly_wrong, part, known_images, rows)
    yield from _details(part, known_images, rows)
    yield from _choice(part, known_images)
    if part.plan and not part.error:
        yield f"\nAfter the merge: {'; '.join(map(text, part.plan))}."
    if part.baseline:
        yield f"To go back: *Revert* below, or `lepinet rollback -e {part.name}`."
    yield ""


def _why(part: EnvironmentCheck) -> Iterator[str]:
    """One sentence, then what else speaks against it."""
    if part.error:
        yield f"**{text(wording.sentence(part.error), 1000)}**"
        return
    reasons = part.verdict.reasons if part.verdict else part.comparison.reasons if part.comparison else ()
    clear = " Nothing is known to be wrong with it." if _nothing_against_it(part) else ""
    if part.change_class is ChangeClass.ROLLBACK:
        yield "**A version that was active here before; it loads and answers, and nothing below blocks.**"
    for number, reason in enumerate(reasons[:5]):
        line = text(wording.sentence(reason.sentence))
        bold = number == 0 and part.verdict is not None
        yield f"**{line}{clear}**" if bold else f"- {line}"
    if len(reasons) > 5:
        yield f"- … and {len(reasons) - 5} more, under *Gates*"
    if part.override:
        yield f"\nIt ships by decision: {text(part.override, 1000)}"
    if part.unanswered:
        named = "; ".join(f"{text(one.file_name)} ({text(one.error)})" for one in part.unanswered[:5])
        more = f"; and {len(part.unanswered) - 5} more" if len(part.unanswered) > 5 else ""
        yield f"\nNot answered, and counted as wrong: {named}{more}."


def _nothing_against_it(part: EnvironmentCheck) -> bool:
    """Only the number of images keeps it back: nothing is to watch, and no more photos are newly wrong than right."""
    reasons = part.verdict.reasons if part.verdict else ()
    alone = [reason.code for reason in reasons] == ["too_few_images"]
    return alone and not part.unanswered and len(part.newly_wrong) <= len(part.newly_right)


def _figures(part: EnvironmentCheck) -> Iterator[str]:
    if part.test is None:
        return
    title = wording.counted_images(part.test)
    new = text(part.candidate.name) if part.candidate else ""
    if part.comparison is None:
        yield from _table((title, new), ((row.label, row.new) for row in wording.figures_alone(part.test)))
        return
    old = text(part.baseline.name) if part.baseline else ""
    rows = [(row.label, row.old, row.new, row.change) for row in wording.figures(part.comparison)]
    flipped = f"**{len(part.newly_wrong)}** / {len(part.newly_right)}"
    rows.insert(2, ("**newly wrong** / newly right", "", flipped, ""))
    yield from _table((f"{title}, {len(part.comparison.species)} species", f"{old} (active)", new, ""), rows)
    for apart in filter(None, (wording.set_apart(part.comparison), wording.left_out(part.comparison))):
        yield f"\n{text(wording.sentence(apart), 600)}"


def _flips(title: str, flips: Sequence[Flip], part: EnvironmentCheck, known_images: str, rows: int) -> Iterator[str]:
    if not flips or part.test is None or part.baseline is None or part.candidate is None:
        return
    size = part.test.sample_size
    head = (title, "it is", f"{text(part.baseline.name)} said", f"{text(part.candidate.name)} says")
    shown = (
        (
            _photo(known_images, flip.file_name),
            text(flip.expected_name, 80),
            *(text(wording.said(score, size), 80) for score in (flip.old, flip.new)),
        )
        for flip in flips[:rows]
    )
    yield from _table(head, shown)
    if len(flips) > rows:
        yield f"\n{len(flips) - rows} more are not shown here: `lepinet check --json` names all."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"\n| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _photo(known_images: str, file_name: str) -> str:
    """From the repository itself; the name stands where the picture cannot be shown."""
    path = quote(f"{known_images}/{file_name}", errors="replace")
    return f'<a href="{path}"><img src="{path}" width="96" alt="{for_attribute(file_name, 80)}"></a>'


def _details(part: EnvironmentCheck, known_images: str, rows: int) -> Iterator[str]:
    gates = part.verdict.gates if part.verdict else part.comparison.gates if part.comparison else ()
    changed = tuple(_changed(part.baseline, part.candidate))
    if not gates and not changed:
        return
    summary = [f"Gates: {wording.gates_counted(gates)}"] if gates else []
    summary += [f"{len(part.comparison.species)} species"] if part.comparison else []
    summary += [f"{len(part.newly_right)} newly right"] if part.newly_right else []
    summary += [f"what changed since {part.baseline.name}"] if changed and part.baseline else []
    yield f"\n<details><summary>{html.escape(' · '.join(summary))}</summary>"
    if gates:
        rows_of_gates = ((f"`{gate.name}`", wording.STATES[gate.state], text(gate.sentence, 600)) for gate in gates)
        yield from _table(("gate", "answer", ""), rows_of_gates)
    if part.comparison:
        yield f"\n{wording.statistics(part.comparison)}"
    yield from _species(part, rows)
    yield from _flips("newly right", part.newly_right, part, known_images, rows)
    if changed:
        yield ""
        yield from changed
    yield "\n</details>\n"


def _species(part: EnvironmentCheck, rows: int) -> Iterator[str]:
    if part.comparison is None or part.baseline is None or part.candidate is None:
        return
    head = ("species", "images", f"{text(part.baseline.name)} right", f"{text(part.candidate.name)} right")
    shown = wording.by_change(part.comparison)[:rows]
    yield from _table(head, (_species_row(part.comparison, one) for one in shown))
    if len(part.comparison.species) > rows:
        yield f"\n{len(part.comparison.species) - rows} more species are not shown here, none of which lost more."


def _species_row(document: ComparisonDocument, one: SpeciesRecall) -> tuple[str, ...]:
    note = wording.label_of(document, one.id)
    rights = (str(round(recall * one.support)) for recall in (one.old_recall, one.new_recall))
    return f"{text(one.name, 80)}{f' ({note})' if note else ''}", str(one.support), *rights


def _changed(old: DeclaredVersion | None, new: DeclaredVersion | None) -> Iterator[str]:
    if old is None or new is None:
        return
    if new.notes:
        yield f"- {text(new.name)}: {text(new.notes, 600)}"
    if new.training_image_count is not None:
        before = f", before {old.training_image_count:,}" if old.training_image_count is not None else ""
        yield f"- trained on {new.training_image_count:,} images{before}"
    if new.accuracy_score is not None:
        before = f", before {old.accuracy_score:g}" if old.accuracy_score is not None else ""
        yield f"- right in its trainer's own test: {new.accuracy_score:g}{before}"
    files, before = (f"{text(one.file_path)} @ {_short(one.revision)}" for one in (new, old))
    yield f"- files: {files}, before {before}"


def _short(revision: str) -> str:
    return revision.removeprefix("sha256:")[:7]


def _choice(part: EnvironmentCheck, known_images: str) -> Iterator[str]:
    if part.verdict is None or part.candidate is None:
        return
    stays = f"{text(part.baseline.name)} stays; " if part.baseline else ""
    new = part.candidate.name
    yield "\n**Your choice**"
    if part.blocks:
        override = f'`lepinet activate {new} -e {part.name} --override "reason"`'
        yield f"- **Ship it anyway:** {override}. The history keeps your name, the reason and this page."
    else:
        yield "- **Ship it:** approve and merge. The history keeps your name and this page."
    yield from _know_more(part, known_images)
    yield f"- **Not now:** close. {stays}{text(new)} remains registered."


def _know_more(part: EnvironmentCheck, known_images: str) -> Iterator[str]:
    if part.verdict is None or part.verdict.answer is not Decision.UNDECIDED:
        return
    for reason in part.verdict.reasons:
        needed, size = (reason.figures.get(key) for key in ("images_needed", "images"))
        if isinstance(needed, int) and isinstance(size, int) and needed > size > 0:
            yield (
                f"- **Know more:** about {needed - size:,} more photos ({needed:,} in all) would be enough, "
                f"were both equally good. They go into {text(known_images)}."
            )


def _registered(document: CheckDocument) -> Iterator[str]:
    for new in document.registered:
        yield f"\n**{text(new.version)}** is registered, and active nowhere yet. {_tested(new)}"


def _tested(new: RegisteredVersion) -> str:
    if new.error:
        return f"It cannot be tested, which keeps this change back: {text(new.error, 1000)}"
    if new.test is None or not new.test.sample_size:
        return "There are no known images to test it on."
    return f"It loads and answers: {wording.right_of(new.test)}."
