"""Deliver a plan: window by window out of the warehouse, phase by phase to the channel, results back.

Removals end before adds begin, and adds before messages, so that nobody is told about a list they have just left. A
window is read with the warehouse open for an instant; who was suppressed since the plan is seen there and spared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from destinations.protocol import Batch, Capabilities, Destination, Limits, Operation, Request, Response
from pipelines.audiences import SuppressionModel, Sync
from pipelines.delivery import jobs, lanes
from pipelines.delivery.batches import Op, cut, members_of, operation_of, too_large
from pipelines.delivery.exchange import Courier, Parcel
from pipelines.delivery.ports import Clock, Transport
from pipelines.planning.draft import lateness
from pipelines.state import lease, ledger, record
from pipelines.state.record import Receipt, neighbours
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Opener, Warehouse

WINDOW = 20_000
"""At most so many operations between two looks into the warehouse, which also tell who was suppressed meanwhile."""
FEWEST = 200
"""A look costs some 50 ms, so windows of one-row requests are no smaller than this."""
LOOK_EVERY = 2.0
"""Seconds that a window should take: as many operations as the channel took in that time."""
WIDTH = 8
"""Requests under way at once: 50 a second at 100 ms each need six."""
JOB_PATIENCE = (0.25, 0.5, 1, 2, 4, 8)
"""Seconds between questions to a job before it is left to the next run: a job never holds a run up for longer."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A window has been sent."""

    sync: str
    sent: int
    """Operations of this plan handed to the channel so far."""


@dataclass(frozen=True, slots=True)
class Batching:
    """What is the same for all batches of one run."""

    sync_id: str
    epoch: int
    audience: str
    sync: Sync
    target: str | None
    suppressions: Sequence[SuppressionModel]


def send(
    plan: Batching, courier: Courier, transport: Transport, open_warehouse: Opener, clock: Clock
) -> Iterator[Progress]:
    """Send all operations of this epoch; what is left over when the courier stops is settled by the caller."""
    last = sent = 0
    speed = 0.0
    while not courier.stopped:
        flushed = courier.journal.results()
        with open_warehouse() as warehouse:
            with warehouse.transaction():
                record.flush(warehouse, plan.sync_id, plan.sync.to, flushed)
            with warehouse.transaction():
                lease.renew(warehouse, plan.sync_id, plan.epoch, clock.now())
            window = _read(warehouse, plan, courier.destination.capabilities, last, speed)
        courier.journal.flushed(flushed)
        begun = clock.monotonic()
        courier.lease_ends, courier.waits_for_lease = begun + lease.SECONDS, False
        if not window:
            break
        lanes_of = _lanes(plan, courier, window)
        for phase in lanes_of:
            lanes.run(iter(phase), transport, clock, WIDTH, courier.journal.keep)
        if not courier.waits_for_lease:
            last, sent = window[-1].seq, sent + len(window)
            speed = len(window) / max(clock.monotonic() - begun, 0.001)
        yield Progress(plan.sync_id, sent)
    if courier.has_jobs:
        _wait_for_jobs(plan, courier, transport, open_warehouse, clock)


def _read(warehouse: Warehouse, plan: Batching, able: Capabilities, last: int, speed: float) -> list[Op]:
    """The next operations: about as many as go into `WIDTH` requests, or at `speed` a second until the next look."""
    pending = """o.sync_id = ? and o.epoch = ? and o.seq > ? and not exists (
        select 1 from activation.receipt as r
        where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id)"""
    place = [plan.sync_id, plan.epoch, last]
    found = warehouse.query(f"select o.action from activation.op as o where {pending} order by o.seq limit 1", place)
    if not found:
        return []
    rows_a_request = able.operations[operation_of(found[0][0], able)].rows
    limit = min(WINDOW, max(FEWEST, rows_a_request * WIDTH, round(speed * LOOK_EVERY)))
    rows = warehouse.query(
        f"""select o.epoch, o.seq, o.op_id, o.action, o.dest_key, o.person_key, o.identifiers, o.attributes, o.silent,
            o.occurred_at, i.remote_id, s._key is not null and o.action <> 'remove', null, o.step
        from activation.op as o
        left join activation.remote_id as i on i.connection = ? and i.dest_key = o.dest_key
        left join ({persons(plan.suppressions)}) as s on s._key = o.person_key
        where {pending} order by o.seq limit {limit}""", [plan.sync.to, *place])
    ops = list(map(Op._make, rows))
    if able.partial and any(op.action == "update" for op in ops):
        known = ledger.acknowledged(warehouse, plan.sync_id, plan.epoch, ops[0].seq, ops[-1].seq)
        ops = [op._replace(acknowledged=known.get(op.dest_key)) if op.action == "update" else op for op in ops]
    return ops


