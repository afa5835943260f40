"""What the endpoints of Hugging Face have in common: how their management is asked, and what names a model to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError

from lepinet.deadline import within
from lepinet.endpoints import Permit, freely
from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.huggingface import Patience, Service, explained, said
from lepinet.target import Target
from lepinet.timings import Timings

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A service whose calls have time limits, and are repeated where that may help and does no harm."""

    service: Service
    timings: Timings
    refusal: Callable[[HfHubHTTPError], LepinetError]
    """What an answer means that asking again does not change."""

    def ask(self, call: Callable[[], T], permit: Permit = freely) -> T:
        """The answer to a call, which may be made several times; before each, the permit is asked for.

        Raises:
            LepinetError: no answer came, or a refusal.
        """
        patience = Patience(self.timings, self.service, self.timings.managing, "no answer came")
        offline = OutsideError("HF_HUB_OFFLINE forbids to ask it", where=self.service.url, todo="unset it")

        def permitted() -> T:
            permit()
            with explained(self.service, self.refusal, offline):
                return within(self.timings.request, call)

        return patience.ask(permitted)


def refusal(error: HfHubHTTPError, where: str, rights: str) -> LepinetError:
    """What an answer means that asking again does not change.

    Args:
        error: the answer.
        where: what was asked about.
        rights: what lets the token in, as the beginning of a sentence.
    """
    status, what = error.response.status_code, f"HTTP {error.response.status_code}{said(error)}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        todo = f"{rights} (docs/huggingface.md)"
        return OutsideError(f"the token may not manage it ({what})", where=where, todo=todo)
    if status == HTTPStatus.NOT_FOUND:
        todo = "make it (docs/huggingface.md), or put its name right in models.yaml"
        return OutsideError("there is none of that name, or the token may not see it", where=where, todo=todo)
    if error.response.request.method == "GET":
        return OutsideError(f"it cannot be looked at ({what})", where=where)
    return RefusedError(f"it refuses the change ({what})", where=where)


def not_of_the_hub(target: Target, where: str) -> RefusedError:
    return RefusedError(f"{target} is a folder of this repository, and it serves models of the Hub only", where=where)
