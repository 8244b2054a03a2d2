"""Schedules for what random ones meet too rarely: each brings out one mistake in every detail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pipelines.delivery.http import DEADLINE
from tests.sim.channels import LATENESS
from tests.sim.ports import Crash
from tests.sim.scenario import CALM, scenario
from tests.sim.simulate import Schedule
from tests.sim.world import Person, Violation, World

ADA = Person("e0@x.io", 1, "gold")


def _start(kind: str, rewrite: Callable[[str], str]) -> tuple[Schedule, World]:
    drawn = replace(scenario(0, kind), rates=CALM, persons=1, emails=1, poison=False,
                    guarded=False)
    world = World(drawn, rewrite=rewrite)
    world.faulty = False
    return Schedule(drawn, world), world


def _is(world: World, people: dict[str, Person]) -> None:
    world.people, world.away = people, {}
    world.change(0)


def answered_from_memory(rewrite: Callable[[str], str]) -> str:
    """A lost add arrives between a removal and its repeat, which the channel answers from its memory of the id."""
    schedule, world = _start("dset", rewrite)
    _is(world, {"p0": ADA})
    world.channel.script = [("delayed", 1_000.0), ("unauthorised", 0)]
    schedule.run(0.0)
    _is(world, {})
    world.advance(970.0)
    world.channel.script = [("lost_after", DEADLINE), ("lost_before", DEADLINE), ("lost_before", DEADLINE), ("", 0)]
    schedule.run(0.0)
    return _judged(schedule)


def applied_and_refused(rewrite: Callable[[str], str]) -> str:
    """A proxy repeats an add; the first copy is applied, the second is refused, and the person leaves."""
    schedule, world = _start("set", rewrite)
    _is(world, {"p0": ADA})
    world.channel.script = [("repeated_then_refused", 0)]
    schedule.run(0.0)
    _is(world, {})
    world.advance(4_000)
    schedule.run(0.0)
    return _judged(schedule)


def removed_and_refused(rewrite: Callable[[str], str]) -> str:
    """A proxy repeats a removal; the first copy is applied, the second is refused, and the person comes back."""
    schedule, world = _start("set", rewrite)
    _is(world, {"p0": ADA})
    schedule.run(0.0)
    _is(world, {})
    world.advance(4_000)
    world.channel.script = [("repeated_then_refused", 0)]
    schedule.run(0.0)
    _is(world, {"p0": ADA})
    world.advance(4_000)
    schedule.run(0.0)
    return _judged(schedule)


def older_session_arrives_late(rewrite: Callable[[str], str]) -> str:
    """The last part of a lost session arrives after a newer one, and takes out somebody of whom it says nothing."""
    schedule, world = _start("replace", rewrite)
    _is(world, {"p0": ADA})
    world.channel.script = [("delayed", 1_000.0)]
    schedule.run(0.0)
    _is(world, {"p0": ADA, "p1": Person("e1@x.io", 1, "gold")})
    world.advance(300.0)
    schedule.run(0.0)
    return _judged(schedule)


def a_clock_goes_back(rewrite: Callable[[str], str]) -> str:
    """Somebody is told of by a clock that is ahead, changes by one that is behind, and changes back."""
    schedule, world = _start("set", rewrite)
    for person, later, skew in ((ADA, 0.0, 20.0), (replace(ADA, value=2), 5.0, -20.0), (ADA, 4_000.0, 0.0)):
        world.advance(world.now + later)
        _is(world, {"p0": person})
        schedule.run(skew)
    return _judged(schedule)


def taken_from_one_that_waits(rewrite: Callable[[str], str]) -> str:
    """A run is told to wait, another one comes, and what the first then sends arrives after the other's last look."""
    schedule, world = _start("set", rewrite)

    def another_comes() -> None:
        schedule.move("b")
        _is(world, {})
        made = world.channel.requests
        schedule.run(0.0)
        if world.channel.requests == made:
            world.channel.script.pop(0)  # as it should be: the other was refused

    def the_first_dies() -> None:
        raise Crash("while it waits for the answer")

    _is(world, {"p0": ADA})
    world.channel.script = [("throttled", 30.0), ("", 0), ("delayed", LATENESS - 1)]
    world.at_time(20.0, another_comes)
    world.at_time(40.0, the_first_dies)
    schedule.run(0.0)
    world.advance(25.0 + LATENESS)
    schedule.run(0.0)
    return _judged(schedule)


def _judged(schedule: Schedule) -> str:
    try:
        schedule.settle()
    except Violation as violation:
        return str(violation)
    finally:
        schedule.world.engine.close()
    return ""


STORIES = {"ok_at_last_try": answered_from_memory, "reject_is_absent": applied_and_refused,
           "refused_removal_is_presence": removed_and_refused,
           "late_session": older_session_arrives_late, "clock_order": a_clock_goes_back,
           "lease_of_another": taken_from_one_that_waits}
"""Mutant → the schedule that notices it."""
