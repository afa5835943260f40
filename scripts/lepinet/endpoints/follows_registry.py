"""A backend of the team's own that reads the registry's active row: the flip moves it, and only then it is proved."""

from __future__ import annotations

from lepinet.endpoints import Address, EndpointState, Order, Permit, freely


class FollowsRegistry:
    """One backend, by where it takes photos."""

    steady = 1

    def __init__(self, predict_url: str) -> None:
        self.name = f"backend at {predict_url}"
        self._address = Address(predict_url)

    def observe(self) -> EndpointState:
        """Nothing is asked: what it serves is the registry's word, and whether it does is for the proof to say."""
        return EndpointState(None, ready=True, follows_registry=True)

    def move(self, order: Order, permit: Permit = freely) -> None:
        """It takes no orders."""

    def address(self) -> Address:
        return self._address
