"""Addresses of services that the environment names: looked at before anything is sent there."""

from __future__ import annotations

from collections.abc import Mapping

from lepinet.errors import UsageError

_HIGHEST_PORT = 65_535


def address_in(environ: Mapping[str, str], name: str) -> str | None:
    """The address that a variable holds, without a slash at its end; None when it is absent or blank.

    Raises:
        UsageError: it holds none. Its value stays out of that: a password may stand in it.
    """
    value = environ.get(name, "").strip().rstrip("/")
    if value and not is_address(value):
        todo = "it should begin with https://, and hold no name and password: HF_TOKEN is sent there"
        raise UsageError(f"{name} should be an address, and what it holds is none", todo=todo)
    return value or None


def is_address(text: str) -> bool:
    """Whether it is one that can be asked, over http or https, without a name and password in it."""
    # Every command that may fetch a model comes by here; only those that are given an address pay for the import.
    import httpx  # noqa: PLC0415

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    named = url.scheme in {"http", "https"} and bool(url.host) and not url.userinfo
    return named and (url.port or 0) <= _HIGHEST_PORT
