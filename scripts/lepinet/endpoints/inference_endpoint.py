"""An Inference Endpoint of Hugging Face: a model of the Hub on machines of theirs, several of them if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from huggingface_hub import HfApi, constants
from huggingface_hub import InferenceEndpoint as Managed
from pydantic import BaseModel, Field

from lepinet import __version__
from lepinet.address import is_address
from lepinet.endpoints import Address, EndpointState, Order, Permit, freely
from lepinet.endpoints.asked import Asked, not_of_the_hub, refusal
from lepinet.errors import OutsideError, RefusedError
from lepinet.huggingface import Service, limit_client
from lepinet.target import MODEL_VARIABLE, Target
from lepinet.timings import Timings

_NEWEST = "main"
"""What an endpoint without a revision serves."""


class _Model(BaseModel):
    repository: str
    revision: str | None = None
    image: Mapping[str, Any] = {}
    env: Mapping[str, str] = {}


class _Status(BaseModel):
    state: str
    updated_at: str = Field(alias="updatedAt")
    url: str | None = None
    message: str | None = None
    error_message: str | None = Field(None, alias="errorMessage")
    ready: int | None = Field(None, alias="readyReplica")
    wanted: int | None = Field(None, alias="targetReplica")


class _Seen(BaseModel):
    """What the service says of an endpoint, as far as it is needed."""

    model: _Model
    status: _Status

    @property
    def target(self) -> Target:
        return Target(self.model.repository, self.model.revision or _NEWEST)

    @property
    def custom(self) -> bool:
        """It runs a container of the team's own, which is `lepinet serve`."""
        return "custom" in self.model.image

    @property
    def asleep(self) -> bool:
        return self.status.state == "scaledToZero"

    @property
    def paused(self) -> bool:
        return self.status.state == "paused"

    @property
    def failed(self) -> bool:
        return self.status.state in {"failed", "updateFailed"}

    @property
    def answers(self) -> bool:
        """Every replica runs; or none does, and the first photo starts one with the revision that is set."""
        if self.asleep:
            return True
        ready, wanted = self.status.ready, self.status.wanted
        return self.status.state == "running" and (ready is None or wanted is None or ready >= wanted > 0)

    @property
    def detail(self) -> str:
        words = [self.status.state]
        if self.status.wanted:
            words.append(f"{self.status.ready or 0} of {self.status.wanted} replicas ready")
        words.append(" ".join((self.status.error_message or self.status.message or "").split())[:300])
        return ", ".join(filter(None, words))


class InferenceEndpoint:
    """One endpoint, by its namespace and name."""

    steady = 3

    def __init__(
        self, namespace: str, name: str, token: str, timings: Timings, url: str | None = None, *, setting: str
    ) -> None:
        """Nothing is sent yet.

        Args:
            namespace: the user or organisation that it belongs to.
            name: what it is called there.
            token: may manage it, and ask it about photos.
            timings: limits.
            url: of the service; None for the client's own.
            setting: what holds the token, as errors call it.
        """
        if url is not None:
            constants.INFERENCE_ENDPOINTS_ENDPOINT = url
        limit_client(timings)
        self.name = f"Inference Endpoint {namespace}/{name}"
        self._path = {"name": name, "namespace": namespace, "token": token}
        self._token = token
        # The token goes where the service says, in the clear only where the service itself is asked so.
        self._schemes = ("https://", "http://") if (url or "").startswith("http://") else ("https://",)
        self._before: str | None = None
        service = Service(
            "the Inference Endpoints service",
            constants.INFERENCE_ENDPOINTS_ENDPOINT,
            "run it again later; https://status.huggingface.co tells of outages",
            "LEPINET_HF_ENDPOINTS_URL",
        )
        rights = f"let {setting} manage Inference Endpoints of {namespace}"
        self._asked = Asked(service, timings, lambda error: refusal(error, self.name, rights))
        self._api = HfApi(token=token, library_name="lepinet", library_version=__version__)

    def observe(self) -> EndpointState:
        """One look. An update that this process ordered counts from when the service takes notice of it."""
        seen = self._look()
        if self._before == seen.status.updated_at:
            return EndpointState(seen.target, ready=False, detail="it has not begun to update")
        return EndpointState(
            seen.target,
            ready=seen.answers,
            detail=seen.detail,
            failed=seen.failed,
            asleep=seen.asleep,
            stopped=seen.paused,
        )

    def move(self, order: Order, permit: Permit = freely) -> None:
        """Set repository and revision, together and only where they differ or have failed; wake it where it is paused.

        Raises:
            RefusedError: it cannot serve such a target, or does not take it.
        """
        target = order.target
        if not target.on_hub:
            raise not_of_the_hub(target, self.name)
        seen = self._look()
        if seen.failed or not target.same_files(seen.target):
            self._before = seen.status.updated_at
            seen = self._ask(
                self._api.update_inference_endpoint,
                permit,
                repository=target.file_path,
                revision=target.revision,
                env={**seen.model.env, MODEL_VARIABLE: target.spelled} if seen.custom else None,
            )
            if not target.same_files(seen.target):
                raise RefusedError(f"it was told {target}, and says {seen.target}", where=self.name)
        if seen.paused:
            self._ask(self._api.resume_inference_endpoint, permit, running_ok=True)

    def address(self) -> Address:
        seen = self._look()
        url = (seen.status.url or "").rstrip("/")
        if not url.startswith(self._schemes) or not is_address(url):
            raise OutsideError(f"it has no address yet ({seen.detail})", where=self.name)
        return Address(f"{url}/predict" if seen.custom else url, self._token, asleep=seen.asleep)

    def _look(self) -> _Seen:
        return self._ask(self._api.get_inference_endpoint)

    def _ask(self, call: Callable[..., Managed], permit: Permit = freely, **changes: Any) -> _Seen:
        # The client's own objects lose the token, and without a namespace it asks who we are: both go with each call.
        return self._asked.ask(lambda: _Seen.model_validate(call(**self._path, **changes).raw), permit)
