"""Plan or sync several audiences one after the other: what fails concerns its own sync, and is told at the end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipelines import shards
from pipelines.audiences import Audience, in_turn
from pipelines.errors import LeaseHeld, StateError, TailraceError, WarehouseError
from pipelines.planning.plan import Plan
from pipelines.project import Project
from pipelines.run import Result
from pipelines.state.shards import Spread, unended
from pipelines.sync import Task

PLANNING = 300.0
"""Seconds to wait while another machine plans what is to be delivered in shards."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Plans of the selected syncs."""

    plans: list[Plan] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What kept other syncs from being planned."""


@dataclass(frozen=True, slots=True)
class Done:
    """Results of the selected syncs."""

    results: list[Result] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan(project: Project, select: Sequence[str] = (), to: str | None = None) -> Drawn:
    """Plan every selected sync. Sends nothing and changes no state."""
    drawn = Drawn(problems=_complaints(project, select))
    for audience in project.audiences(select, to):
        tasks, faults = project.tasks(audience, to)
        drawn.problems.extend(map(str, faults))
        try:
            drawn.plans.extend(project.preview(audience, tasks))
            if reason := project.gated(audience).reason:
                drawn.problems.append(f"{audience.name}: {reason}")
        except WarehouseError as error:
            drawn.problems.append(str(error))
    return Drawn(drawn.plans, list(dict.fromkeys(drawn.problems)))


def sync(
    project: Project, select: Sequence[str] = (), to: str | None = None, *,
    on_result: Callable[[Result], None] | None = None, run_id: str | None = None, resync: bool = False,
) -> Done:
    """Sync every selected audience in turn; one that fails does not stop the others.

    `resync`: tell all of it again.
    """
    done = Done(problems=_complaints(project, select))
    run = run_id or f"cli-{secrets.token_hex(6)}"
    for audience in in_turn(project.audiences(select, to)):
        tasks, faults = project.tasks(audience, to)
        done.problems.extend(map(str, faults))
        try:
            for step in project.walk(audience, tasks, run, resync=resync, spread="here") if tasks else ():
                result: object = step
                if isinstance(step, Spread):
                    [task] = [each for each in tasks if each.sync_id == step.sync_id]
                    result = shards.deliver_all(project, audience, task, step, run)
                if isinstance(result, Result):
                    done.results.append(result)
                    if on_result:
                        on_result(result)
        except (WarehouseError, StateError) as error:
            done.problems.append(str(error))
    return Done(done.results, list(dict.fromkeys(done.problems)))


def sync_shard(
    project: Project, select: Sequence[str], to: str | None, number: int, count: int, *, run_id: str | None = None
) -> Result | str:
    """Deliver one shard of a sync. Whoever comes first makes the plan, and who ends last closes it.

    What the plan came to, where this process made or closed it; else a line of what it did.
    """
    run = run_id or f"cli-{secrets.token_hex(6)}"
    audience, task = _sharded(project, select, to, count)
    found = _plan_or_join(project, audience, task, run)
    if isinstance(found, Result):
        return found
    if found.shards != count:
        raise StateError(f"{task.sync_id}: a plan of {found.shards} shards is under way; the next one has {count}")
    said = f"{task.sync_id}: shard {number} of {count} is delivered; others are not yet"
    try:
        shards.deliver_one(project, audience, task, number, run)
    except LeaseHeld as held:
        said = str(held)
    with project.warehouse() as warehouse:
        is_left = bool(unended(warehouse, found))
    return said if is_left else shards.close_in(project, audience, task, run) or said


def _sharded(project: Project, select: Sequence[str], to: str | None, count: int) -> tuple[Audience, Task]:
    """The one selected sync that has shards."""
    found = [(audience, sync) for audience in project.audiences(select, to) for sync in audience.syncs
             if to in (None, sync.to) and sync.shards > 1]
    if len(found) != 1:
        names = ", ".join(audience.sync_id(sync) for audience, sync in found) or "none of these has shards"
        raise StateError(f"--shard is about one sync with `shards: …`, and {names}: name it, with --to")
    [(audience, sync)] = found
    if sync.shards != count:
        raise StateError(f"{audience.sync_id(sync)} has {sync.shards} shards, not {count}")
    tasks, faults = project.tasks(audience, sync.to)
    for fault in faults:
        raise fault
    return audience, tasks[0]


def _plan_or_join(project: Project, audience: Audience, task: Task, run: str) -> Spread | Result:
    """The plan that is under way, made by this process where there was none."""
    deadline = time.monotonic() + PLANNING
    while True:
        try:
            for step in project.walk(audience, [task], run, spread=project.reach):
                if isinstance(step, Spread | Result):
                    return step
        except LeaseHeld:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def _complaints(project: Project, select: Sequence[str]) -> list[str]:
    """An audience with complaints is left out, never sent half understood; the others go on."""
    complaints = [str(complaint) for complaint in project.declarations.complaints]
    if complaints and not project.declarations.audiences:
        raise TailraceError("\n".join(complaints))
    if not complaints and not project.declarations.audiences:
        raise TailraceError("no model declares an audience: write `config: {meta: {audience: …}}` beside a model "
                            "(tailrace new audience NAME shows how)")
    return complaints if not select else [line for line in complaints if any(word in line for word in select)]
