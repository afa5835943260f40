"""How much surer the k-th try on the same photos must be: chance gets a new ticket with each of them."""

from __future__ import annotations

from lepinet.manifest.model import Gates


def alpha(gates: Gates, tries: int) -> float:
    """The level of the k-th try, one-sided.

    The first one has exactly the configured confidence. All of one baseline's together get at most 1.645 times that
    (the sum of 1/k squared), with `strict_tries` exactly that (alpha spending, Tian & Ramdas 2019, arXiv 1910.04900).

    Args:
        gates: the limits.
        tries: k, 1 for the first version tried on these photos.
    """
    spread = tries * (tries + 1) if gates.strict_tries else tries**2
    return float(1 - gates.confidence) / spread


def told(tries: int) -> str:
    """What a person should know of it; empty for the first try."""
    if tries == 1:
        return ""
    others = f"{tries - 1} other versions were" if tries > 2 else "another version was"
    return f"; {others} tried on these photos before: among many one passes by luck, so more is asked of it"
