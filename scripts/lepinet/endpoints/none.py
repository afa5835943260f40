"""No endpoint: the model is on the phone, and only the registry says which one the next download is."""

from __future__ import annotations

from lepinet.endpoints import EndpointState, Order


class NoEndpoint:
    """Nothing to move and nothing to ask.

    `predict_url` is None, and by that reconcile knows: it plans without a look at an endpoint, moves and proves
    nothing, and flips the registry alone. The candidate has then been tested offline only.
    """

    name = "no endpoint"

    def observe(self) -> EndpointState:
        return EndpointState(None, ready=False, detail="no endpoint: the model is on the phone")

    def move(self, order: Order) -> None:
        """Do nothing: phones follow the registry."""

    def predict_url(self) -> None:
        return None
