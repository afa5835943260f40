"""A message in the form that each chat takes; the address is in no error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dripping import dripping
from lepinet.errors import LepinetError, OutsideError, UsageError
from lepinet.timings import Timings
from lepinet.webhook import Message, Webhook
from monitor.chat import SECRET, Chat, chat

QUICK = replace(Timings(), retry=0.01, retries=2, request=5)
HOSTILE = "v1.0.0 is <!channel> & *bold* @everyone [here](https://example.org) `x`"


@pytest.fixture
def channel() -> Iterator[Chat]:
    with chat() as open_:
        yield open_


def test_slack_shows_the_text_as_it_stands_and_notifies_nobody(channel: Chat) -> None:
    Webhook(channel.slack, QUICK).send(Message(HOSTILE, "https://github.com/acme/butterflies/issues/1"))
    (body,) = channel.posted
    assert body["text"].startswith("v1.0.0 is &lt;!channel&gt; &amp; *bold* @everyone")
    assert body["text"].endswith("\nhttps://github.com/acme/butterflies/issues/1")
    assert body["mrkdwn"] is False


def test_discord_shows_the_text_as_it_stands_and_notifies_nobody(channel: Chat) -> None:
    Webhook(channel.discord, QUICK).send(Message(HOSTILE, "https://github.com/acme/butterflies/issues/1"))
    (body,) = channel.posted
    assert body["allowed_mentions"] == {"parse": []}
    assert r"\*bold\* \@everyone \[here\]\(https\:" in body["content"]
    assert body["content"].endswith("\nhttps://github.com/acme/butterflies/issues/1")


def test_discords_address_for_slacks_form_gets_that(channel: Chat) -> None:
    Webhook(f"{channel.discord}/slack", QUICK).send(Message("well"))
    assert channel.posted == [{"text": "well", "mrkdwn": False}]


@pytest.mark.parametrize("kind", ["slack", "discord"])
def test_a_long_text_is_cut_to_what_both_take(channel: Chat, kind: str) -> None:
    Webhook(getattr(channel, kind), QUICK).send(Message("*" * 5000))
    assert len(channel.texts[0]) <= 2000
    assert channel.texts[0].endswith("…")


def test_what_comes_too_soon_is_sent_again(channel: Chat) -> None:
    channel.answers = [(429, {"retry-after": "0"}), (503, {})]
    Webhook(channel.slack, QUICK).send(Message("well"))
    assert channel.texts == ["well"]


@pytest.mark.parametrize("answers", [[(404, {})], [(500, {})] * 3])
def test_a_refusal_is_told_without_the_address(channel: Chat, answers: list[tuple[int, dict[str, str]]]) -> None:
    channel.answers = list(answers)
    with pytest.raises(OutsideError, match=f"HTTP {answers[0][0]}") as refused:
        Webhook(channel.slack, QUICK).send(Message("well"))
    assert hides(refused.value)
    assert channel.answers == []


def test_nobody_there_is_told_without_the_address() -> None:
    with chat() as closed:
        pass
    with pytest.raises(OutsideError, match="no connection") as refused:
        Webhook(closed.slack, QUICK).send(Message("well"))
    assert hides(refused.value)


@pytest.mark.parametrize("url", [f"http://hooks.slack.com/{SECRET}", f"ftp://{SECRET}", SECRET])
def test_a_secret_goes_nowhere_in_the_clear(url: str) -> None:
    webhook = Webhook(url, QUICK)
    with pytest.raises(UsageError, match="https://") as refused:
        webhook.send(Message("well"))
    assert hides(refused.value)
    assert SECRET not in repr(webhook)


def hides(error: LepinetError) -> bool:
    return SECRET not in str(error) + repr(error)


def test_an_answer_in_drops_is_given_up() -> None:
    with dripping() as url, pytest.raises(OutsideError, match="did not take the message: no answer in time"):
        Webhook(url, replace(QUICK, request=0.2, retries=1)).send(Message("well"))
