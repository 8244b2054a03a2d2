"""What a past run had before it: its operations as they were written down, and what history says stood behind each.

History is read as it was at that run: membership at the snapshot that the plan was made of, and operations and receipts
of earlier runs. What became known later is in later snapshots and changes nothing of this.
"""

from __future__ import annotations

from typing import NamedTuple

from pipelines.warehouse.protocol import Warehouse


class Planned(NamedTuple):
    """One operation of a past plan."""

    op_id: str
    action: str
    dest_key: str
    identifiers: str
    attributes: str
    payload_hash: str
    step: str | None
    stay: str
    """Key under which the person's stay began."""
    entry_id: int | None
    was_sent: bool
    """Whether the person had the standing of the sync in the snapshot that it was planned from."""
    had_entered: bool
    """Whether a stay of theirs began at the snapshot that a message names."""
    was_told: bool
    """Whether an earlier run had told the channel of the key."""
    is_frozen: bool
    """Whether it has the payload with which the message was first planned."""


class Ran(NamedTuple):
    """One sync's part of a run."""

    sync_id: str
    audience: str
    connection: str
    epoch: int


def find_runs(warehouse: Warehouse, run: str) -> list[Ran]:
    """The syncs of a run, by its id, or one by its sync and epoch: `cart__mail@3`."""
    return [Ran(*row) for row in warehouse.query(
        """select sync_id, audience, connection, epoch from activation.runs
        where run_id = $run or sync_id || '@' || cast(epoch as varchar) = $run
        order by sync_id, epoch""", {"run": run})]


def recent(warehouse: Warehouse) -> list[str]:
    """Ids of the newest runs that planned anything."""
    return [run for (run,) in warehouse.query(
        """select run_id from activation.runs where status <> 'nothing'
        group by run_id order by max(started) desc limit 5""")]


def planned(warehouse: Warehouse, ran: Ran) -> list[Planned]:
    """The operations of a sync's run, in their order, without that of a list as a whole."""
    return [Planned(*row) for row in warehouse.query(
        """select o.op_id, o.action, o.dest_key, o.identifiers, o.attributes, o.payload_hash, o.step,
            coalesce((select max(m.began_as) from activation.membership as m
                where m.audience = $audience and m.person_key = o.person_key and m.entry_id = o.snapshot_id),
                o.person_key),
            o.snapshot_id,
            exists (select 1 from activation.membership as m
                where m.audience = $audience and m.person_key = o.person_key and m.standing = $standing
                    and m.valid_from <= o.snapshot_id and (m.valid_to is null or m.valid_to > o.snapshot_id)),
            exists (select 1 from activation.membership as m
                where m.audience = $audience and m.person_key = o.person_key and m.entry_id = o.snapshot_id),
            exists (select 1 from activation.op as b
                where b.sync_id = o.sync_id and b.epoch < o.epoch and b.dest_key = o.dest_key
                    and b.action in ('add', 'update', 'remove')),
            not exists (select 1 from activation.op as b
                where b.sync_id = o.sync_id and b.op_id = o.op_id and b.epoch < o.epoch
                    and b.attributes <> o.attributes)
        from activation.op as o
        where o.sync_id = $sync_id and o.epoch = $epoch and o.action <> 'replace' order by o.seq""",
        {"audience": ran.audience, "sync_id": ran.sync_id, "epoch": ran.epoch,
         "standing": "held_out" if ran.sync_id.endswith("__held_out") else "sent"})]
