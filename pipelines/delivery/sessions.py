"""Replace a whole list: parts gather in a session of the channel, and the last one puts them in place of the old list.

All or nothing. The last part is sent only when every other was accepted, so until then nothing has changed and the
session can simply be left: by a part that fails, by a suppression meanwhile, by a crash. It is never taken up again;
the next run begins a new one. Parts before the last are repeated where an answer was lost (the same rows gather once),
the last one never: whether it took effect is unknown, and the next run replaces again.

The list itself is an operation, at place 0 of its plan. Only that one is claimed, before the last part, and what came
of it is what came of every member (`record.spread`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from destinations.protocol import Batch, Limits, Operation, Outcome, Part, Verdict
from pipelines.delivery import lanes
from pipelines.delivery.batches import Op, cut, members_of
from pipelines.delivery.deliver import Batching, Progress
from pipelines.delivery.exchange import Courier, Parcel
from pipelines.delivery.ports import Clock, Transport
from pipelines.errors import ChannelRefused
from pipelines.state import lease, record
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Opener, Warehouse


def send(
    plan: Batching, courier: Courier, transport: Transport, open_warehouse: Opener, clock: Clock
) -> Iterator[Progress]:
    """Send the list of this epoch, or leave the session. Raises ChannelRefused when it was left."""
    limits = courier.destination.capabilities.replace or Limits()
    session, number, sent = _session(plan), 0, 0
    while True:
        with open_warehouse() as warehouse:
            with warehouse.transaction():
                lease.renew(warehouse, plan.sync_id, plan.epoch, clock.now())
            whole, total, spared = _look(warehouse, plan)
            window = _read(warehouse, plan, sent, limits.rows)
        if spared:
            raise ChannelRefused(f"connection {courier.connection}: {spared:,} of the list were suppressed since the "
                                 "plan: the session is left and changes nothing; the next run goes without them")
        courier.lease_ends = clock.monotonic() + lease.SECONDS
        for rows in cut(window, limits):
            number, sent = number + 1, sent + len(rows)
            part = Part(session, number, sent == total, total)
            batch = Batch(Operation.ADD, members_of(rows), plan.audience, plan.target,
                          at=clock.now().replace(tzinfo=UTC))
            lanes.run(iter([_part(courier, batch, part, limits, whole)]), transport, clock, lanes.Width(1),
                      courier.journal.keep)
        yield Progress(plan.sync_id, sent)
        if sent == total:
            break
    flushed = courier.journal.results()
    with open_warehouse() as warehouse, warehouse.transaction():
        record.flush(warehouse, plan.sync_id, plan.sync.to, flushed)
        record.spread(warehouse, plan.sync_id)
    courier.journal.flushed(flushed)


def _session(plan: Batching) -> int:
    return int.from_bytes(hashlib.sha256(f"{plan.sync_id}|{plan.epoch}".encode()).digest()[:8], "big") >> 1


def _look(warehouse: Warehouse, plan: Batching) -> tuple[Parcel, int, int]:
    """The operation that stands for the list, how many members it has, and how many of them are to be spared now."""
    scope = [plan.sync_id, plan.epoch]
    [(whole,)] = warehouse.query(
        "select op_id from activation.op where sync_id = ? and epoch = ? and action = 'replace'", scope)
    [(total, spared)] = warehouse.query(
        f"""select count(*), count(s._key) from activation.op as o
        left join ({persons(plan.suppressions)}) as s on s._key = o.person_key
        where o.sync_id = ? and o.epoch = ? and o.action = 'add'""", scope)
    return Parcel(plan.epoch, {whole: 0}), total, spared


def _read(warehouse: Warehouse, plan: Batching, sent: int, rows: int) -> list[Op]:
    found = warehouse.query(
        """select epoch, seq, op_id, action, dest_key, person_key, identifiers, attributes, silent, occurred_at, null,
            false
        from activation.op where sync_id = ? and epoch = ? and action = 'add' order by seq limit ? offset ?""",
        [plan.sync_id, plan.epoch, rows, sent])
    return [Op(*row) for row in found]


def _part(courier: Courier, batch: Batch, part: Part, limits: Limits, whole: Parcel) -> lanes.Lane:
    if courier.lease_is_short():
        raise ChannelRefused(f"connection {courier.connection}: the session took too long and is left")
    exchange = courier.destination.replace(batch, part)
    if part.last:
        yield from courier.assert_once(_as_one(exchange, *whole.places), limits, whole)
        return
    found: list[Sequence[Outcome]] = []
    yield from courier.converse(exchange, found, limits)
    if reasons := {outcome.reason for outcome in found[0] if outcome.verdict is not Verdict.ACCEPTED}:
        raise ChannelRefused(f"connection {courier.connection}: part {part.number} of the list was not accepted "
                             f"({min(reasons)}): the session is left and changes nothing")


def _as_one(exchange: Any, op_id: str) -> Any:
    """The outcome of the list by those of its last part's members. What is refused may have been a repeat of what was
    applied, and blames no member: it is unknown."""
    outcomes = yield from exchange
    verdicts = {outcome.verdict for outcome in outcomes}
    reason = min((outcome.reason for outcome in outcomes if outcome.verdict is not Verdict.ACCEPTED), default="")
    verdict = verdicts.pop() if verdicts in ({Verdict.ACCEPTED}, {Verdict.DEFERRED}) else Verdict.UNKNOWN
    return [Outcome(op_id, verdict, reason)]
