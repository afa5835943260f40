"""A message to people's chat: Slack's incoming webhooks, which many others understand, and Discord's.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.discord.com/developers/resources/webhook#execute-webhook
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from lepinet.deadline import within
from lepinet.errors import OutsideError, UsageError
from lepinet.timings import Timings

SETTING: Final = "LEPINET_WEBHOOK_URL"
_MARKUP: Final = re.compile(r"[\\`*_~|>#\[\]()<@:-]")
_LONGEST: Final = 900
"""Characters; Discord takes 2,000 with the escapes, which may double them."""
_LONGEST_PAUSE: Final = 30.0
"""Seconds; a server may ask for a longer one, and is asked again after this."""


@dataclass(frozen=True)
class Message:
    """A text, shown as it stands, and where to read on."""

    text: str
    link: str | None = None


@dataclass(frozen=True)
class Webhook:
    """Where messages go. The address is the secret: it is in no text and no error."""

    url: str = field(repr=False)
    timings: Timings

    def send(self, message: Message) -> None:
        """Post it; it may come twice where an answer got lost.

        Raises:
            UsageError: that is no address to which a secret may be sent.
            OutsideError: it was not taken.
        """
        body = self._body(message)
        pause, reason = self.timings.retry, ""
        for attempt in range(self.timings.retries + 1):
            if attempt:
                time.sleep(pause)
            try:
                response = within(
                    self.timings.request, lambda: httpx.post(self.url, json=body, timeout=self.timings.request)
                )
            except TimeoutError:
                reason, pause = "no answer in time", pause * 2
                continue
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason, pause = f"no connection ({type(error).__name__})", pause * 2
                continue
            if response.is_success:
                return
            reason = f"HTTP {response.status_code}"
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_server_error:
                break
            wanted = response.headers.get("retry-after", "")
            pause = min(float(wanted), _LONGEST_PAUSE) if wanted.isdecimal() else pause * 2
        raise OutsideError(
            f"the webhook did not take the message: {reason}", todo="is LEPINET_WEBHOOK_URL right still?"
        )

    def _body(self, message: Message) -> dict[str, Any]:
        try:
            place = httpx.URL(self.url)
        except httpx.InvalidURL:
            place = httpx.URL("")
        if not (place.scheme == "https" or (place.scheme == "http" and place.host == "127.0.0.1")):
            raise UsageError(f"{SETTING} is no address that begins with https://")
        text = message.text if len(message.text) <= _LONGEST else f"{message.text[: _LONGEST - 1]}…"
        # Discord takes Slack's form too, at an address that ends so.
        discord = place.path.startswith("/api/webhooks/") and not place.path.endswith("/slack")
        if discord:
            return {
                "content": _read_on(_MARKUP.sub(r"\\\g<0>", text)[:1900], message),
                "allowed_mentions": {"parse": []},
            }
        plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": _read_on(plain, message), "mrkdwn": False}


def _read_on(text: str, message: Message) -> str:
    return f"{text}\n{message.link}" if message.link else text
