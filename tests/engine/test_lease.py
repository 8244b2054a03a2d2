"""The lease: one run at a time, whatever machine it runs on; a run that was away too long writes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from pipelines.delivery.journal import Journal
from pipelines.errors import LeaseHeld, LeaseLost
from pipelines.planning.plan import Plan
from pipelines.run import Ports
from pipelines.state import lease, schema
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


@pytest.mark.parametrize("alone", [True, False], ids=["with the lock of its machine", "without"])
def test_a_run_elsewhere_leaves_a_sync_alone_that_is_being_run(world: World, alone: bool) -> None:
    world.people(ADA)
    first = begin(world, world.ports)
    with pytest.raises(LeaseHeld, match="every sync of this audience is being run elsewhere"):
        begin(world, replace(elsewhere(world), alone=alone))
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


def test_a_run_that_was_taken_over_ends_without_a_trace_in_the_run_of_the_other(world: World) -> None:
    world.people(ADA)
    old = begin(world, elsewhere(world))
    world.clock.seconds += 3_600
    new = begin(world, world.ports)
    run_to_end(old)
    assert world.sql("select epoch, folded_epoch, lease_until is null from activation.sync_control") == [(2, 0, False)]
    assert world.sql("select epoch from activation.run_log") == []
    [result] = run_to_end(new)
    assert (result.status, world.ledger()) == ("ok", {"ada@x.io"})


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


def test_a_lease_is_left_alone_until_twice_what_clocks_may_differ_by_has_passed_too(world: World) -> None:
    world.people(ADA)
    begin(world, world.ports)
    world.clock.seconds = lease.SECONDS + 2 * lease.SKEW
    with pytest.raises(LeaseHeld):
        begin(world, elsewhere(world))
    world.clock.seconds += 1
    begin(world, elsewhere(world))
    assert world.sql("select epoch, split_part(owner, '/', 2) from activation.sync_control") == [(2, "other")]


def test_a_run_that_sends_makes_its_lease_last(world: World) -> None:
    world.people(ADA)
    steps = begin(world, world.ports)
    world.clock.seconds += 600
    next(steps)
    assert world.sql("select lease_until from activation.sync_control") == [
        (world.clock.at + timedelta(seconds=600 + lease.SECONDS),)]
    steps.close()


@dataclass
class Overtaken:
    """A warehouse in which somebody writes between the look at a lease and its taking."""

    inner: Any
    meanwhile: Callable[[Any], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def query(self, sql: str, parameters: Any = ()) -> Any:
        found = self.inner.query(sql, parameters)
        if "lease_until" in sql:
            self.meanwhile(self.inner)
        return found


def test_who_looked_at_a_lease_that_another_run_then_took_changes_nothing(world: World) -> None:
    with world.warehouse() as warehouse:
        schema.create(warehouse)
        for sync in ("cart__mail", "wish__mail"):
            lease.take(warehouse, sync, "cart", "mail", "m/1", START.replace(tzinfo=None), alone=True)
        late = START.replace(year=START.year + 1, tzinfo=None)
        other = Overtaken(warehouse, lambda inner: inner.execute(
            "update activation.sync_control set epoch = 2, owner = 'n/2' where sync_id = 'cart__mail'"))
        with pytest.raises(LeaseHeld, match="in the same instant"):
            lease.take(other, "cart__mail", "cart", "mail", "m/3", late, alone=True)
        lease.take(warehouse, "wish__mail", "cart", "mail", "m/4", late, alone=True)
        assert warehouse.query("select sync_id, epoch, owner from activation.sync_control order by 1") == [
            ("cart__mail", 2, "n/2"), ("wish__mail", 2, "m/4")]


def test_what_a_run_left_that_died_is_planned_as_the_next_run_will_do_it(make_world) -> None:
    world = make_world(send=["value"], trigger={"when": "enters", "event": "welcome"}, first_sync="live")
    world.people(ADA)
    begin(world, world.ports).close()
    planned = world.plan(0.01)
    assert (planned, world.run(0.02).accepted) == ({"add": 1, "update": 0, "remove": 0, "keep": 0, "trigger": 1}, 2)
