"""One change all of whose texts are hostile, through every workflow that it meets on its way to production."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable

import pytest

from actions.conftest import Live
from actions.github import Ran
from actions.triggers import Event
from workflow.desk import Desk

pytestmark = pytest.mark.slow

FORGED = "::error file=models.yaml,line=1::forged ##[error]forged ::set-output name=environments::[] ::add-mask::e"
MARKUP = "<img src=https://evil.example/x> </details> | @acme/all #1 [x](javascript:x) ![y](https://evil.example/y)"
HIDING = "\x1b[31mred\x1b]8;;https://evil.example\x07 \u202eesrever\u2066"
HOSTILE = f"{FORGED} {MARKUP} $(touch pwned) `touch pwned` ';touch pwned;' {HIDING}"
"""A text in one line; `::…::` is a command to GitHub's runner at a line's beginning, `##[…]` anywhere."""


def is_harmless(live: Live, ran: Ran, texts: Iterable[str] = ()) -> bool:
    """Nothing was run, nothing forged; what people see has no markup, notifies nobody and hides nothing."""
    assert not list(live.folder.rglob("pwned"))
    assert not [one for one in ran.annotations if one.file != "models.yaml" or one.text.startswith("forged")]
    # GitHub's runner reads commands from the log: at the beginning of a line, or the old ones anywhere.
    assert not re.search(r"^\s*::(error|set-output|add-mask)", ran.log, re.MULTILINE)
    for text in (ran.summary, *texts):
        plain = re.sub(r"\\.", "", text)
        assert not [sign for sign in ("<img src=https", "</details> |", "@acme", "[x](", "![y](") if sign in plain]
        assert not [sign for sign in ("\x1b", "\u202e", "\u2066") if sign in text]
        assert len(text) < 65_536, "GitHub takes no more in a comment"
    # Our own progress clears its line on the terminal that act gives a step.
    assert not [sign for sign in ("\x1b[31m", "\x1b]", "\u202e", "\u2066") if sign in ran.log]
    return True


def name_a_species(desk: Desk, id_: str, name: str) -> None:
    file = desk.folder / "photos" / "metadata.csv"
    with file.open(newline="") as listed:
        rows = list(csv.DictReader(listed))
    for row in rows:
        row["species_name"] = name if row["species_id"] == id_ else row["species_name"]
    with file.open("w", newline="") as listed:
        writer = csv.DictWriter(listed, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def opened(live: Live) -> Event:
    """Main has known images of species that are called so, and a model that says so; a pull request activates it."""
    desk = live.desk
    with (desk.folder / "photos" / "metadata.csv").open(newline="") as listed:
        ids = [row["species_id"] for row in csv.DictReader(listed)]
    name_a_species(desk, ids[0], HOSTILE)
    name_a_species(desk, ids[1], f"{HOSTILE} {'x' * 100_000}")
    folder = desk.copy_model("v1.1.0", "v1.2.0")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"]["2"] = f"{FORGED} {MARKUP} `touch pwned`"[:150]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(f"---\nlicense: {json.dumps(HOSTILE)}\n---\n{HOSTILE}\n{'z' * 1_000_000}\n")
    desk.declare("v1.2.0")
    notes = json.dumps(f"{FORGED} {MARKUP} $(touch pwned) {'n' * 4_000}")
    desk.alter(r"(v1.2.0: \{)", lambda found: f"{found[1]}notes: {notes}, ")
    desk.alter("versions:\n", "gates: {min_accuracy: null, min_top3_accuracy: null}\nversions:\n")
    desk.set_active("staging", "v1.2.0")
    desk.commit(f"{HOSTILE}\n\n{FORGED}")
    live.push_main()
    desk.begin_branch()
    desk.git("branch", "--move", "$(touch${IFS}pwned);`touch${IFS}pwned`")
    desk.set_active("production", "v1.2.0")
    (live.folder / "message").write_text(f"{HOSTILE}\n\n{FORGED}\n::stop-commands::x\n{'m' * 1_000_000}")
    desk.git("commit", "--quiet", "--all", "--file", str(live.folder / "message"))
    return live.pull_request(title=f"{HOSTILE} {'t' * 1_000_000}")


def test_no_text_of_a_change_is_run_or_forges_what_github_shows(live: Live, opened: Event) -> None:
    there = live.there
    checked = live.run("pr.yml", opened)
    assert checked.jobs.keys() == {"check"}
    assert "v1.2.0 → production" in checked.summary
    assert "esrever" in checked.report("report.html"), "the species are named"
    assert is_harmless(live, checked)

    commented = live.run("comment.yml", live.ended(checked, opened))
    assert commented.jobs == {"comment": "success"}
    assert is_harmless(live, commented, [one["body"] for one in there.comments])

    head = opened.payload["pull_request"]["head"]
    trusted = live.run(
        "trusted-check.yml", live.dispatched("main", "trusted-check.yml", head=head["label"], commit=head["sha"])
    )
    assert trusted.jobs == {"check": "success", "comment": "success"}
    assert is_harmless(live, trusted, [one["body"] for one in there.comments])
    assert is_harmless(live, trusted, [check["output"]["summary"] for check in there.checks])

    shipped = live.run("reconcile.yml", live.merge(opened))
    assert shipped.jobs.keys() == {"judge", "reconcile (staging)", "reconcile (production)"}
    assert is_harmless(live, shipped, [one["body"] for one in (*there.comments, *there.pulls[1:])])
