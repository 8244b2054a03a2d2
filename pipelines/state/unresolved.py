"""Messages in doubt that nothing repeats: the answer was lost, and the channel would not ignore a second one.

A person decides: `resend` (sent again under its id by the next run, however old it is) or `treat_as_sent` (never
again). A decision is a row of `decision` and a receipt behind the last one, so that history shows who said so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.errors import StateError, did_you_mean
from pipelines.warehouse.protocol import Warehouse, literal

OUTCOMES = {"resend": ("void", "operator: resend"), "treat_as_sent": ("ok", "operator: treated as sent")}
"""Decision → outcome and reason of its receipt."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """One message in doubt."""

    sync: str
    op_id: str
    person: str
    occurred_at: datetime
    """When the person entered; UTC without zone."""
    since: datetime
    """When the answer was given up."""
    reason: str
    is_member: bool
    """Whether the stay that caused it still lasts: otherwise there is nobody to tell."""


def find(warehouse: Warehouse, now: datetime | None, syncs: Collection[str] | None = None) -> list[Unresolved]:
    """What is in doubt and will not be repeated by itself (without `now`: or will be later), oldest first."""
    chosen = "true" if syncs is None else f"sync_id in ({', '.join(map(literal, sorted(syncs))) or 'null'})"
    return [Unresolved(*row) for row in warehouse.query(
        f"""select sync_id, op_id, person_key, occurred_at, in_doubt_since, coalesce(reason, ''), is_member
        from activation.unresolved
        where {chosen} and (repeated_until is null or repeated_until <= coalesce($now, repeated_until))
        order by in_doubt_since, sync_id, op_id""", {"now": now})]


def decide(
    warehouse: Warehouse, op_ids: Sequence[str], kind: str, by: str, reason: str, now: datetime
) -> list[Unresolved]:
    """Resolve these messages, all or none. Raises StateError. Call inside a transaction."""
    known = {message.op_id: message for message in find(warehouse, now)}
    for op_id in op_ids:
        if op_id not in known:
            raise StateError(f"{op_id} is not unresolved{did_you_mean(op_id, known)}; `tailrace unresolved` lists them")
        if kind == "resend" and not known[op_id].is_member:
            raise StateError(f"{op_id}: the person is no longer in the audience as they were then, so it would not be "
                             "sent again; treat_as_sent closes it")
    outcome, said = OUTCOMES[kind]
    for message in (known[op_id] for op_id in dict.fromkeys(op_ids)):
        warehouse.execute("insert into activation.decision values (?, ?, ?, ?, ?, ?)",
                          [now, kind, message.sync, message.op_id, by, reason])
        warehouse.execute(
            """insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason, recorded_at)
            select sync_id, epoch, op_id, attempt + 1, seq, ?, ?, ? from activation.receipt
            where sync_id = ? and op_id = ? order by epoch desc, attempt desc limit 1""",
            [outcome, said, now, message.sync, message.op_id])
    return [known[op_id] for op_id in dict.fromkeys(op_ids)]
