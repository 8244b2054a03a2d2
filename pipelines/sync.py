"""The walk: begin → settle → snapshot → diff → plan → deliver → record, for one audience and its syncs.

It is a generator: Dagster, the command and the simulator drive the same code and see each step. Between two steps
anything may crash; the order of writing decides what the next run finds:

1. the epoch of each sync is taken, results of the journal are flushed, and what earlier runs left open is settled;
2. jobs are asked, and a missing remote list is prepared, with the warehouse closed;
3. the snapshot is committed, then each sync's plan rows, before the first request;
4. each batch is claimed in the journal, sent, and its result is journalled; every window of operations is flushed;
5. what was never sent is void, what has no answer is unknown, the ledger is folded and the run is logged.

The warehouse is never open while the network is talked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from destinations.protocol import Destination
from pipelines.audiences import Audience, SuppressionModel, Sync
from pipelines.delivery import deliver
from pipelines.delivery.exchange import Courier
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import Pace
from pipelines.delivery.ports import Clock, Transport
from pipelines.errors import ChannelRefused
from pipelines.planning.draft import draft
from pipelines.planning.plan import Plan
from pipelines.state import record, schema, snapshot
from pipelines.state.snapshot import Snapshot
from pipelines.warehouse.protocol import Opener, Warehouse


@dataclass(frozen=True, slots=True)
class Task:
    """One sync with the destination it goes to."""

    sync_id: str
    sync: Sync
    destination: Destination


@dataclass(frozen=True, slots=True)
class Ports:
    """What a walk needs of the world."""

    warehouse: Opener
    clock: Clock
    pace: Pace
    transport: Callable[[], Transport]
    journal: Callable[[str], Journal]
    """The journal of a sync, by its id."""
    known_journal: Callable[[str], Journal | None]
    """The same if it exists already: planning creates none."""
    run_id: str


@dataclass(frozen=True, slots=True)
class Result:
    """How one sync of a walk ended."""

    plan: Plan
    status: str
    """ok · nothing · held · failed"""
    accepted: int
    rejected: int
    deferred: int
    """Not sent after all, or refused for a reason that passes: the next run sends it again."""
    unknown: int
    """Sent, but the answer was lost."""
    pending: int
    """With a job of the channel that has not ended."""
    seconds: float
    reason: str = ""


Step = Snapshot | Plan | deliver.Progress | Result


def preview(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime
) -> list[Plan]:
    """What a walk would do now: the same statements, rolled back. Sends nothing and changes no state."""
    with ports.warehouse() as warehouse, _undone(warehouse):
        schema.create(warehouse)
        for task in tasks:
            if journal := ports.known_journal(task.sync_id):
                _begin(warehouse, audience, task, journal, ports)
                journal.close()
            else:
                record.begin(warehouse, task.sync_id, audience.name, task.sync.to, ports.run_id)
        taken = snapshot.take(warehouse, audience, suppressions, at)
        return [draft(warehouse, audience, task.sync, task.destination, taken, "", ports.clock.now(), write=False)
                for task in tasks]


def walk(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime
) -> Iterator[Step]:
    """Snapshot the audience and bring each sync's channel in line. `at` is the moment the audience speaks of."""
    started = ports.clock.now()
    runs = [_Run(audience, task, suppressions, ports, started) for task in tasks]
    try:
        with ports.warehouse() as warehouse:
            with warehouse.transaction():
                schema.create(warehouse)
            for run in runs:
                run.begin(warehouse)
        for run in runs:
            run.ready()
        with ports.warehouse() as warehouse:
            with warehouse.transaction():
                taken = snapshot.take(warehouse, audience, suppressions, at)
            yield taken
            for run in runs:
                yield run.plan(warehouse, taken)
        for run in runs:
            yield from run.send()
            yield run.finish()
    finally:
        for run in runs:
            run.close()


