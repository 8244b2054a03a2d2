"""Read what was recorded: the state of each sync, for `tailrace status` and the checks of Dagster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pipelines.state import schema
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
    """Outcome → operations or members that did not get there."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One member or message that did not get there, by key."""

    sync: str
    person: str
    outcome: str
    reason: str


def states(warehouse: Warehouse) -> list[State]:
    """Every sync that has ever begun."""
    if not schema.exists(warehouse):
        return []
    members: dict[str, int] = dict(warehouse.query("select sync_id, count(*) from activation.delivered group by sync_id"))
    missing: dict[str, dict[str, int]] = {}
    for sync, outcome, count in warehouse.query(
            "select sync_id, outcome, count(*) from activation.undelivered group by sync_id, outcome order by outcome"):
        missing.setdefault(sync, {})[outcome] = count
    return [State(sync, audience, connection, members.get(sync, 0), ended, status, reason or "", missing.get(sync, {}))
            for sync, audience, connection, ended, status, reason in warehouse.query(
                """with last as (
                    select *, row_number() over (partition by sync_id order by epoch desc) as nth from activation.run_log
                )
                select c.sync_id, c.audience, c.connection, l.ended, l.status, l.reason
                from activation.sync_control as c left join last as l on c.sync_id = l.sync_id and l.nth = 1
                order by c.sync_id""")]


def undelivered(warehouse: Warehouse, limit: int, syncs: Collection[str] | None = None) -> list[Undelivered]:
    """What did not get there (of these syncs), at most `limit` rows; keys and reasons, no values."""
    if not schema.exists(warehouse):
        return []
    chosen = "" if syncs is None else f"where sync_id in ({', '.join(map(literal, sorted(syncs))) or 'null'})"
    return [Undelivered(*row) for row in warehouse.query(
        f"""select sync_id, coalesce(person_key, ''), outcome, coalesce(reason, '') from activation.undelivered
        {chosen} order by sync_id, outcome, person_key limit ?""", [limit])]
