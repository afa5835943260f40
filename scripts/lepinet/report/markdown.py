"""The check as Markdown, for the comment on a pull request and for a file."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from lepinet.evaluation.gates import Decision
from lepinet.report import headline, wording
from lepinet.report.choices import choices
from lepinet.report.documents import (
    CheckDocument,
    ComparisonDocument,
    EnvironmentCheck,
    Flip,
    SpeciesRecall,
)
from lepinet.report.escape import columns_for_terminal, for_attribute, from_markdown
from lepinet.report.escape import for_markdown as text
from lepinet.report.headline import Headline

LIMIT = 60_000
"""Characters: GitHub takes 65,536 in a comment, and what becomes of the merge is said in the same one."""
_ROWS = (100, 30, 10, 3, 0)
"""So many rows a table may have; fewer when the report would be too long."""
_ANSWER = re.compile(r"^### LepiNet · (.+): \*\*(.+)\*\*\n\*\*(.+)\*\*$", re.MULTILINE)
_FURTHER = 4
"""So many reasons beside the first."""
_CLOSED = "\n\n</details>"
_CUT = "\n\n… cut here: GitHub takes no longer comment. All of it: `lepinet check --json`\n"


def check(document: CheckDocument, files: str | None = None) -> str:
    """The whole report, at most `LIMIT` characters; tables are cut first, and say so.

    Args:
        document: what was found.
        files: URL below which the repository's files are, as `https://github.com/acme/butterflies/raw/COMMIT`; without
            one, photos are linked as from a file at the repository's root.
    """
    photos = "/".join(part for part in (files, quote(document.known_images, errors="replace")) if part)
    for rows in _ROWS:
        report = "\n".join(_report(document, photos, rows))
        if len(report) <= LIMIT:
            return report
    kept = report[: LIMIT - len(_CUT) - len(_CLOSED)].rpartition("\n")[0]
    return kept + _CLOSED * (kept.count("<details>") - kept.count("</details>")) + _CUT


def answers(report: str) -> tuple[Headline, ...]:
    """What a report that `check` wrote says first, of each environment, without markup."""
    told = [[from_markdown(part) for part in found] for found in _ANSWER.findall(report)]
    return tuple(Headline(title, word, _decision(word), sentence) for title, word, sentence in told)


def _decision(word: str) -> Decision:
    return next((one for one, said in wording.DECISIONS.items() if said == word), Decision.UNDECIDED)


def _report(document: CheckDocument, photos: str, rows: int) -> Iterator[str]:
    if said := headline.of_check(document):
        yield from _answer(said)
    yield from _problems(document, rows)
    for part in document.environments:
        yield from _environment(part, document.known_images, photos, rows)
    yield from _registered(document)
    if document.environments:
        yield from _words()
    yield ""
    yield f"<sub>{text(' · '.join(wording.made_from(document)))}</sub>"
    yield ""


def _answer(said: Headline) -> Iterator[str]:
    yield f"### LepiNet · {text(said.title)}: **{said.word}**"
    yield f"**{text(said.sentence, 1000)}**"
    if said.counted:
        yield f"\n{text(said.counted, 600)}\n"


def _problems(document: CheckDocument, rows: int) -> Iterator[str]:
    for problem in document.problems[:rows]:
        shown = "\n".join(columns_for_terminal(line) for line in str(problem).split("\n"))
        fence = "`" * max(3, max(map(len, "".join(c if c == "`" else " " for c in shown).split()), default=0) + 1)
        yield f"\n{fence}text\n{shown}\n{fence}"
    if len(document.problems) > rows:
        yield f"\n{len(document.problems) - rows} more problems are not shown here: `lepinet validate` names all."


def _environment(part: EnvironmentCheck, known_images: str, photos: str, rows: int) -> Iterator[str]:
    said = headline.of_environment(part)
    yield from _answer(said)
    yield from (f"- {text(line)}" for line in said.further[:_FURTHER])
    if len(said.further) > _FURTHER:
        yield f"- … and {len(said.further) - _FURTHER} more, under *Gates*"
    if part.override:
        yield f"\nIt ships by decision: {text(part.override, 1000)}"
    if part.unanswered:
        named = "; ".join(f"{text(one.file_name)} ({text(one.error)})" for one in part.unanswered[:5])
        more = f"; and {len(part.unanswered) - 5} more" if len(part.unanswered) > 5 else ""
        yield f"\nNot answered, and counted as wrong: {named}{more}."
    yield from _figures(part)
    if part.comparison:
        yield from _flips("newly wrong: look here first", part.comparison.newly_wrong, part, photos, rows)
    yield from _details(part, photos, rows)
    yield from _choices(part, known_images)
    if part.plan and not part.error:
        after = "If it is merged all the same" if part.blocks else "After the merge"
        yield f"\n{after}: {'; '.join(map(text, part.plan))}."
    if part.baseline and not part.blocks:
        yield f"To go back: *Revert* below, or `lepinet rollback -e {part.name}`."
    yield ""


def _figures(part: EnvironmentCheck) -> Iterator[str]:
    if part.test is None:
        return
    title = wording.counted_images(part.test)
    new = text(part.candidate.name) if part.candidate else ""
    if part.comparison is None:
        yield from _table((title, new), ((row.label, row.new) for row in wording.figures_alone(part.test)))
        return
    old = text(part.baseline.name) if part.baseline else ""
    rows = (
        tuple(f"**{cell}**" if row.telling and cell else cell for cell in (row.label, row.old, row.new, row.change))
        for row in wording.figures(part.comparison)
    )
    yield from _table((f"{title}, {len(part.comparison.species)} species", f"{old} (active)", new, ""), rows)
    for apart in filter(None, (wording.set_apart(part.comparison), wording.left_out(part.comparison))):
        yield f"\n{text(wording.sentence(apart), 600)}"


def _flips(title: str, flips: Sequence[Flip], part: EnvironmentCheck, photos: str, rows: int) -> Iterator[str]:
    if not flips or part.test is None or part.baseline is None or part.candidate is None:
        return
    size = part.test.sample_size
    head = (title, "it is", f"{text(part.baseline.name)} said", f"{text(part.candidate.name)} says")
    shown = (
        (
            _photo(photos, flip.file_name),
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


def _photo(photos: str, file_name: str) -> str:
    """From the repository itself; the name stands where the picture cannot be shown."""
    path = f"{photos}/{quote(file_name, errors='replace')}"
    return f'<a href="{path}"><img src="{path}" width="96" alt="{for_attribute(file_name, 80)}"></a>'


def _details(part: EnvironmentCheck, photos: str, rows: int) -> Iterator[str]:
    gates = wording.gates_of(part)
    changed = wording.changes(part.baseline, part.candidate)
    if not gates and not changed:
        return
    summary = [f"Gates: {wording.gates_counted(gates)}"] if gates else []
    summary += [f"{len(part.comparison.species)} species"] if part.comparison else []
    newly_right = part.comparison.newly_right if part.comparison else ()
    summary += [f"{len(newly_right)} newly right"] if newly_right else []
    summary += [f"what changed since {part.baseline.name}"] if changed and part.baseline else []
    yield f"\n<details><summary>{html.escape(' · '.join(summary))}</summary>"
    if gates:
        rows_of_gates = ((f"`{gate.name}`", wording.STATES[gate.state], text(gate.sentence, 600)) for gate in gates)
        yield from _table(("gate", "answer", ""), rows_of_gates)
    if part.comparison:
        yield f"\n{wording.statistics(part.comparison)}"
    yield from _species(part, rows)
    yield from _flips("newly right", newly_right, part, photos, rows)
    if changed:
        yield ""
        yield from (f"- {text(line, 600)}" for line in changed)
    yield "\n</details>\n"


def _species(part: EnvironmentCheck, rows: int) -> Iterator[str]:
    if part.comparison is None or part.baseline is None or part.candidate is None:
        return
    head = ("species", "images", f"right: {text(part.baseline.name)} → {text(part.candidate.name)}", "")
    shown = wording.by_change(part.comparison)[:rows]
    yield from _table(head, (_species_row(part.comparison, one) for one in shown))
    if len(part.comparison.species) > rows:
        yield f"\n{len(part.comparison.species) - rows} more species are not shown here, none of which lost more."


def _species_row(document: ComparisonDocument, one: SpeciesRecall) -> tuple[str, ...]:
    note = wording.label_of(document, one.id)
    old, new = (round(recall * one.support) for recall in (one.old_recall, one.new_recall))
    right = f"{old} → {new}" if old != new else str(new)
    return f"{text(one.name, 80)}{f' ({note})' if note else ''}", str(one.support), right, wording.signed(new - old)


def _choices(part: EnvironmentCheck, known_images: str) -> Iterator[str]:
    listed = choices(part, known_images)
    if listed:
        yield "\n**Your choice**"
    for choice in listed:
        command = f"`{choice.command}`. " if choice.command else ""
        yield f"- **{choice.name}:** {command}{text(choice.text, 1000)}"


def _words() -> Iterator[str]:
    yield "\n<details><summary>What do these words mean?</summary>\n"
    yield from (f"- **{word}:** {meaning}" for word, meaning in wording.WORDS.items())
    yield "\n</details>"


def _registered(document: CheckDocument) -> Iterator[str]:
    for new in document.registered:
        state = text(wording.registered(new), 1000)
        yield f"\n**{text(new.version)}** is registered, and active nowhere yet. {state}"
