"""Draft one sync's plan inside the warehouse: render, compare, count, and write the operations down.

The statements live in `pipelines.state`; this is their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from destinations.protocol import Dedupe, Destination, Operation
from pipelines.audiences import Audience, Sync, Trigger
from pipelines.planning.plan import Plan, estimate_requests
from pipelines.planning.render import canonical, columns_of, jsonable, mapping_of, renderer
from pipelines.state import desired, intents, ledger, record, triggers
from pipelines.state.snapshot import Snapshot, naive
from pipelines.warehouse.protocol import Warehouse, quote

TIMEOUT = 60.0
"""Seconds after which this side gives up on an answer."""
SKEW = 60.0
"""Seconds by which clocks may differ."""


def lateness(destination: Destination) -> float:
    """Seconds after which a request whose answer was lost can no longer arrive."""
    return destination.capabilities.lateness + TIMEOUT + 2 * SKEW


def draft(
    warehouse: Warehouse, audience: Audience, sync: Sync, destination: Destination, taken: Snapshot, journal_id: str,
    now: datetime, *, write: bool,
) -> Plan:
    """Plan one sync from the snapshot just taken; with `write`, commit its operations. Call inside a transaction."""
    sync_id, able = audience.sync_id(sync), destination.capabilities
    control = record.control(warehouse, sync_id)
    desired.refresh(warehouse, sync_id, columns_of(audience, sync, destination),
                    mapping_of(audience, sync, destination), renderer(audience, sync, destination))
    ledger.compare(warehouse, sync_id, now, lateness(destination), members=sync.members)
    intents.find_removals(warehouse, matches_any=able.matches_any, replaces=Operation.UPDATE not in able.operations)
    written = 0
    if write:
        written = intents.write(warehouse, sync_id, control.epoch, taken.id, journal_id, now,
                                silent=control.epoch == 1 and able.silent)
    due = _due(warehouse, audience, sync, destination, control, taken, now)
    if write and sync.trigger:
        record.start_trigger(warehouse, sync_id, _baseline(sync, control, taken))
        _render_payloads(warehouse, sync.trigger)
        intents.write_events(warehouse, sync_id, sync.trigger.event, control.epoch, journal_id, now, written,
                             naive(taken.taken_at) - sync.trigger.max_age)
    return _count(warehouse, audience, sync, destination, taken, due)


def _baseline(sync: Sync, control: record.Control, taken: Snapshot) -> int:
    """The snapshot up to which entries were there before the trigger."""
    if control.trigger_since is not None:
        return control.trigger_since
    return taken.id if sync.first_sync == "silent" else 0


def _due(
    warehouse: Warehouse, audience: Audience, sync: Sync, destination: Destination, control: record.Control,
    taken: Snapshot, now: datetime,
) -> tuple[int, int]:
    """Leave `due`; count the messages that will be sent, and the silent ones among them. Stale ones are not sent."""
    if not sync.trigger:
        return 0, 0
    able = destination.capabilities
    resend_within = max(0.0, able.dedupe_window - lateness(destination)) if able.dedupe is Dedupe.KEY else 0.0
    triggers.find_due(warehouse, audience.sync_id(sync), audience.name, _baseline(sync, control, taken), now,
                      silently=able.silent, resend_within=resend_within)
    [counts] = warehouse.query(
        "select count(*), count(*) filter (silent) from temp.due where silent or entered_at >= ?",
        [naive(taken.taken_at) - sync.trigger.max_age])
    return int(counts[0]), int(counts[1])


def _render_payloads(warehouse: Warehouse, trigger: Trigger) -> None:
    columns = "".join(f", r.{quote(column)}" for column in trigger.send)
    rows = [row for batch in warehouse.arrow(
        f"""select r._key{columns} from temp.audience_rows as r
        where r._key in (select person_key from temp.due)""") for row in batch.to_pylist()]
    warehouse.execute("drop table if exists temp.payloads")
    warehouse.execute("create temp table payloads (person_key varchar, attributes varchar)")
    if rows:
        warehouse.insert("temp.payloads", pa.table({
            "person_key": [row["_key"] for row in rows], "attributes": [_payload(row, trigger) for row in rows]}))


def _payload(row: Mapping[str, Any], trigger: Trigger) -> str:
    return canonical({name: jsonable(row[column]) for column, name in trigger.send.items()})


def _count(
    warehouse: Warehouse, audience: Audience, sync: Sync, destination: Destination, taken: Snapshot, due: tuple[int, int]
) -> Plan:
    changes: dict[str, int] = dict(warehouse.query("select action, count(*) from temp.changes group by action"))
    [(wanted,)] = warehouse.query("select count(*) from temp.wanted")
    [(removals,)] = warehouse.query("select count(*) from temp.removals")
    [(unusable,)] = warehouse.query("select count(*) from activation.desired where sync_id = ? and dest_key is null",
                                    [audience.sync_id(sync)])
    add, update, remove = (changes.get(action, 0) for action in ("add", "update", "remove"))
    requests = estimate_requests(destination.capabilities, removals=removals, upserts=add + update, triggers=due[0])
    return Plan(audience.sync_id(sync), audience.name, sync.to, taken.segment, taken.suppressed, taken.held_out,
                wanted, add, update, remove, wanted - add - update if sync.members else 0, *due, requests,
                unusable + taken.null_keys)
