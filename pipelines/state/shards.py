"""Shards: a plan that was made as a whole and is delivered in parts, by processes that share only the warehouse.

A shard is a slice of delivery, not of the decision: guards, holds and approvals concern the plan. `spread` has a row
while a plan is under way, `shard` one for each part, `shard_places` the places of its operations; all go when the plan
is closed, so the next one may have another number. The epoch of the sync fences all shards, and the turn of a shard
those who take it: a crash leaves the others whole, and whoever takes the shard next settles what the dead one left.

Order matters within a person only: an address is taken out before the new one is put in, and both before a message. So
all operations of a person are in one shard, under whichever key, and persons who share a key are all in the first. The
operations of a shard are neighbours in the plan, so that a claim stays one row a request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.errors import LeaseHeld, LeaseLost
from pipelines.state import lease, record
from pipelines.state.lease import SECONDS, SKEW
from pipelines.state.record import Claim
from pipelines.warehouse.protocol import Warehouse

OWNER = "shards/"
"""What the owner of a sync's lease begins with while its plan is under way: no machine may take it for its own."""


def journal_of(sync_id: str, number: int) -> str:
    """The name of a shard's own journal."""
    return f"{sync_id}@{number}"


@dataclass(frozen=True, slots=True)
class Spread:
    """A plan that is delivered in shards."""

    sync_id: str
    epoch: int
    shards: int
    host: str
    """The state folder (by its journal of the sync) from which all of it is delivered; empty: from anywhere."""
    run_id: str
    started: datetime
    plan: str
    """What was planned, as JSON."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that this process has taken."""

    number: int
    """From 1."""
    turn: int
    """How often it was taken: who finds another has lost it."""


ASKED = """
    select dest_key, json_extract_string(held_identifiers, '$.person') as person from temp.changes
    where held_identifiers is not null
    union
    select dest_key, person_key from temp.changes where person_key is not null"""
MESSAGES = " union select dest_key, person_key from temp.due"
PLACED = """
    create temp table shards as
    with rooted as (
        select a.dest_key, coalesce(k.root, a.person, a.dest_key) as root
        from ({asked}) as a left join temp.kin as k on k.person_key = a.person
    ),
    sharing as (
        select distinct r.root from rooted as r inner join (
            select dest_key from rooted group by dest_key having count(distinct root) > 1
        ) as several on several.dest_key = r.dest_key
    )
    select distinct r.dest_key as placed, 1 + case when s.root is null then {bucket} % $shards else 0 end as shard
    from rooted as r left join sharing as s on s.root = r.root"""

PLACES = """
    insert into activation.shard_places (sync_id, epoch, shard, first_seq, last_seq)
    select $sync_id, $epoch, shard, min(seq), max(seq) from (
        select seq, shard, seq - row_number() over (partition by shard order by seq) as stretch
        from (
            select o.seq, coalesce(s.shard, 1) as shard
            from activation.op as o left join temp.shards as s on s.placed = o.dest_key
            where o.sync_id = $sync_id and o.epoch = $epoch
        ) as found
    ) as stretched group by shard, stretch"""

IN_SHARD = """exists (
        select 1 from activation.shard_places as p
        where p.sync_id = o.sync_id and p.epoch = o.epoch and p.shard = $shard
            and o.seq between p.first_seq and p.last_seq)"""

LEFT = """
    from activation.op as o
    inner join activation.shard_places as p on p.sync_id = o.sync_id and p.epoch = o.epoch
        and o.seq between p.first_seq and p.last_seq
    where o.sync_id = $sync_id and o.epoch = $epoch and not exists (
        select 1 from activation.receipt as r
        where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id)"""
"""Operations of a plan that have no receipt, with their shard."""


def place(warehouse: Warehouse, shards: int, *, messages: bool) -> None:
    """Leave `shards`: in which shard each key of the changes is, and of the messages that are due."""
    warehouse.execute("drop table if exists temp.shards")
    warehouse.execute("create temp table if not exists kin (person_key varchar, root varchar)")
    asked = ASKED + (MESSAGES if messages else "")
    warehouse.execute(PLACED.format(asked=asked, bucket=warehouse.bucket("r.root")), {"shards": shards})


def keep_places(warehouse: Warehouse, sync_id: str, epoch: int) -> None:
    """Write down which places of the plan are whose. Call after the operations were written."""
    warehouse.execute("delete from activation.shard_places where sync_id = ?", [sync_id])
    warehouse.execute(PLACES, {"sync_id": sync_id, "epoch": epoch})