def _lanes(plan: Batching, courier: Courier, window: Sequence[Op]) -> list[list[lanes.Lane]]:
    """Phases of lanes: removals, then adds and updates, then removals that were planned behind them, then messages."""
    able = courier.destination.capabilities
    asked_by = {action: operation_of(action, able) for action in {op.action for op in window}}
    spared = [op for op in window if op.suppressed]
    refused = [op for op in window if not op.suppressed and too_large(op, able.operations[asked_by[op.action]])]
    _note(plan, courier, spared, "suppressed", "suppressed since the plan")
    _note(plan, courier, refused, "rejected", "larger than one member may be in this channel")
    settled = {op.op_id for op in (*spared, *refused)}
    left = [op for op in window if op.op_id not in settled] if settled else window
    phases: dict[int, list[lanes.Lane]] = {0: [], 1: [], 2: [], 3: []}
    adds = min((op.seq for op in window if op.action in ("add", "update")), default=0)

    kinds: dict[tuple[int, Operation, bool, str], list[Op]] = defaultdict(list)
    for op in left:  # in the order of their places
        kinds[_phase(op, adds), asked_by[op.action], op.silent, op.step or ""].append(op)
    for (phase, operation, silent, step), ops in sorted(kinds.items(), key=itemgetter(0)):
        limits = able.operations[operation]
        for batch in cut(ops, limits):
            parcel = Parcel(plan.epoch, {op.op_id: op.seq for op in batch})
            event = step or (plan.sync.trigger.event if plan.sync.trigger else None)
            asked = Batch(operation, members_of(batch), plan.audience, plan.target,
                          event if operation is Operation.TRIGGER else None,
                          silent and operation is Operation.TRIGGER, courier.clock.now().replace(tzinfo=UTC))
            phases[phase].append(courier.deliver(asked, limits, parcel))
    return list(phases.values())


def _phase(op: Op, adds: int) -> int:
    """`adds`: the first place of an add."""
    if op.action == "remove":
        return 2 if op.seq > adds else 0
    return 3 if op.action == "event" else 1


def _note(plan: Batching, courier: Courier, ops: Sequence[Op], outcome: str, reason: str) -> None:
    now = courier.clock.now()
    courier.journal.result([Receipt(plan.epoch, first, last, 0, outcome, None, reason, None, None, now, now)
                            for first, last in neighbours(op.seq for op in ops)])


def waiting(warehouse: Warehouse, sync_id: str) -> list[jobs.Waiting]:
    """Operations that jobs of the channel have taken over."""
    return [jobs.Waiting(*row) for row in warehouse.query(ledger.WAITING, {"sync_id": sync_id})]


def ask_jobs(
    courier: Courier, ops: Sequence[jobs.Waiting], target: str | None, transport: Transport, clock: Clock
) -> None:
    """Ask the jobs of these operations once."""
    lanes.run(iter(jobs.poll(courier, ops, target)), transport, clock, WIDTH, courier.journal.keep)


def _wait_for_jobs(
    plan: Batching, courier: Courier, transport: Transport, open_warehouse: Opener, clock: Clock
) -> None:
    for seconds in JOB_PATIENCE:
        clock.sleep(seconds)
        flushed = courier.journal.results()
        with open_warehouse() as warehouse:
            with warehouse.transaction():
                record.flush(warehouse, plan.sync_id, plan.sync.to, flushed)
            left = waiting(warehouse, plan.sync_id)
        courier.journal.flushed(flushed)
        if not left or courier.stopped:
            return
        ask_jobs(courier, left, plan.target, transport, clock)


def converse(
    courier: Courier, exchange: Generator[Request, Response, Any], transport: Transport, clock: Clock,
    limits: Limits | None = None,
) -> Any:
    """Drive an exchange that leaves no receipts (prepare, check, deletion) and answer what it returns.

    `limits`: of one that is harmless to repeat.
    """
    result: list[Any] = []
    lanes.run(iter([courier.converse(exchange, result, limits)]), transport, clock, 1, courier.journal.keep)
    return result[0]


def fold(warehouse: Warehouse, sync_id: str, epoch: int, destination: Destination, now: datetime) -> None:
    """Fold the ledger up to this epoch, or up to the last one before an operation that a job still has."""
    open_epochs = [op.epoch for op in waiting(warehouse, sync_id) if op.action != "event"]
    ledger.fold(warehouse, sync_id, min([epoch, *(other - 1 for other in open_epochs)]), lateness(destination), now)
