"""Plan or sync several audiences one after the other: what fails concerns its own sync, and is told at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipelines.audiences import in_turn
from pipelines.errors import StateError, TailraceError, WarehouseError
from pipelines.planning.plan import Plan
from pipelines.project import Project
from pipelines.run import Result


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
            for step in project.walk(audience, tasks, run, resync=resync) if tasks else ():
                if isinstance(step, Result):
                    done.results.append(step)
                    if on_result:
                        on_result(step)
        except (WarehouseError, StateError) as error:
            done.problems.append(str(error))
    return Done(done.results, list(dict.fromkeys(done.problems)))


def _complaints(project: Project, select: Sequence[str]) -> list[str]:
    """An audience with complaints is left out, never sent half understood; the others go on."""
    complaints = [str(complaint) for complaint in project.declarations.complaints]
    if complaints and not project.declarations.audiences:
        raise TailraceError("\n".join(complaints))
    if not complaints and not project.declarations.audiences:
        raise TailraceError("no model declares an audience: write `config: {meta: {audience: …}}` beside a model "
                            "(tailrace new audience NAME shows how)")
    return complaints if not select else [line for line in complaints if any(word in line for word in select)]
