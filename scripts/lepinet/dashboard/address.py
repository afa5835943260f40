"""Where people reach the dashboard: which host names are its own, and whether the way to it is encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from lepinet.errors import UsageError

_HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Address:
    """The dashboard's own address, as a browser knows it."""

    scheme: str
    hosts: tuple[str, ...]
    """Names in a request's Host; any other is another site's, led here by its DNS."""

    @classmethod
    def of(cls, host: str, url: str | None) -> Self:
        """The address of a server that listens on `host`, and that people reach at `url`.

        Args:
            host: an IP address or `localhost`.
            url: `https://dashboard.example.org`, in front of which a proxy stands; None: nobody else reaches it.

        Raises:
            UsageError: others could reach it, and nobody says under which name, or without encryption.
        """
        if url is None:
            if not is_loopback(host):
                raise UsageError(
                    f"{host} is open to other machines: under which address do people reach it?",
                    todo="lepinet dashboard --host 0.0.0.0 --url https://dashboard.example.org, where a proxy has TLS",
                )
            return cls("http", _HERE)
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
            raise UsageError(f"{url} is no address of a site", todo="it is like https://dashboard.example.org")
        return cls("https", (parts.hostname,))

    @property
    def encrypted(self) -> bool:
        return self.scheme == "https"

    def is_own(self, origin: str, host: str) -> bool:
        """Whether an `Origin` is that of a page of this dashboard, asked for at `host` (with its port)."""
        return origin == f"{self.scheme}://{host}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