def places(warehouse: Warehouse, sync_id: str, epoch: int, number: int) -> list[range]:
    """Places of the plan that are of this shard."""
    rows = warehouse.query("select first_seq, last_seq from activation.shard_places"
                           " where sync_id = ? and epoch = ? and shard = ?", [sync_id, epoch, number])
    return [range(first, last + 1) for first, last in rows]


def find(warehouse: Warehouse, sync_id: str) -> Spread | None:
    """The plan of a sync that is under way in shards."""
    rows = warehouse.query(
        "select sync_id, epoch, shards, host, run_id, started, plan from activation.spread where sync_id = ?",
        [sync_id])
    return Spread(*rows[0]) if rows else None


def open_all(warehouse: Warehouse, spread: Spread, now: datetime) -> None:
    """Give the plan away. Call inside a transaction that fences the epoch."""
    warehouse.insert("activation.spread", {
        "sync_id": [spread.sync_id], "epoch": [spread.epoch], "shards": [spread.shards], "host": [spread.host],
        "run_id": [spread.run_id], "started": [spread.started], "plan": [spread.plan]})
    numbers = range(1, spread.shards + 1)
    warehouse.insert("activation.shard", {
        "sync_id": [spread.sync_id for _ in numbers], "epoch": [spread.epoch for _ in numbers],
        "shard": list(numbers), "turn": [0 for _ in numbers], "owner": ["" for _ in numbers]})
    _hold_sync(warehouse, spread, now)


def take(
    warehouse: Warehouse, spread: Spread, number: int, owner: str, journal_id: str, now: datetime, *, alone: bool
) -> tuple[Shard, str | None]:
    """Take a shard; answers the journal of whoever had it before too. Call inside a transaction.

    Raises LeaseHeld while another process has it, and when it has ended. `owner`: `machine/run`; `alone`: no other
    process of this machine can be at it.
    """
    lease.fence(warehouse, spread.sync_id, spread.epoch)
    name = f"{spread.sync_id}, shard {number} of {spread.shards}"
    scope = {"sync_id": spread.sync_id, "epoch": spread.epoch, "shard": number}
    [(turn, holder, until, before, ended)] = warehouse.query(
        """select turn, owner, lease_until, journal_id, ended_at from activation.shard
        where sync_id = $sync_id and epoch = $epoch and shard = $shard""", scope)
    if ended is not None:
        raise LeaseHeld(f"{name} has been delivered")
    stale = alone and holder.partition("/")[0] == owner.partition("/")[0]
    if until is not None and not stale and now <= until + timedelta(seconds=2 * SKEW):
        raise LeaseHeld(f"{name}: run {holder.partition('/')[2]} holds it until {until:%H:%M:%S} UTC")
    warehouse.execute(
        """update activation.shard set turn = turn + 1, owner = $owner, journal_id = $journal_id, lease_until = $until
        where sync_id = $sync_id and epoch = $epoch and shard = $shard and turn = $turn""",
        {**scope, "turn": turn, "owner": owner, "journal_id": journal_id, "until": now + timedelta(seconds=SECONDS)})
    shard = Shard(number, turn + 1)
    if _holder(warehouse, spread, number) != (shard.turn, owner):
        raise LeaseHeld(f"{name}: another process took it in the same instant")
    _hold_sync(warehouse, spread, now)
    return shard, before


def fence(warehouse: Warehouse, spread: Spread, shard: Shard) -> None:
    """Raise LeaseLost unless the plan is under way and this process has the shard. Call inside a transaction."""
    lease.fence(warehouse, spread.sync_id, spread.epoch)
    if _holder(warehouse, spread, shard.number)[0] != shard.turn:
        raise LeaseLost(f"{spread.sync_id}, shard {shard.number} of {spread.shards}: another process took it over, as "
                        "this one was silent for longer than its lease")


def renew(warehouse: Warehouse, spread: Spread, shard: Shard, now: datetime) -> None:
    """Make the leases of shard and sync last from now on. Raises LeaseLost. Call inside a transaction."""
    fence(warehouse, spread, shard)
    warehouse.execute(
        "update activation.shard set lease_until = ? where sync_id = ? and epoch = ? and shard = ?",
        [now + timedelta(seconds=SECONDS), spread.sync_id, spread.epoch, shard.number])
    _hold_sync(warehouse, spread, now)


def end(warehouse: Warehouse, spread: Spread, shard: Shard, failure: str, gone: str, now: datetime) -> None:
    """Nothing more is sent of this shard in this epoch. Raises LeaseLost. Call inside a transaction."""
    fence(warehouse, spread, shard)
    _give_up(warehouse, spread, "void", "never sent", now, shard.number)
    warehouse.execute(
        """update activation.shard set ended_at = ?, lease_until = null, failure = ?, gone = ?
        where sync_id = ? and epoch = ? and shard = ?""",
        [now, failure, gone, spread.sync_id, spread.epoch, shard.number])


