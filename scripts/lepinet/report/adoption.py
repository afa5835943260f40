"""What taking over a registry that was made by hand means for those who use it, and what of it stays open to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lepinet.registry.adopt import Adoption
from lepinet.registry.records import Opening

_CALLERS = {"anon": "publishable key", "authenticated": "signed-in users", "service_role": "secret key"}


def adoption_lines(adoption: Adoption, environment: str) -> Iterator[str]:
    """For a terminal: the tables, who may do what before and after, what stops working, and what else lets others in.

    `environment` is the one whose active version `is_active` goes on marking.
    """
    tables = " and ".join(f"{table} ({rows} rows)" for table, rows in adoption.rows.items())
    yield f"{tables}: made by hand, and taken over as they are. No row is changed or deleted."
    for table in adoption.rows:
        yield f"Who may do what with {table}:"
        for (of, role), before in adoption.before.items():
            after = adoption.after[of, role]
            if of == table and (role in _CALLERS or {before, after} != {"nothing"}):
                yield f"  {_CALLERS.get(role, role)}: {before}" + ("" if before == after else f"  →  {after}")
    yield "Signed-in users whose app_metadata.role is admin read everything; the view active_model is for everybody."
    if adoption.hidden_from_users and "reads" in adoption.before.get(("model_versions", "authenticated"), ""):
        yield "Other signed-in users read no rows of model_versions then. Their app asks the view in its place:"
        yield f"  supabase.from('active_model').select('file_path').eq('environment', '{environment}').single()"
    if any("updates" in adoption.before.get(("model_versions", role), "") for role in _CALLERS):
        yield (
            "What stops working: setting is_active with an API key, as the old admin page's Activate button does. "
            "The page will still say that it worked; models are switched in models.yaml."
        )
    yield from opening_lines(adoption.openings)


def opening_lines(openings: Sequence[Opening]) -> Iterator[str]:
    """For a terminal: what lets others past the registry's rules, each with what ends it."""
    if openings:
        yield "What of the project's own goes on letting others in, each with the SQL that ends it:"
    for opening in openings:
        yield f"- {opening.what}"
        yield f"  {opening.closed_by}"
