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
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from destinations.protocol import Destination
from pipelines.audiences import Audience, SuppressionModel, Sync
from pipelines.delivery import deliver
from pipelines.errors import LeaseHeld
from pipelines.planning import guards, sparing
from pipelines.planning.draft import Subject, draft, is_approved
from pipelines.planning.plan import Looked, Plan
from pipelines.run import Ports, Result, Run, catch_up, catch_up_shards
from pipelines.state import aliases, holds, lease, schema, snapshot
from pipelines.state import suppressions as lists
from pipelines.state.shards import Spread
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
        self, audience: Audience, suppressions: Sequence[SuppressionModel], *, resync: bool = False, gate: str = ""
    ) -> Subject:
        """What is planned for."""
        return Subject(audience, self.sync, self.destination, suppressions, resync, self.suppressions, gate)


Step = Snapshot | Plan | deliver.Progress | Spread | Result


def preview(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime,
    *, gate: str = "", notes: Sequence[str] = (),
) -> list[Plan]:
    """What a walk would do now: the same statements, rolled back. Sends nothing and changes no state."""
    if gate:
        return [Plan.gated(task.sync_id, audience.name, task.sync.to, gate) for task in tasks]
    now, plans = ports.clock.now(), list[Plan]()
    with ports.warehouse() as warehouse:
        spared, tasks = _find_lists(warehouse, suppressions, tasks)
        subjects = [task.subject(audience, spared) for task in tasks]
        with _undone(warehouse):
            schema.create(warehouse)
            for subject in subjects:
                journal = ports.known_journal(subject.id)
                control = lease.peek(warehouse, subject.id, audience.name, subject.sync.to)
                for of_shard, _ in catch_up_shards(warehouse, subject.id, subject.sync.to, ports, now):
                    of_shard.close()
                if journal:
                    catch_up(warehouse, subject.id, subject.sync.to, control.epoch, journal, now)
                    journal.close()
            looked = _look(warehouse, audience, spared, subjects, ports, at, notes)
            plans = [draft(warehouse, subject, looked, "", now, write=False) for subject in subjects]
    return plans


def walk(
    audience: Audience, tasks: Sequence[Task], suppressions: Sequence[SuppressionModel], ports: Ports, at: datetime,
    *, resync: bool = False, gate: str = "", notes: Sequence[str] = (), spread: Literal["", "here", "anywhere"] = "",
) -> Iterator[Step]:
    """Snapshot the audience and bring each sync's channel in line. `at` is the moment the audience speaks of.

    `resync`: assert the whole desired state again, removals included; nobody is taken out who is wanted. `gate`: why
    nothing may be planned; then what is under way is settled, no snapshot is taken, and each sync fails with it.
    `notes`: what is to be said of each plan. `spread`: leave large plans of syncs with shards to whoever delivers those
    (`pipelines.shards`); the step is a `Spread` then, of a plan that was under way too.
    """
    runs: list[Run] = []
    try:
        with ports.warehouse() as warehouse:
            spared, tasks = _find_lists(warehouse, suppressions, tasks)
            runs += [Run(task.subject(audience, spared, resync=resync, gate=gate), ports) for task in tasks]
            with warehouse.transaction():
                schema.create(warehouse)
            for run in runs:
                run.begin(warehouse)
        for run in runs:
            run.ready()
        with ports.warehouse() as warehouse:
            here = [run.subject for run in runs if run.epoch]
            under_way = [run.spread for run in runs if run.spread and spread]
            if runs and not here and not under_way:
                raise LeaseHeld("every sync of this audience is being run elsewhere; the next run will look again")
            if not gate and (here or not runs):
                with warehouse.transaction():
                    for run in runs:
                        run.fence(warehouse)
                    looked = _look(warehouse, audience, spared, here, ports, at, notes)
                yield looked.taken
                for run in runs:
                    yield run.plan(warehouse, looked)
        for run in runs:
            yield from _deliver(run, spread)
    finally:
        for run in runs:
            run.close()


def _deliver(run: Run, spread: str) -> Iterator[Step]:
    """Send and finish, or leave it to shards."""
    if spread and (given := run.spread or run.hand_over(here=spread == "here")):
        yield given
        return
    yield from run.send()
    yield run.finish()


def _find_lists(
    warehouse: Warehouse, suppressions: Sequence[SuppressionModel], tasks: Sequence[Task]
) -> tuple[tuple[SuppressionModel, ...], list[Task]]:
    """The lists of persons to spare, of the audience and of each sync, with what is known of their tables."""
    return lists.find(warehouse, suppressions), [
        replace(task, suppressions=lists.find(warehouse, task.suppressions)) for task in tasks]


def _look(
    warehouse: Warehouse, audience: Audience, suppressions: Sequence[SuppressionModel], subjects: Sequence[Subject],
    ports: Ports, at: datetime, notes: Sequence[str],
) -> Looked:
    """Take the snapshot. One that guards doubt is kept out of history, unless a plan made of it is approved."""
    models = dict.fromkeys((*suppressions, *(model for subject in subjects for model in subject.own)))
    said_of_lists = sparing.refresh(warehouse, list(models), ports.key, ports.clock.now())
    aliases.refresh(warehouse, ports.aliases, audience.name, snapshot.naive(at), ports.key)
    seen = snapshot.look(warehouse, audience, suppressions, ports.key, at)
    limits = guards.limits_of(audience)
    for subject in subjects:
        if hold := holds.current(warehouse, subject.id):
            limits = limits.stricter(guards.Limits.of(hold.limits))
    moved = guards.Movement(seen.before, seen.segment, seen.entered, seen.left, seen.recent_entries, seen.peak)
    doubts = guards.judge_movement(moved, limits) if audience.syncs else ()  # what goes nowhere endangers nobody
    said = "; ".join(each.message for each in doubts)
    released = doubts and any(is_approved(warehouse, subject, ports.clock.now()) for subject in subjects)
    taken = snapshot.record(warehouse, audience, seen, at, ports.clock.now(), *(("", said) if released else (said, "")),
                            suppressions)
    return Looked(taken, (*doubts, *said_of_lists.objections), tuple(notes), said_of_lists.shrunk, seen.missing)


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
