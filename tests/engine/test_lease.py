"""The lease: one run at a time, whatever machine it runs on; a run that was away too long writes nothing more."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from pipelines.delivery.journal import Journal
from pipelines.errors import LeaseHeld, LeaseLost
from pipelines.planning.plan import Plan
from pipelines.run import Ports
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)


def elsewhere(world: World) -> Ports:
    """The ports of another machine: its own journal, no lock in common."""
    return replace(world.ports, journal=lambda sync: Journal(world.folder / f"{sync}.other"), run_id="other",
                   alone=False)


def begin(world: World, ports: Ports):
    steps = walk(world.audience, world.tasks, world.suppressions, ports, START)
    for step in steps:
        if isinstance(step, Plan):
            return steps
    raise AssertionError("no plan")


def test_a_run_elsewhere_leaves_a_sync_alone_that_is_being_run(world: World) -> None:
    world.people(ADA)
    first = begin(world, world.ports)
    with pytest.raises(LeaseHeld, match="every sync of this audience is being run elsewhere"):
        run_to_end(walk(world.audience, world.tasks, world.suppressions, elsewhere(world), START))
    [result] = run_to_end(first)
    assert (result.status, set(world.channel.members)) == ("ok", {"ada@x.io"})


def test_a_lease_that_ran_out_is_taken_over_and_the_old_run_writes_nothing_more(world: World) -> None:
    world.people(ADA)
    old = begin(world, elsewhere(world))
    world.clock.seconds += 3_600
    world.people(BEN)
    [new] = run_to_end(walk(world.audience, world.tasks, world.suppressions, world.ports, START))
    [late] = run_to_end(old)
    assert (new.status, late.status) == ("ok", "failed")
    assert "run 2 took over from run 1" in late.reason
    assert set(world.channel.members) == {"ben@x.io"} == world.ledger()


def test_a_run_of_this_machine_takes_over_at_once_what_a_dead_one_left(world: World) -> None:
    world.people(ADA)
    begin(world, world.ports).close()
    assert world.run(0.0001).status == "ok"


def test_a_finished_run_lets_the_next_begin_at_once(world: World) -> None:
    world.people(ADA)
    world.run()
    [result] = run_to_end(walk(world.audience, world.tasks, world.suppressions, elsewhere(world), START))
    assert result.status == "nothing"


def test_a_run_that_was_taken_over_takes_no_snapshot_either(world: World) -> None:
    world.people(ADA)
    world.run()
    opened = count()

    def opener():
        if next(opened) == 1:  # another run takes over between the beginning and the look
            world.sql("update activation.sync_control set epoch = epoch + 1")
        return world.warehouse()

    with pytest.raises(LeaseLost):
        run_to_end(walk(world.audience, world.tasks, world.suppressions, replace(world.ports, warehouse=opener), START))
    assert world.sql("select count(*) from activation.snapshot") == [(1,)]
