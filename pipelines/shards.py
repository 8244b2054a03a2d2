"""Deliver a plan in shards: each in a process of its own, here or on other machines, and then close it.

The walk makes the plan and gives it away (`sync.walk`, with `spread`); what follows is here. A shard takes its lease in
the warehouse, keeps a journal of its own and delivers as a run does. Once all have ended, whoever sees it first closes
the plan: ledger, log and result are those of one run. A shard that died is taken again by whoever comes, and when
nobody does, the next run settles it.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.audiences import Audience
from pipelines.delivery import deliver
from pipelines.delivery.exchange import Courier
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import PartOfPace, credential_of
from pipelines.errors import ChannelRefused, LeaseHeld, LeaseLost, TailraceError
from pipelines.planning.draft import Subject
from pipelines.planning.plan import Plan
from pipelines.run import Ports, Result, Run
from pipelines.state import lease, record, schema, shards
from pipelines.state import suppressions as lists
from pipelines.state.shards import Shard, Spread
from pipelines.sync import Task
from pipelines.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from pipelines.project import Options, Project


def send(subject: Subject, ports: Ports, number: int) -> Iterator[deliver.Progress]:
    """Deliver one shard of the plan that is under way. Raises LeaseHeld when there is none, or others are at it."""
    with ExitStack() as stack:
        host = stack.enter_context(closing(ports.journal(subject.id)))
        journal = stack.enter_context(closing(ports.journal(shards.journal_of(subject.id, number))))
        transport = stack.enter_context(closing(ports.transport()))
        subject, part = _take(subject, ports, number, host.id, journal)
        pace = ports.pace if part.spread.host else PartOfPace(ports.pace, number, part.spread.shards)
        courier = Courier(subject.sync.to, credential_of(subject.destination), subject.destination, journal, pace,
                          ports.clock)
        trigger = subject.sync.trigger
        courier.at_least_once = trigger is not None and trigger.delivery == "at_least_once"
        failure = ""
        try:
            batching = deliver.Batching(subject.id, part.spread.epoch, subject.audience.name, subject.sync, part.target,
                                        subject.sparing, part.spread, part.shard)
            yield from deliver.send(batching, courier, transport, ports.warehouse, ports.clock)
        except ChannelRefused as error:
            failure = str(error)
        _end(subject, ports, part, journal, failure or courier.stopped, courier.gone)


@dataclass(frozen=True, slots=True)
class _Part:
    """A shard that was taken, and of what."""

    spread: Spread
    shard: Shard
    target: str | None


def _take(subject: Subject, ports: Ports, number: int, host: str, journal: Journal) -> tuple[Subject, _Part]:
    now = ports.clock.now()
    with ports.warehouse() as warehouse:
        subject = replace(subject, suppressions=lists.find(warehouse, subject.sparing), own=())
        with warehouse.transaction():
            spread = _under_way(warehouse, subject, number, host)
            shard, before = shards.take(warehouse, spread, number, f"{host}/{ports.run_id}", journal.id, now,
                                        alone=ports.alone)
            known = journal.results()
            record.flush(warehouse, subject.id, subject.sync.to, known)
            claims = [claim for claim in journal.open_claims() if claim.epoch == spread.epoch]
            shards.inherit(warehouse, spread, shard, before, journal.id, claims, now)
            target = lease.control(warehouse, subject.id).target
    journal.flushed(known)
    journal.forget_before(spread.epoch + 1)
    return subject, _Part(spread, shard, target)


def _under_way(warehouse: Warehouse, subject: Subject, number: int, host: str) -> Spread:
    spread = shards.find(warehouse, subject.id) if schema.exists(warehouse) else None
    if spread is None:
        raise LeaseHeld(f"{subject.id}: no plan is under way in shards")
    if number > spread.shards:
        raise LeaseHeld(f"{subject.id}: the plan under way has {spread.shards} shards, and none is number {number}")
    if spread.host not in ("", host):
        raise LeaseHeld(f"{subject.id}: another machine delivers the plan under way, with all its shards")
    return spread


def _end(subject: Subject, ports: Ports, part: _Part, journal: Journal, failure: str, gone: str) -> None:
    known, now = journal.results(), ports.clock.now()
    with ports.warehouse() as warehouse, warehouse.transaction():
        record.flush(warehouse, subject.id, subject.sync.to, [*known, *record.in_doubt(journal.open_claims(), now)])
        shards.end(warehouse, part.spread, part.shard, failure, gone, now)
    journal.flushed(known)
    journal.forget_before(part.spread.epoch + 1)


def close(subject: Subject, ports: Ports) -> Result | None:
    """Close the plan whose shards have all ended; None where another process has done so, or does.

    While one has not, the result is failed and the plan stays under way: the next run goes on with it.
    """
    run = _Closing(subject, ports)
    try:
        return run.close_plan()
    except LeaseHeld:
        return None
    finally:
        run.close()


class _Closing(Run):
    """A run that goes on where the one that made a plan left it to its shards."""

    def close_plan(self) -> Result | None:
        with self._ports.warehouse() as warehouse:
            spread = self.spread = shards.find(warehouse, self._id)
            if spread is None:
                return None
            left = shards.unended(warehouse, spread)
            self._failure, self._courier.gone = shards.said(warehouse, spread)
        self.epoch, self._started, self._plan = spread.epoch, spread.started, Plan.read(spread.plan)
        if not left:
            return self.finish()
        self._failure = (f"shards that have not ended: {', '.join(map(str, left))}; their processes are gone or still "
                         "at it, and the next run goes on with them")
        return self._result({}, (self._ports.clock.now() - self._started).total_seconds())


def deliver_all(project: Project, audience: Audience, task: Task, spread: Spread, run_id: str) -> Result | None:
    """Deliver what is left of a plan that was given away, each shard in a process of its own, and close it."""
    with project.warehouse() as warehouse:
        left = shards.unended(warehouse, spread)
    jobs = [Job(project.options, dict(project.environ), audience.name, task.sync.to, run_id, number) for number in left]
    _in_processes(jobs)
    return close_in(project, audience, task, run_id)


def deliver_one(project: Project, audience: Audience, task: Task, number: int, run_id: str) -> None:
    """Deliver one shard in this process. Raises LeaseHeld as `send` does."""
    with project.alone(shards.journal_of(task.sync_id, number), run_id) as ports:
        for _ in send(task.subject(audience, project.declarations.sparing(audience)), ports, number):
            pass


def close_in(project: Project, audience: Audience, task: Task, run_id: str) -> Result | None:
    """Close the plan of a project's sync, as `close` does."""
    with project.alone(f"{task.sync_id}@close", run_id) as ports:
        return close(task.subject(audience, project.declarations.sparing(audience)), ports)


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is told, to deliver a shard of a sync."""

    options: Options
    environ: Mapping[str, str]
    audience: str
    connection: str
    run_id: str
    number: int


def _in_processes(jobs: Sequence[Job]) -> None:
    """All at once. What one dies of leaves the others as they are."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_deliver, args=(job,), name=f"shard {job.number}") for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _deliver(job: Job) -> None:
    from pipelines.project import Project

    try:
        project = Project(job.options, job.environ)
        audience = project.declarations.find(job.audience)
        tasks, faults = project.tasks(audience, job.connection)
        for fault in faults:
            raise fault
        deliver_one(project, audience, tasks[0], job.number, job.run_id)
    except (LeaseHeld, LeaseLost):
        return  # another process has it, and says how it ends
    except TailraceError as error:
        sys.exit(f"{job.audience} → {job.connection}, shard {job.number}: {error}")
    except KeyboardInterrupt:
        sys.exit(1)
