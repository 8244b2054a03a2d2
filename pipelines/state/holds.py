"""Holds: plans that a guard objects to wait here until a person decides, or until they are no longer objectionable.

A plan's id is the digest of what it would change, so an approval releases exactly that plan and nothing that looks like
it. A hold keeps the limits it was opened under: loosening them in YAML does not release it, re-running does not either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.audiences import SuppressionModel
from pipelines.errors import StateError, did_you_mean
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Hold:
    """The newest undecided or approved hold of a sync."""

    sync: str
    plan_id: str
    limits: dict[str, float]
    state: str
    """open · approved"""
    objections: list[dict[str, str]]
    opened_at: datetime


def digest(
    warehouse: Warehouse, sync_id: str, suppressions: Sequence[SuppressionModel], *, messages: bool, shrinking: bool
) -> str:
    """Id of the plan in `changes` and, with `messages` to those who enter, `moved`: the same changes have the same id,
    in any order of rows.

    What goes out while it is held is no part of it, or an approval would meet another plan: the removal of suppressed
    persons, and with `shrinking` (of a list of persons to spare) whoever comes in.
    """
    entering = "union all select md5(concat_ws('|', 'enters', person_key)) from temp.moved where old_standing is null"
    [(parts,)] = warehouse.query(
        f"""select string_agg(part, '' order by part) from (
            select md5(concat_ws('|', action, dest_key, coalesce(payload_hash, '-'))) as part from temp.changes
            where action <> 'remove' and not {shrinking}
            union all
            select md5(concat_ws('|', 'remove', dest_key)) from temp.changes
            where action = 'remove' and coalesce(json_extract_string(held_identifiers, '$.person'), '') not in (
                select _key from ({persons(suppressions)}) as spared where _key is not null)
            {entering if messages else ""}
        ) as parts""")
    [(found,)] = warehouse.query("select md5(?)", [f"{sync_id}|{parts or ''}"])
    return f"{sync_id}-{found[:10]}"


def current(warehouse: Warehouse, sync_id: str) -> Hold | None:
    """The hold that is in force for a sync."""
    rows = warehouse.query(
        """select sync_id, plan_id, limits, state, objections, opened_at from activation.hold
        where sync_id = ? and state in ('open', 'approved') order by opened_at desc limit 1""", [sync_id])
    return next((Hold(sync, plan, json.loads(limits), state, json.loads(said), at)
                 for sync, plan, limits, state, said, at in rows), None)


def waiting(warehouse: Warehouse) -> list[Hold]:
    """Plans that wait for a person, oldest first."""
    rows = warehouse.query(
        """select sync_id, plan_id, limits, state, objections, opened_at from activation.hold
        where state = 'open' order by opened_at, sync_id""")
    return [Hold(sync, plan, json.loads(limits), state, json.loads(said), at)
            for sync, plan, limits, state, said, at in rows]


def released_beside(warehouse: Warehouse, hold: Hold) -> bool:
    """Whether another sync of the same audience had its plan approved since: that released the snapshot for both."""
    return bool(warehouse.query(
        """select 1 from activation.hold as h
        inner join activation.sync_control as c on h.sync_id = c.sync_id
        inner join activation.sync_control as own on own.audience = c.audience and own.sync_id = ?
        where h.sync_id <> own.sync_id and h.state = 'used' and h.decided_at >= ?""", [hold.sync, hold.opened_at]))


def planned(warehouse: Warehouse, sync_id: str) -> dict[str, int]:
    """What the newest held plan of a sync would do: `add`, `update`, `remove` and `trigger`."""
    rows = warehouse.query("select counts from activation.run_log where sync_id = ? and status = 'held'"
                           " order by epoch desc limit 1", [sync_id])
    counts = json.loads(rows[0][0]) if rows else {}
    return {name: int(counts.get(name, 0)) for name in ("add", "update", "remove", "trigger")}


def open_hold(
    warehouse: Warehouse, sync_id: str, plan_id: str, objections: Sequence[dict[str, str]], limits: dict[str, float],
    now: datetime,
) -> None:
    """Hold this plan; an older hold of the sync is superseded, and its approval with it."""
    existing = current(warehouse, sync_id)
    if existing and existing.plan_id == plan_id:
        return
    close(warehouse, sync_id, "superseded", now)
    warehouse.execute("insert into activation.hold (sync_id, plan_id, opened_at, objections, limits, state)"
                      " values (?, ?, ?, ?, ?, 'open')",
                      [sync_id, plan_id, now, json.dumps(list(objections)), json.dumps(limits)])


def close(warehouse: Warehouse, sync_id: str, state: str, now: datetime) -> None:
    """End the hold in force: `used` (its approved plan was sent), `dropped` (nothing to object to any more)."""
    warehouse.execute(
        """update activation.hold set state = ?, decided_at = coalesce(decided_at, ?)
        where sync_id = ? and state in ('open', 'approved')""", [state, now, sync_id])


def approve(warehouse: Warehouse, plan_id: str, by: str, reason: str, now: datetime) -> str:
    """Release exactly this plan; returns its sync. Raises StateError when it is not held."""
    held: dict[str, str] = dict(warehouse.query("select plan_id, sync_id from activation.hold where state = 'open'"))
    if plan_id not in held:
        known = ", ".join(sorted(held)) or "none"
        raise StateError(f"plan {plan_id} is not held{did_you_mean(plan_id, held)}; held are: {known}. A plan that has "
                         "changed since has another id (tailrace plan shows it)")
    warehouse.execute(
        """update activation.hold set state = 'approved', decided_by = ?, decision = ?, decided_at = ?
        where plan_id = ? and state = 'open'""", [by, reason, now, plan_id])
    return held[plan_id]
