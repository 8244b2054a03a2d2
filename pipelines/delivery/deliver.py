"""Deliver a plan: window by window out of the warehouse, phase by phase to the channel, results back.

Removals end before adds begin, and adds before messages, so that nobody is told about a list they have just left. A
window is read with the warehouse open for an instant; who was suppressed since the plan is seen there and spared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from destinations.protocol import Batch, Capabilities, Destination, Limits, Operation, Request, Response
from pipelines.audiences import SuppressionModel, Sync
from pipelines.delivery import jobs, lanes
from pipelines.delivery.batches import Op, cut, members_of, operation_of, too_large
from pipelines.delivery.exchange import Courier, Parcel
from pipelines.delivery.ports import Clock, Transport
from pipelines.planning.draft import lateness
from pipelines.state import lease, ledger, record, shards
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
"""Requests under way at once; more where the channel's rate and the time of its answers ask for more."""
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
    spread: shards.Spread | None = None
    shard: shards.Shard | None = None
    """Of a plan that is delivered in shards: this one alone."""

    @property
    def part(self) -> str:
        """SQL that leaves only its own of the operations `o`."""
        return f" and {shards.IN_SHARD}" if self.shard else ""

    @property
    def scope(self) -> dict[str, object]:
        """What its statements are about."""
        of_one = {"shard": self.shard.number} if self.shard else {}
        return {"sync_id": self.sync_id, "epoch": self.epoch, **of_one}

    def renew(self, warehouse: Warehouse, now: datetime) -> None:
        """Make the lease last from now on. Raises LeaseLost. Call inside a transaction."""
        if self.spread and self.shard:
            shards.renew(warehouse, self.spread, self.shard, now)
        else:
            lease.renew(warehouse, self.sync_id, self.epoch, now)

    def waiting(self, warehouse: Warehouse) -> list[jobs.Waiting]:
        """Operations of its own that jobs of the channel have taken over."""
        found = waiting(warehouse, self.sync_id)
        if self.shard is None:
            return found
        places = shards.places(warehouse, self.sync_id, self.epoch, self.shard.number)
        return [op for op in found if op.epoch == self.epoch and any(op.seq in stretch for stretch in places)]


def send(
    plan: Batching, courier: Courier, transport: Transport, open_warehouse: Opener, clock: Clock
) -> Iterator[Progress]:
    """Send all operations of this epoch; what is left over when the courier stops is settled by the caller."""
    width = lanes.Width(WIDTH, _rate(courier.destination.capabilities))
    last = sent = 0
    speed = 0.0
    while not courier.stopped:
        flushed = courier.journal.results()
        with open_warehouse() as warehouse:
            with warehouse.transaction():
                record.flush(warehouse, plan.sync_id, plan.sync.to, flushed)
            with warehouse.transaction():
                plan.renew(warehouse, clock.now())
            window = _read(warehouse, plan, courier.destination.capabilities, last, speed)
        courier.journal.flushed(flushed)
        begun = clock.monotonic()
        courier.lease_ends, courier.waits_for_lease = begun + lease.SECONDS, False
        if not window:
            break
        for phase in _lanes(plan, courier, window):
            lanes.run(phase, transport, clock, width, courier.journal.keep)
        if not courier.waits_for_lease:
            last, sent = window[-1].seq, sent + len(window)
            speed = len(window) / max(clock.monotonic() - begun, 0.001)
        yield Progress(plan.sync_id, sent)
    if courier.has_jobs:
        _wait_for_jobs(plan, courier, transport, open_warehouse, clock)


def _rate(able: Capabilities) -> float:
    """Requests a second that the channel takes, of the operation of which it takes most."""
    return max((min((count / seconds for count, seconds in limits.rates), default=0.0)
                for limits in able.operations.values()), default=0.0)


PENDING = """o.sync_id = $sync_id and o.epoch = $epoch and o.seq between $first and $last and not exists (
    select 1 from activation.receipt as r
    where r.sync_id = o.sync_id and r.epoch = o.epoch and r.seq = o.seq and r.seq between $first and $last)"""
"""Operations of a stretch of the plan without a receipt. Rows lie in the order of their places, so a stretch is read
without reading the rest."""


def _next(warehouse: Warehouse, plan: Batching, after: int) -> tuple[int, str] | None:
    """Place and action of the first operation behind a place that has no receipt; it is seldom far."""
    for last in (after + WINDOW, 2**62):
        found = warehouse.query(
            f"select o.seq, o.action from activation.op as o where {PENDING}{plan.part} order by o.seq limit 1",
            {**plan.scope, "first": after + 1, "last": last})
        if found:
            return found[0][0], found[0][1]
    return None


