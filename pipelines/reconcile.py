"""Reconcile: read a channel back, mark what was changed there behind our back, and let the ordinary walk mend it.

Where a channel cannot be read back nothing can be compared: `reassert_every` of the sync tells its members again by
period, and the report says how many are due.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pipelines.audiences import Audience
from pipelines.delivery import deliver
from pipelines.errors import ChannelRefused, TailraceError
from pipelines.planning.draft import Subject
from pipelines.project import Project
from pipelines.run import Result, Run
from pipelines.state import drift, lease, schema
from pipelines.state.drift import Drift
from pipelines.sync import Task, run_to_end


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found of one sync, and what was done about it."""

    sync: str
    drift: Drift | None
    """None: it could not be compared."""
    note: str
    """Why not, and what happens instead."""
    failed: bool = False
    """Whether it should have been compared."""
    overdue: int = 0
    """Members that the walk asserts again because they were last asserted longer ago than `reassert_every`."""
    repair: Result | None = None
    """The walk that mended it; None: nothing was asked of the channel."""

    @property
    def differs(self) -> bool:
        """Whether there is something to mend."""
        return self.drift is not None and bool(self.drift.missing or self.drift.extra)


def reconcile(
    project: Project, select: Sequence[str] = (), to: str | None = None, *, repair: bool = True
) -> Iterator[Comparison]:
    """Compare every selected sync that keeps members, and mend it. Without `repair`: only look."""
    for audience in project.audiences(select, to):
        tasks, faults = project.tasks(audience, to)
        for fault in faults:
            yield Comparison(audience.name, None, str(fault), failed=True)
        for task in tasks:
            if task.sync.members:
                yield _one(project, audience, task, repair=repair)


def _one(project: Project, audience: Audience, task: Task, *, repair: bool) -> Comparison:
    run_id = f"reconcile-{secrets.token_hex(6)}"
    try:
        with project.alone(audience.name, run_id) as ports:
            found = Reading(Subject(audience, task.sync, task.destination, ()), ports).compare(mark=repair)
        if not repair or not (found.overdue or found.differs):
            return found
        [result] = run_to_end(project.walk(audience, [task], run_id))
        return replace(found, repair=result)
    except TailraceError as error:
        return Comparison(task.sync_id, None, str(error), failed=True)


class Reading(Run):
    """A run of one sync that reads its channel back and sends nothing."""

    def compare(self, *, mark: bool) -> Comparison:
        """Walk from lease to what was found; `mark`: what differs is unknown from now on."""
        try:
            with self._ports.warehouse() as warehouse:
                with warehouse.transaction():
                    schema.create(warehouse)
                self.begin(warehouse)
            if not self.epoch:
                return Comparison(self._id, None, self._failure, failed=True)
            values, why_not = self._read()
            return self._look(values, why_not, mark=mark)
        finally:
            self.close()

    def _read(self) -> tuple[Sequence[str] | None, str]:
        able = self.subject.destination.capabilities
        if not able.readback:
            return None, "this channel cannot be read back"
        if not self._target:
            return None, "its list is gone (tailrace approve)" if self._gone else "nothing was ever sent to it"
        try:
            self.ready()
            exchange = self.subject.destination.members(self._target)
            return deliver.converse(self._courier, exchange, self._transport, self._ports.clock), ""
        except ChannelRefused as error:
            self._failure = str(error)
            return None, self._failure

    def _look(self, values: Sequence[str] | None, why_not: str, *, mark: bool) -> Comparison:
        now, subject = self._ports.clock.now(), self.subject
        able, period = subject.destination.capabilities, subject.sync.reassert_every
        with self._ports.warehouse() as warehouse, warehouse.transaction():
            lease.fence(warehouse, self._id, self.epoch)
            self._flush(warehouse)
            deliver.fold(warehouse, self._id, self.epoch, subject.destination, now)
            overdue = drift.count_overdue(warehouse, self._id, now - period) if period else 0
            found = None
            if values is not None:
                kinds = sorted({"person", *able.identifiers})
                found = drift.find(warehouse, self._id, values, kinds)
                drift.record(warehouse, self._id, self.epoch, found, now)
                if mark:
                    drift.mark(warehouse, self._id, self.epoch, now)
            if self._courier.gone and mark:
                self._look_after_list(warehouse, now)
                self._failure = self._plan.objections[0].message
            lease.release(warehouse, self._id)
        self._forget_flushed()
        note = self._failure or _say(why_not, period, overdue)
        return Comparison(self._id, found, note, bool(self._failure), overdue)


def _say(why_not: str, period: timedelta | None, overdue: int) -> str:
    if not why_not:
        return ""
    if period is None:
        return f"{why_not}; with `reassert_every: 30d` its members would be told again by period"
    return f"{why_not}; its members are told again by period ({overdue:,} are due)"


def lines(found: Comparison) -> Iterator[str]:
    """One comparison as a person reads it."""
    seen = found.drift
    if seen is None:
        yield f"{found.sync}: not compared: {found.note}"
    else:
        parts = (f"{count:,} {word}" for count, word in (
            (seen.missing, "missing there"), (seen.extra, "there though removed"),
            (seen.strangers, "never sent by this sync, left alone")) if count)
        said = ", ".join(parts) or "no drift"
        yield f"{found.sync}: {seen.in_channel:,} in the channel, {seen.delivered:,} acknowledged: {said}"
    if found.repair:
        plan = found.repair.plan
        counts = f"{plan.add:,} to add, {plan.update:,} to update, {plan.remove:,} to remove"
        yield (f"  {found.repair.status}: {counts}, {found.repair.accepted:,} accepted"
               f"{f': {found.repair.reason}' if found.repair.reason else ''}")