class _Run:
    """One sync's way through a walk."""

    def __init__(
        self, audience: Audience, task: Task, suppressions: Sequence[SuppressionModel], ports: Ports, started: datetime
    ) -> None:
        self._audience, self._task, self._suppressions, self._ports = audience, task, suppressions, ports
        self._started, self._id = started, task.sync_id
        self._journal = ports.journal(task.sync_id)
        self._transport = ports.transport()
        self._courier = Courier(task.sync.to, task.destination, self._journal, ports.pace, ports.clock)
        self._failure = ""
        self._epoch = 0
        self._plan: Plan | None = None
        self._flushed: list[record.Receipt] = []

    def begin(self, warehouse: Warehouse) -> None:
        with warehouse.transaction():
            control = _begin(warehouse, self._audience, self._task, self._journal, self._ports)
            self._waiting = deliver.waiting(warehouse, self._id)
        self._epoch = control.epoch
        self._target = self._task.sync.target or _setting(self._task.destination) or control.target
        self._moved = bool(control.target) and self._target != control.target
        self._forget_flushed()

    def ready(self) -> None:
        """Ask jobs and find the remote list, with the warehouse closed."""
        try:
            if self._waiting:
                deliver.ask_jobs(self._courier, self._waiting, self._target, self._transport, self._ports.clock)
            if self._task.sync.members and self._task.destination.capabilities.needs_target and not self._target:
                self._target = deliver.converse(
                    self._courier, self._task.destination.prepare(self._audience.name), self._transport,
                    self._ports.clock)
        except ChannelRefused as error:
            self._failure = str(error)

    def plan(self, warehouse: Warehouse, taken: Snapshot) -> Plan:
        with warehouse.transaction():
            self._flush(warehouse)
            if self._moved:
                record.void_ledger(warehouse, self._id, self._epoch - 1)
            if self._target:
                record.remember_target(warehouse, self._id, self._target)
            self._plan = draft(warehouse, self._audience, self._task.sync, self._task.destination, taken,
                               self._journal.id, self._ports.clock.now(), write=not self._failure)
        self._forget_flushed()
        return self._plan

    def send(self) -> Iterator[Step]:
        if self._failure or not self._plan or not self._plan.changes:
            return
        batching = deliver.Batching(self._id, self._epoch, self._audience.name, self._task.sync, self._target,
                                    self._suppressions)
        try:
            yield from deliver.send(batching, self._courier, self._transport, self._ports.warehouse,
                                    self._ports.clock)
        except ChannelRefused as error:
            self._failure = str(error)
        self._failure = self._failure or self._courier.stopped

    def finish(self) -> Result:
        assert self._plan is not None
        now = self._ports.clock.now()
        with self._ports.warehouse() as warehouse, warehouse.transaction():
            self._flush(warehouse)
            record.settle(warehouse, self._id, self._epoch + 1, self._journal.id, self._journal.open_claims(), now)
            deliver.fold(warehouse, self._id, self._epoch, self._task.destination)
            counts = record.outcomes(warehouse, self._id, self._epoch)
            result = self._result(counts, (now - self._started).total_seconds())
            record.close(warehouse, self._id, self._epoch, self._ports.run_id, self._started, now, result.status,
                         counts, result.reason)
        self._forget_flushed()
        self._journal.forget_before(self._epoch + 1)
        return result

    def close(self) -> None:
        self._transport.close()
        self._journal.close()

    def _result(self, counts: dict[str, int], seconds: float) -> Result:
        assert self._plan is not None
        status = "failed" if self._failure else "ok" if self._plan.changes else "nothing"
        return Result(self._plan, status, counts.get("ok", 0), counts.get("rejected", 0),
                      counts.get("void", 0) + counts.get("suppressed", 0), counts.get("unknown", 0),
                      counts.get("accepted", 0), round(seconds, 3), self._failure)

    def _flush(self, warehouse: Warehouse) -> None:
        self._flushed = self._journal.results()
        record.flush(warehouse, self._id, self._task.sync.to, self._flushed)

    def _forget_flushed(self) -> None:
        """Only after the warehouse has committed them."""
        self._journal.flushed(self._flushed)
        self._flushed = []


def _begin(warehouse: Warehouse, audience: Audience, task: Task, journal: Journal, ports: Ports) -> record.Control:
    control = record.begin(warehouse, task.sync_id, audience.name, task.sync.to, ports.run_id)
    record.flush(warehouse, task.sync_id, task.sync.to, journal.results())
    record.settle(warehouse, task.sync_id, control.epoch, journal.id, journal.open_claims(), ports.clock.now())
    return control


def _setting(destination: Destination) -> str | None:
    """The remote list, segment or audience that the connection names."""
    field = destination.capabilities.target
    return getattr(destination.settings, field, None) or None if field else None


@contextmanager
def _undone(warehouse: Warehouse) -> Iterator[None]:
    """A transaction that is always rolled back."""
    class Undo(Exception):
        pass

    try:
        with warehouse.transaction():
            yield
            raise Undo
    except Undo:
        return


def run_to_end(steps: Iterator[Step]) -> list[Result]:
    """Drive a walk and keep its results."""
    return [step for step in steps if isinstance(step, Result)]