def _read(warehouse: Warehouse, plan: Batching, able: Capabilities, after: int, speed: float) -> list[Op]:
    """The next operations: about as many as go into `WIDTH` requests, or at `speed` a second until the next look."""
    if (found := _next(warehouse, plan, after)) is None:
        return []
    first, action = found
    count = max(FEWEST, able.operations[operation_of(action, able)].rows * WIDTH, round(speed * LOOK_EVERY))
    rows = warehouse.query(
        f"""with due as (select * from activation.op as o where {PENDING}{plan.part})
        select o.epoch, o.seq, o.op_id, o.action, o.dest_key, o.person_key, o.identifiers, o.attributes, o.silent,
            o.occurred_at, i.remote_id, s._key is not null and o.action <> 'remove', null, o.step
        from due as o
        left join activation.remote_id as i on i.connection = $connection and i.dest_key = o.dest_key
        left join ({persons(plan.suppressions)}) as s on s._key = o.person_key order by o.seq""",
        {**plan.scope, "connection": plan.sync.to, "first": first, "last": first + min(WINDOW, count) - 1})
    ops = list(map(Op._make, rows))
    if able.partial and any(op.action == "update" for op in ops):
        known = ledger.acknowledged(warehouse, plan.sync_id, plan.epoch, ops[0].seq, ops[-1].seq)
        ops = [op._replace(acknowledged=known.get(op.dest_key)) if op.action == "update" else op for op in ops]
    return ops


def _lanes(plan: Batching, courier: Courier, window: Sequence[Op]) -> Iterator[Iterator[lanes.Lane]]:
    """Phases of lanes: removals, then adds and updates, then removals that were planned behind them, then messages.

    A lane is made when its turn comes, so that bodies are built while other requests are under way.
    """
    able = courier.destination.capabilities
    asked_by = {action: operation_of(action, able) for action in {op.action for op in window}}
    spared = [op for op in window if op.suppressed]
    refused = [op for op in window if not op.suppressed and too_large(op, able.operations[asked_by[op.action]])]
    _note(plan, courier, spared, "suppressed", "suppressed since the plan")
    _note(plan, courier, refused, "rejected", "larger than one member may be in this channel")
    settled = {op.op_id for op in (*spared, *refused)}
    left = [op for op in window if op.op_id not in settled] if settled else window
    adds = min((op.seq for op in window if op.action in ("add", "update")), default=0)
    kinds: dict[tuple[int, Operation, bool, str], list[Op]] = defaultdict(list)
    for op in left:  # in the order of their places
        kinds[_phase(op, adds), asked_by[op.action], op.silent, op.step or ""].append(op)
    for _, of_phase in groupby(sorted(kinds.items(), key=itemgetter(0)), key=lambda kind: kind[0][0]):
        yield (_lane(plan, courier, batch, how) for how, ops in list(of_phase)
               for batch in cut(ops, able.operations[how[1]]))


def _lane(
    plan: Batching, courier: Courier, ops: Sequence[Op], how: tuple[int, Operation, bool, str]
) -> lanes.Lane:
    _, operation, silent, step = how
    triggers = operation is Operation.TRIGGER
    event = step or (plan.sync.trigger.event if plan.sync.trigger else None)
    batch = Batch(operation, members_of(ops), plan.audience, plan.target, event if triggers else None,
                  silent and triggers, courier.clock.now().replace(tzinfo=UTC))
    return courier.deliver(batch, courier.destination.capabilities.operations[operation],
                           Parcel(plan.epoch, {op.op_id: op.seq for op in ops}))


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
    lanes.run(iter(jobs.poll(courier, ops, target)), transport, clock, lanes.Width(WIDTH), courier.journal.keep)


def _wait_for_jobs(
    plan: Batching, courier: Courier, transport: Transport, open_warehouse: Opener, clock: Clock
) -> None:
    for seconds in JOB_PATIENCE:
        clock.sleep(seconds)
        flushed = courier.journal.results()
        with open_warehouse() as warehouse:
            with warehouse.transaction():
                record.flush(warehouse, plan.sync_id, plan.sync.to, flushed)
            left = plan.waiting(warehouse)
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
    talk = courier.converse(exchange, result, limits)
    lanes.run(iter([talk]), transport, clock, lanes.Width(1), courier.journal.keep)
    return result[0]


def fold(warehouse: Warehouse, sync_id: str, epoch: int, destination: Destination, now: datetime) -> None:
    """Fold the ledger up to this epoch, or up to the last one before an operation that a job still has."""
    open_epochs = [op.epoch for op in waiting(warehouse, sync_id) if op.action != "event"]
    ledger.fold(warehouse, sync_id, min([epoch, *(other - 1 for other in open_epochs)]), lateness(destination), now)
