"""A Space of Hugging Face that runs `lepinet serve`: one of its variables names the model."""

from __future__ import annotations

from typing import Final

import httpx2
from huggingface_hub import HfApi, get_session
from pydantic import BaseModel, ValidationError

from lepinet import __version__
from lepinet.address import is_address
from lepinet.deadline import within
from lepinet.endpoints import Address, EndpointState, Order, Permit, freely
from lepinet.endpoints.asked import Asked, not_of_the_hub, refusal
from lepinet.endpoints.local_folder import STATE
from lepinet.errors import OutsideError
from lepinet.huggingface import HUB, NoAnswerError, Service, limit_client
from lepinet.target import MODEL_VARIABLE, Target
from lepinet.timings import Timings

_FAILED: Final = frozenset({"NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR", "DELETING"})
_ASLEEP: Final = "SLEEPING"
_STOPPED: Final = frozenset({"PAUSED", "STOPPED"})
_BUILDING: Final = frozenset({"BUILDING", "RUNNING_BUILDING"})


class _Seen(BaseModel):
    """What the Hub says of a Space, as far as it is needed."""

    stage: str
    error: str | None
    host: str | None
    private: bool
    target: Target | None
    """What the variable names."""

    @property
    def detail(self) -> str:
        words = " ".join((self.error or "").split())[:300]
        return f"the Space is {self.stage}{words and ': '}{words}"


class Space:
    """One Space, by its name."""

    steady = 1

    def __init__(self, repo_id: str, token: str, timings: Timings, hub: str | None = None, *, setting: str) -> None:
        """Nothing is sent yet.

        Args:
            repo_id: `org/name`.
            token: may write the Space's settings.
            timings: limits.
            hub: the Hub's address; None for the usual one.
            setting: what holds the token, as errors call it.
        """
        limit_client(timings)
        self.name = f"Space {repo_id}"
        self._repo_id = repo_id
        self._token = token
        self._timings = timings
        self._api = HfApi(endpoint=hub or HUB, token=token, library_name="lepinet", library_version=__version__)
        # The token goes where the Hub says, in the clear only where the Hub itself is asked so.
        self._schemes = ("https://", "http://") if self._api.endpoint.startswith("http://") else ("https://",)
        self._log = f"{self._api.endpoint}/spaces/{repo_id}?logs=container"
        service = Service("the Hub", self._api.endpoint, "run it again later", "HF_ENDPOINT")
        rights = f"let {setting} write the settings of {repo_id}"
        self._asked = Asked(service, timings, lambda error: refusal(error, self.name, rights))

    def observe(self) -> EndpointState:
        """What the variable names; ready when the server in the Space answers with that."""
        seen = self._look()
        if seen.stage == _ASLEEP:
            return EndpointState(seen.target, ready=True, detail="asleep: the first photo wakes it", asleep=True)
        if seen.stage != "RUNNING":
            failed, stopped = seen.stage in _FAILED, seen.stage in _STOPPED
            detail = f"{seen.detail}; its log: {self._log}"
            return EndpointState(seen.target, ready=False, detail=detail, failed=failed, stopped=stopped)
        return self._served(seen)

    def move(self, order: Order, permit: Permit = freely) -> None:
        """Write the variable where it names something else, and start the Space again, unless it is being built.

        Also where it is starting: a run that finds it so may be the second one that does.

        Raises:
            RefusedError: it cannot serve such a target, or the Hub refuses the change.
        """
        target = order.target
        if not target.on_hub:
            raise not_of_the_hub(target, self.name)
        seen = self._look()
        if not target.same_files(seen.target):
            named = (self._repo_id, MODEL_VARIABLE, target.spelled)
            self._asked.ask(lambda: self._api.add_space_variable(*named), permit)
        if not target.same_files(seen.target) or seen.stage not in _BUILDING:
            self._asked.ask(lambda: self._api.restart_space(self._repo_id), permit)

    def address(self) -> Address:
        seen = self._look()
        asleep = seen.stage == _ASLEEP
        return Address(f"{self._host(seen)}/predict", self._token if seen.private else None, asleep=asleep)

    def _look(self) -> _Seen:
        return self._asked.ask(self._seen)

    def _seen(self) -> _Seen:
        info = self._api.space_info(self._repo_id, timeout=self._timings.request)
        variables = self._api.get_space_variables(self._repo_id)
        named = variables.get(MODEL_VARIABLE)
        runtime = info.runtime
        return _Seen(
            stage=runtime.stage if runtime else "not running",
            error=runtime.raw.get("errorMessage") if runtime else None,
            host=info.host,
            private=info.private is not False,
            target=Target.read(named.value) if named else None,
        )

    def _served(self, seen: _Seen) -> EndpointState:
        """As the server in the Space says it."""
        headers = {"Authorization": f"Bearer {self._token}"} if seen.private else {}
        limits = httpx2.Timeout(self._timings.request, connect=self._timings.connect)
        try:
            url = f"{self._host(seen)}/model"
            answer = within(
                self._timings.request,
                # Its limits hold for this server, too.
                lambda: get_session().get(url, headers=headers, timeout=limits, follow_redirects=False),
            )
            state = STATE.validate_json(answer.raise_for_status().content)
        except TimeoutError:
            return EndpointState(seen.target, ready=False, detail="the server does not answer in time")
        except NoAnswerError as error:
            return EndpointState(seen.target, ready=False, detail=f"the server does not answer ({error})")
        except httpx2.HTTPStatusError as error:
            detail = f"the server does not answer (HTTP {error.response.status_code})"
            return EndpointState(seen.target, ready=False, detail=detail)
        except httpx2.HTTPError as error:
            # Its kind only: the text may quote a header.
            detail = f"the server does not answer ({type(error).__name__})"
            return EndpointState(seen.target, ready=False, detail=detail)
        except ValidationError:
            return EndpointState(seen.target, ready=False, detail="what answers there is no LepiNet server")
        ready = state.ready and state.target is not None and state.target.same_files(seen.target)
        pending = state.pending
        failed = pending is not None and pending.failed and pending.target.same_files(seen.target)
        detail = state.error or ("" if ready else f"it answers with {state.target}" if state.target else "loading")
        return EndpointState(seen.target, ready=ready, detail=detail, failed=failed)

    def _host(self, seen: _Seen) -> str:
        if seen.host is None or not seen.host.startswith(self._schemes) or not is_address(seen.host):
            raise OutsideError(f"it has no address yet ({seen.detail})", where=self.name)
        return seen.host.rstrip("/")
