"""What taking over a registry that was made by hand means for those who use it, before it is done."""

from __future__ import annotations

from collections.abc import Iterator

from lepinet.registry.adopt import Adoption

_CALLERS = {"anon": "publishable key", "authenticated": "signed-in users", "service_role": "secret key"}


def adoption_lines(adoption: Adoption) -> Iterator[str]:
    """For a terminal: the tables, who may do what before and after, and what stops working."""
    tables = " and ".join(f"{table} ({rows} rows)" for table, rows in adoption.rows.items())
    yield f"{tables}: made by hand, and taken over as they are. No row is changed or deleted."
    for table in adoption.rows:
        yield f"Who may do what with {table}:"
        for role, caller in _CALLERS.items():
            before, after = adoption.before[table, role], adoption.after[table, role]
            yield f"  {caller}: {before}" + ("" if before == after else f"  →  {after}")
    yield "Signed-in users whose app_metadata.role is admin read everything; the view active_model is for everybody."
    if any("updates" in adoption.before.get(("model_versions", role), "") for role in _CALLERS):
        yield (
            "What stops working: setting is_active with an API key, as the old admin page's Activate button does. "
            "The page will still say that it worked; models are switched in models.yaml."
        )
