"""Draft one sync's plan inside the warehouse: render, compare, judge, count, and write the operations down.

The statements live in `pipelines.state`; this is their order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from destinations.protocol import Dedupe, Destination, Operation
from pipelines.audiences import Audience, SuppressionModel, Sync, Trigger
from pipelines.planning import guards
from pipelines.planning.plan import Objection, Plan, estimate_requests
from pipelines.planning.render import canonical, columns_of, jsonable, mapping_of, renderer
from pipelines.state import desired, holds, intents, lease, ledger, record, triggers
from pipelines.state.snapshot import Snapshot, naive
from pipelines.warehouse.protocol import Warehouse, quote

TIMEOUT = 60.0
"""Seconds after which this side gives up on an answer."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One sync and what is planned for it with."""

    audience: Audience
    sync: Sync
    destination: Destination
    suppressions: Sequence[SuppressionModel]
    resync: bool = False
    """Assert the whole desired state again, removals included, whatever the ledger says."""
    own: Sequence[SuppressionModel] = ()
    """Suppressions that apply to this sync alone."""

    @property
    def sparing(self) -> tuple[SuppressionModel, ...]:
        """All suppressions that apply."""
        return (*self.suppressions, *self.own)

    @property
    def id(self) -> str:
        return self.audience.sync_id(self.sync)


def lateness(destination: Destination) -> float:
    """Seconds after which a request whose answer was lost can no longer arrive."""
    return destination.capabilities.lateness + TIMEOUT + 2 * lease.SKEW


def limits_of(audience: Audience) -> guards.Limits:
    """The audience's own limits. A list that is replaced is never without a guard: one wrong run takes everybody."""
    own = audience.guards
    replaces = any(sync.mode == "replace" for sync in audience.syncs)
    removal = min(own.removal, guards.REPLACED) if replaces else own.removal
    return guards.Limits(removal, math.inf if own.entries is None else own.entries, own.unusable)


def compare(warehouse: Warehouse, subject: Subject, now: datetime) -> None:
    """Leave `wanted`, `changes` and `removals` of one sync, from the audience as it was looked at."""
    audience, sync, destination = subject.audience, subject.sync, subject.destination
    able = destination.capabilities
    desired.refresh(warehouse, subject.id, columns_of(audience, sync, destination),
                    mapping_of(audience, sync, destination), renderer(audience, sync, destination), subject.own)
    period = sync.reassert_every.total_seconds() if sync.reassert_every else None
    ledger.compare(warehouse, subject.id, now, lateness(destination), members=sync.members, reassert_every=period)
    if subject.resync and sync.members:
        ledger.reassert_all(warehouse, subject.id)
    ledger.find_whole(warehouse, subject.id, now, lateness(destination), replaces=sync.mode == "replace")
    intents.find_removals(warehouse, matches_any=able.matches_any, replaces=Operation.UPDATE not in able.operations)


def is_approved(warehouse: Warehouse, subject: Subject, now: datetime) -> bool:
    """Whether what this sync would do now is exactly what a person approved."""
    hold = holds.current(warehouse, subject.id)
    if hold is None or hold.state != "approved":
        return False
    compare(warehouse, subject, now)
    return hold.plan_id == holds.digest(warehouse, subject.id)


def draft(
    warehouse: Warehouse, subject: Subject, taken: Snapshot, journal_id: str, now: datetime, *,
    doubts: Sequence[Objection] = (), write: bool = True,
) -> Plan:
    """Plan one sync from the snapshot just taken; with `write`, commit its operations. Call inside a transaction.

    `doubts`: what guards say against the snapshot itself.
    """
    control = lease.control(warehouse, subject.id)
    compare(warehouse, subject, now)
    reach, types = _measure(warehouse, subject)
    hold = holds.current(warehouse, subject.id)
    limits = limits_of(subject.audience)
    if hold:
        limits = limits.stricter(guards.Limits(**hold.limits))
    objections = (*doubts, *guards.judge_reach(reach, limits))
    plan_id = holds.digest(warehouse, subject.id) if objections else ""
    held = bool(objections) and not (hold and hold.state == "approved" and hold.plan_id == plan_id)
    due = (0, 0) if held else _due(warehouse, subject, control, taken, now)
    plan = _count(warehouse, subject, taken, due, objections, plan_id, held=held)
    if write:
        if held:
            holds.open_hold(warehouse, subject.id, plan_id, [asdict(each) for each in objections],
                            limits.finite(), now)
            intents.keep_only_suppressed(warehouse, subject.sparing)
        else:
            holds.close(warehouse, subject.id, "used" if objections else "dropped", now)
            record.remember_types(warehouse, subject.id, types)
        _write(warehouse, subject, control, taken, journal_id, now, held=held)
    return plan


