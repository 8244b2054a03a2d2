"""Read what was recorded: the state of each sync, for `tailrace status` and the checks of Dagster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.state import holds, schema, unresolved
from pipelines.warehouse.protocol import Warehouse, literal


@dataclass(frozen=True, slots=True)
class State:
    """One sync, as it stands."""

    sync: str
    audience: str
    connection: str
    members: int
    """Keys that the channel has acknowledged and was not told to drop."""
    last_run: datetime | None
    status: str | None
    reason: str
    undelivered: dict[str, int]
    """Outcome (`pending`: a job has it) → operations, members or rows (`no_key`, `repeated_key`) not delivered."""
    pending: int = 0
    """Of these, with a job of the channel that has not ended."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Of these, refused by the channel: reason → how many."""
    unresolved: int = 0
    """Messages in doubt that wait for a person (`tailrace unresolved`)."""
    held: str | None = None
    """The plan that waits for approval."""
    last_success: datetime | None = None
    """When a run last ended well; UTC without zone."""

    def age(self, now: datetime) -> float | None:
        """Seconds since then."""
        return (now - self.last_success).total_seconds() if self.last_success else None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One member or message that did not get there, by key."""

    sync: str
    person: str
    outcome: str
    reason: str


UNKEYED = """
    with newest as (select audience, max(snapshot_id) as snapshot_id from activation.snapshot group by audience)
    select c.sync_id, s.null_keys, s.duplicates
    from activation.sync_control as c
    inner join newest as n on n.audience = c.audience
    inner join activation.snapshot as s on s.audience = n.audience and s.snapshot_id = n.snapshot_id
    where s.null_keys + s.duplicates > 0"""
"""Rows of an audience that are nobody's (no key) or stand beside the row that was picked for their key."""


def prepare(warehouse: Warehouse) -> bool:
    """Bring the tables up to date, where something was ever recorded; whether it was."""
    if not schema.exists(warehouse):
        return False
    with warehouse.transaction():
        schema.create(warehouse)
    return True


def states(warehouse: Warehouse, now: datetime | None = None) -> list[State]:
    """Every sync that has ever begun. Without `now`, messages that are still repeated count as unresolved too."""
    if not schema.exists(warehouse):
        return []
    members: dict[str, int] = dict(
        warehouse.query("select sync_id, count(*) from activation.delivered group by sync_id"))
    missing = _counts(warehouse, "case outcome when 'accepted' then 'pending' else outcome end", "true")
    for sync, *counts in warehouse.query(UNKEYED):
        found = {word: count for word, count in zip(("no_key", "repeated_key"), counts, strict=True) if count}
        missing[sync] = {**missing.get(sync, {}), **found}
    rejected = _counts(warehouse, "coalesce(reason, '')", "outcome = 'rejected'")
    doubts = Counter(message.sync for message in unresolved.find(warehouse, now))
    held = {hold.sync: hold.plan_id for hold in holds.waiting(warehouse)}
    return [State(sync, audience, connection, members.get(sync, 0), ended, status, reason or "", missing.get(sync, {}),
                  missing.get(sync, {}).get("pending", 0), rejected.get(sync, {}), doubts[sync], held.get(sync),
                  success)
            for sync, audience, connection, ended, status, reason, success in warehouse.query(
                """with last as (
                    select *, row_number() over (partition by sync_id order by epoch desc) as nth,
                        max(case when status in ('ok', 'nothing') then ended end) over (partition by sync_id) as success
                    from activation.run_log
                )
                select c.sync_id, c.audience, c.connection, l.ended, l.status, l.reason, l.success
                from activation.sync_control as c left join last as l on c.sync_id = l.sync_id and l.nth = 1
                order by c.sync_id""")]


def _counts(warehouse: Warehouse, column: str, condition: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for sync, value, count in warehouse.query(
            f"""select sync_id, {column} as value, count(*) from activation.undelivered where {condition}
            group by 1, 2 order by 1, 2"""):
        found.setdefault(sync, {})[value] = count
    return found


def undelivered(warehouse: Warehouse, limit: int, syncs: Collection[str] | None = None) -> list[Undelivered]:
    """What did not get there (of these syncs), at most `limit` rows; keys and reasons, no values."""
    if not schema.exists(warehouse):
        return []
    chosen = "" if syncs is None else f"where sync_id in ({', '.join(map(literal, sorted(syncs))) or 'null'})"
    return [Undelivered(*row) for row in warehouse.query(
        f"""select sync_id, coalesce(person_key, ''), outcome, coalesce(reason, '') from activation.undelivered
        {chosen} order by sync_id, outcome, person_key limit ?""", [limit])]
