"""Members and messages that a channel refuses: why, how often, and when the next try is due.

A rejected add waits longer after each refusal and rests after the fifth, until its payload changes; a removal is tried
with every run; a message is refused once and for all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pipelines.state import ledger
from pipelines.warehouse.protocol import Warehouse

LATENESS = 1_080.0
"""Seconds, for receipts that are not folded yet; the fold keeps each with its channel's own."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One member or message that was refused."""

    sync: str
    reason: str
    person: str
    action: str
    """add · update · remove · event"""
    refusals: int
    refused_at: datetime
    next: str
    """run: with the next run · time: not before `next_at` · rests: until its payload changes · gone: not wanted any
    more · never: a message is not tried again"""
    next_at: datetime | None


REJECTED = f"""
    with ledger as ({ledger.LEDGER}),
    refused as (
        select o.dest_key, o.op_id, o.person_key, o.action, r.outcome, r.reason, r.recorded_at,
            row_number() over (
                partition by case when o.action = 'event' then o.op_id else o.dest_key end, o.action = 'event'
                order by o.epoch desc, o.seq desc, r.attempt desc) as newest,
            sum(case when r.outcome = 'rejected' then 1 else 0 end) over (
                partition by case when o.action = 'event' then o.op_id else o.dest_key end, o.action = 'event',
                    o.action = 'remove') as times
        from activation.op as o
        inner join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
        where o.sync_id = $sync_id and r.outcome not in ('void', 'suppressed')
    ),
    wanted as (
        select dest_key, max(payload_hash) as payload_hash from activation.desired
        where sync_id = $sync_id and dest_key is not null group by dest_key
    ),
    judged as (select coalesce(r.reason, '') as reason, coalesce(r.person_key, '') as person_key, r.action,
        case when r.action in ('add', 'update') and l.refusals > 0 then l.refusals else r.times end as refusals,
        r.recorded_at,
        case when r.action = 'event' then 'never' when r.action = 'remove' then 'run'
            when w.dest_key is null then 'gone'
            when l.refused_hash is null or l.refused_hash <> w.payload_hash or not l.only_refused then 'run'
            when l.refusals >= {ledger.REFUSALS} then 'rests'
            when $now >= l.refused_at + {ledger.WAIT} then 'run' else 'time' end as next,
        l.refused_at + {ledger.WAIT} as next_at
    from refused as r
    left join ledger as l on r.dest_key = l.dest_key and r.action <> 'event'
    left join wanted as w on r.dest_key = w.dest_key
    where r.newest = 1 and r.outcome = 'rejected')
    select reason, person_key, action, refusals, recorded_at, next, case when next = 'time' then next_at end
    from judged order by reason, person_key, action"""


def find(warehouse: Warehouse, now: datetime, syncs: Collection[str] | None = None) -> list[Rejected]:
    """What is refused now, by sync and reason."""
    found: list[Rejected] = []
    controls = warehouse.query("select sync_id, folded_epoch from activation.sync_control order by sync_id")
    for sync_id, folded in controls:
        if syncs is None or sync_id in syncs:
            scope = {"sync_id": sync_id, "folded_epoch": folded, "lateness": LATENESS, "now": now}
            ledger.look_at(warehouse, scope)
            found += [Rejected(sync_id, *row) for row in warehouse.query(REJECTED, scope)]
    return found