def unended(warehouse: Warehouse, spread: Spread) -> list[int]:
    """Shards that have not ended."""
    rows = warehouse.query("select shard from activation.shard where sync_id = ? and epoch = ? and ended_at is null"
                           " order by shard", [spread.sync_id, spread.epoch])
    return [number for (number,) in rows]


def said(warehouse: Warehouse, spread: Spread) -> tuple[str, str]:
    """What shards failed with, each reason once, and what the channel says of a list that is not there any more."""
    rows = warehouse.query("select failure, gone from activation.shard where sync_id = ? and epoch = ? order by shard",
                           [spread.sync_id, spread.epoch])
    return "; ".join(dict.fromkeys(failure for failure, _ in rows if failure)), next((g for _, g in rows if g), "")


def close(warehouse: Warehouse, spread: Spread, owner: str) -> None:
    """Take the plan back, to close it in this transaction. Raises LeaseHeld when another process does."""
    warehouse.execute(
        f"""update activation.sync_control set owner = ?
        where sync_id = ? and epoch = ? and owner like '{OWNER}%'""", [owner, spread.sync_id, spread.epoch])
    [(holder,)] = warehouse.query("select owner from activation.sync_control where sync_id = ?", [spread.sync_id])
    if holder != owner:
        raise LeaseHeld(f"{spread.sync_id}: another process closes it")
    _forget(warehouse, spread)


def settle(warehouse: Warehouse, spread: Spread, journals: Collection[str], now: datetime) -> None:
    """Decide what shards left open that nobody will go on with: the epoch is over.

    What no process took was never sent. What one took and did not claim is void if its journal is among those that this
    host has, and unknown if not.
    """
    taken: dict[int, str] = dict(warehouse.query(
        "select shard, journal_id from activation.shard where sync_id = ? and epoch = ? and journal_id is not null",
        [spread.sync_id, spread.epoch]))
    for number, journal in taken.items():
        if journal not in journals:
            _lose(warehouse, spread, number, now)
    _give_up(warehouse, spread, "void", "never sent", now)
    _forget(warehouse, spread)


def inherit(
    warehouse: Warehouse, spread: Spread, shard: Shard, before: str | None, journal_id: str, claims: Sequence[Claim],
    now: datetime,
) -> None:
    """Decide what the process left open that had the shard `before` (its journal): what it claimed is unknown, and all
    that it has no answer to if its journal is not here. What is left is sent by this one."""
    record.flush(warehouse, spread.sync_id, "", record.in_doubt(claims, now))
    if before not in (None, journal_id):
        _lose(warehouse, spread, shard.number, now)


def _lose(warehouse: Warehouse, spread: Spread, number: int, now: datetime) -> None:
    _give_up(warehouse, spread, "unknown", "the journal of that run is lost", now, number)


def _give_up(
    warehouse: Warehouse, spread: Spread, outcome: str, reason: str, now: datetime, number: int | None = None
) -> None:
    """Write receipts for what has none, of one shard or of all."""
    of_one = "" if number is None else " and p.shard = $shard"
    warehouse.execute(
        f"""insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason, first_sent_at,
            recorded_at)
        select o.sync_id, o.epoch, o.op_id, 0, o.seq, $outcome, $reason, o.planned_at, $now {LEFT}{of_one}""",
        {"sync_id": spread.sync_id, "epoch": spread.epoch, "outcome": outcome, "reason": reason, "now": now,
         **({} if number is None else {"shard": number})})


def _forget(warehouse: Warehouse, spread: Spread) -> None:
    for table in ("spread", "shard", "shard_places"):
        warehouse.execute(f"delete from activation.{table} where sync_id = ?", [spread.sync_id])


def _holder(warehouse: Warehouse, spread: Spread, number: int) -> tuple[int, str]:
    [(turn, owner)] = warehouse.query(
        "select turn, owner from activation.shard where sync_id = ? and epoch = ? and shard = ?",
        [spread.sync_id, spread.epoch, number])
    return turn, owner


def _hold_sync(warehouse: Warehouse, spread: Spread, now: datetime) -> None:
    warehouse.execute(
        "update activation.sync_control set owner = ?, lease_until = ? where sync_id = ? and epoch = ?",
        [f"{OWNER}{spread.run_id}", now + timedelta(seconds=SECONDS), spread.sync_id, spread.epoch])