def _write(
    warehouse: Warehouse, subject: Subject, control: lease.Control, taken: Snapshot, journal_id: str, now: datetime, *,
    held: bool,
) -> None:
    sync = subject.sync
    intents.take_whole(warehouse)
    silent = control.epoch == 1 and subject.destination.capabilities.silent
    written = intents.write(warehouse, subject.id, control.epoch, taken.id, journal_id, now, silent=silent)
    if sync.trigger and not held:
        record.start_trigger(warehouse, subject.id, _baseline(sync, control, taken))
        _render_payloads(warehouse, sync.trigger)
        intents.write_events(warehouse, subject.id, sync.trigger.event, control.epoch, journal_id, now, written,
                             naive(taken.taken_at) - sync.trigger.max_age)


def _measure(warehouse: Warehouse, subject: Subject) -> tuple[guards.Reach, dict[str, str]]:
    changes: dict[str, int] = dict(warehouse.query("select action, count(*) from temp.changes group by action"))
    [(wanted,)] = warehouse.query("select count(*) from temp.wanted")
    [(members, unusable)] = warehouse.query(
        "select count(*), count(*) filter (where dest_key is null) from activation.desired where sync_id = ?",
        [subject.id])
    remove = changes.get("remove", 0)
    columns = columns_of(subject.audience, subject.sync, subject.destination)
    present = warehouse.columns("temp.audience_rows") or {}
    types = {column: present[column] for column in columns if column in present}
    before = record.last_types(warehouse, subject.id)
    retyped = [f"{column}: {before[column]} → {kind}" for column, kind in types.items()
               if before.get(column, kind) != kind]
    share = record.last_share_unusable(warehouse, subject.id)
    delivered = wanted - changes.get("add", 0) + remove if subject.sync.members else 0
    return guards.Reach(delivered, remove, members, unusable, share, retyped), types


def _baseline(sync: Sync, control: lease.Control, taken: Snapshot) -> int:
    """The snapshot up to which entries were there before the trigger."""
    if control.trigger_since is not None:
        return control.trigger_since
    return taken.id if sync.first_sync == "silent" else 0


def _due(
    warehouse: Warehouse, subject: Subject, control: lease.Control, taken: Snapshot, now: datetime
) -> tuple[int, int]:
    """Leave `due`; count the messages that will be sent, and the silent ones among them. Stale ones are not sent."""
    sync, able = subject.sync, subject.destination.capabilities
    if not sync.trigger:
        return 0, 0
    resend_within = max(0.0, able.dedupe_window - lateness(subject.destination)) if able.dedupe is Dedupe.KEY else 0.0
    if sync.trigger.delivery == "at_least_once":
        resend_within = max(resend_within, sync.trigger.max_age.total_seconds())
    record.remember_window(warehouse, subject.id, resend_within)
    triggers.find_due(warehouse, subject.id, subject.audience.name, _baseline(sync, control, taken), now,
                      silently=able.silent, resend_within=resend_within)
    [counts] = warehouse.query(
        "select count(*), count(*) filter (where silent) from temp.due where silent or asked or entered_at >= ?",
        [naive(taken.taken_at) - sync.trigger.max_age])
    return int(counts[0]), int(counts[1])


def _render_payloads(warehouse: Warehouse, trigger: Trigger) -> None:
    columns = "".join(f", r.{quote(column)}" for column in trigger.send)
    rows = [row for batch in desired.read_rows(
        warehouse, f"""select r._key{columns} from temp.audience_rows as r
        where r._key in (select person_key from temp.due)""") for row in batch]
    warehouse.execute("drop table if exists temp.payloads")
    warehouse.execute("create temp table payloads (person_key varchar, attributes varchar)")
    if rows:
        warehouse.insert("temp.payloads", {
            "person_key": [row["_key"] for row in rows], "attributes": [_payload(row, trigger) for row in rows]})


def _payload(row: Mapping[str, Any], trigger: Trigger) -> str:
    return canonical({name: jsonable(row[column]) for column, name in trigger.send.items()})


def _count(
    warehouse: Warehouse, subject: Subject, taken: Snapshot, due: tuple[int, int], objections: tuple[Objection, ...],
    plan_id: str, *, held: bool,
) -> Plan:
    sync = subject.sync
    changes: dict[str, int] = dict(warehouse.query("select action, count(*) from temp.changes group by action"))
    [(wanted,)] = warehouse.query("select count(*) from temp.wanted")
    [(removals,)] = warehouse.query("select count(*) from temp.removals")
    [(unusable,)] = warehouse.query("select count(*) from activation.desired where sync_id = ? and dest_key is null",
                                    [subject.id])
    add, update, remove = (changes.get(action, 0) for action in ("add", "update", "remove"))
    [(replaced,)] = warehouse.query("select count(*) from temp.whole")
    able, whole = subject.destination.capabilities, wanted if replaced else 0
    requests = estimate_requests(able, removals=0 if whole else removals, upserts=whole or add + update,
                                 triggers=due[0])
    return Plan(subject.id, subject.audience.name, sync.to, taken.segment, taken.suppressed, taken.held_out, wanted,
                add, update, remove, wanted - add - update if sync.members else 0, *due, requests,
                unusable + taken.null_keys, objections, plan_id, held, whole)
