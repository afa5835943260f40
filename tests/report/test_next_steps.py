"""The page that init leaves: what there is to do here, in an order in which it can be done."""

from __future__ import annotations

import re
from dataclasses import replace

import click
import pytest

from lepinet.cli import lepinet
from lepinet.report.next_steps import Begun, next_steps

SHIPS_ITSELF = Begun(
    environment="production",
    version="v1.0.0",
    active=True,
    known_images="tests/known_images",
    secrets=("SUPABASE_URL", "SUPABASE_SERVICE_KEY", "DATABASE_URL"),
    serves_here=False,
    on_github=True,
    here_alone=False,
    has_code_owners=True,
)


def commands(begun: Begun) -> list[str]:
    return re.findall(r"^\d+\..*?`((?:lepinet|git)[^`]*)`", next_steps(begun), re.MULTILINE)


def test_on_github_the_push_comes_between_the_secrets_and_the_rule() -> None:
    assert commands(SHIPS_ITSELF) == [
        "lepinet check",
        "git add --all && git commit --message 'Begin with LepiNet'",
        "lepinet db migrate",
        "lepinet init --github",
        "git push --set-upstream origin HEAD",
        "lepinet init --github",
        "lepinet status",
    ]


def test_on_one_machine_a_person_serves_and_reconciles() -> None:
    here = replace(SHIPS_ITSELF, serves_here=True, here_alone=True, on_github=False, secrets=())
    assert commands(here)[3:5] == ["lepinet serve -e production", "lepinet reconcile"]


def test_who_must_review_is_asked_before_the_first_commit() -> None:
    page = next_steps(replace(SHIPS_ITSELF, has_code_owners=False))
    assert page.index("> .github/CODEOWNERS`") < page.index("git add --all")


def test_without_photos_they_come_first_and_then_the_activation() -> None:
    assert commands(replace(SHIPS_ITSELF, active=False))[:2] == [
        "lepinet known-images add PHOTO… --species NAME",
        "lepinet activate v1.0.0 -e production --local",
    ]


@pytest.mark.parametrize("begun", [SHIPS_ITSELF, replace(SHIPS_ITSELF, active=False, serves_here=True)])
def test_every_command_is_one_that_there_is(begun: Begun) -> None:
    with click.Context(lepinet) as context:
        known = set(lepinet.list_commands(context))
    assert {words.split()[1] for words in commands(begun) if words.startswith("lepinet")} <= known
