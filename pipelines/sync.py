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

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from destinations.protocol import Destination
from pipelines.audiences import Audience, SuppressionModel, Sync
from pipelines.delivery import deliver
from pipelines.errors import LeaseHeld
from pipelines.planning import guards
from pipelines.planning.draft import Subject, draft, is_approved, limits_of
from pipelines.planning.plan import Objection, Plan
from pipelines.run import Ports, Result, Run, catch_up
from pipelines.state import holds, lease, schema, snapshot
from pipelines.state.snapshot import Snapshot
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Task:
    """One sync with the destination it goes to."""

    sync_id: str
    sync: Sync
    destination: Destination
    suppressions: tuple[SuppressionModel, ...] = ()
    """Those that apply to this sync alone."""

    def subject(
        self, audience: Audience, suppressions: Sequence[SuppressionModel], *, resync: bool = False
    ) -> Subject:
        """What is planned for."""
        return Subject(audience, self.sync, self.destination, suppressions, resync, self.suppressions)


Step = Snapshot | Plan | deliver.Progress | Result


def preview(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime
) -> list[Plan]:
    """What a walk would do now: the same statements, rolled back. Sends nothing and changes no state."""
    now = ports.clock.now()
    subjects = [task.subject(audience, suppressions) for task in tasks]
    with ports.warehouse() as warehouse, _undone(warehouse):
        schema.create(warehouse)
        for subject in subjects:
            journal = ports.known_journal(subject.id)
            control = lease.peek(warehouse, subject.id, audience.name, subject.sync.to)
            if journal:
                catch_up(warehouse, subject.id, subject.sync.to, control.epoch, journal, now)
                journal.close()
        taken, doubts = _look(warehouse, audience, suppressions, subjects, ports, at)
        return [draft(warehouse, subject, taken, "", now, doubts=doubts, write=False) for subject in subjects]


def walk(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime,
    *, resync: bool = False,
) -> Iterator[Step]:
    """Snapshot the audience and bring each sync's channel in line. `at` is the moment the audience speaks of.

    `resync`: assert the whole desired state again, removals included; nobody is taken out who is wanted.
    """
    runs = [Run(task.subject(audience, suppressions, resync=resync), ports) for task in tasks]
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
                here = [run.subject for run in runs if run.epoch]
                if runs and not here:
                    raise LeaseHeld("every sync of this audience is being run elsewhere; the next run will look again")
                taken, doubts = _look(warehouse, audience, suppressions, here, ports, at)
            yield taken
            for run in runs:
                yield run.plan(warehouse, taken, doubts)
        for run in runs:
            yield from run.send()
            yield run.finish()
    finally:
        for run in runs:
            run.close()


def _look(
    warehouse: Warehouse, audience: Audience, suppressions: Sequence[SuppressionModel], subjects: Sequence[Subject],
    ports: Ports, at: datetime,
) -> tuple[Snapshot, tuple[Objection, ...]]:
    """Take the snapshot. One that guards doubt is kept out of history, unless a plan made of it is approved."""
    seen = snapshot.look(warehouse, audience, suppressions, ports.key)
    limits = limits_of(audience)
    for subject in subjects:
        if hold := holds.current(warehouse, subject.id):
            limits = limits.stricter(guards.Limits(**hold.limits))
    moved = guards.Movement(seen.before, seen.segment, seen.entered, seen.left, seen.recent_entries)
    doubts = guards.judge_movement(moved, limits)
    released = doubts and any(is_approved(warehouse, subject, ports.clock.now()) for subject in subjects)
    doubt = "" if released else "; ".join(each.message for each in doubts)
    return snapshot.record(warehouse, audience, seen, at, doubt), doubts


@contextmanager
def _undone(warehouse: Warehouse) -> Iterator[None]:
    """A transaction that is always rolled back."""
    class Undo(Exception):
        pass

    try:
        with warehouse.transaction():
            yield
            raise Undo  # noqa: TRY301 - the one way to end a transaction without its commit
    except Undo:
        return


def run_to_end(steps: Iterator[Step]) -> list[Result]:
    """Drive a walk and keep its results."""
    return [step for step in steps if isinstance(step, Result)]
