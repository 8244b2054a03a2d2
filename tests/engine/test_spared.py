"""Lists of persons to spare fail closed: nobody is freed by a list that shrank, or by one that is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.errors import StateError, WarehouseError
from pipelines.planning.plan import Plan
from pipelines.state import holds
from tests.engine.world import World

PEOPLE = [(f"p{n}", f"p{n}@x.io", n) for n in range(8)]
SPARED = [f"p{n}" for n in range(5)]
OPEN = {"p5@x.io", "p6@x.io", "p7@x.io"}


@pytest.fixture
def world(make_world) -> World:
    """Five of eight are spared, and the last good list says so."""
    world = make_world()
    world.people(*PEOPLE)
    world.spare(*SPARED)
    world.run()
    return world


def approve(world: World, plan_id: str) -> None:
    with world.warehouse() as warehouse, warehouse.transaction():
        holds.approve(warehouse, plan_id, "ops@x.io", "tickets were closed", world.clock.now())


def shrunk(world: World) -> str:
    """Id of the smaller list that waits."""
    [(plan,)] = world.sql("select plan_id from activation.hold where state = 'open'")
    return plan


def test_those_who_left_a_list_that_shrank_stay_spared_and_everybody_else_goes_on(world: World) -> None:
    world.release("p0", "p1", "p2")
    world.people(*PEOPLE, ("new", "new@x.io", 1))
    result = world.run(1)
    assert (result.status, result.plan.held, set(world.channel.members)) == ("ok", False, {*OPEN, "new@x.io"})
    assert result.plan.notes == (
        "do_not_contact shrank: 3 of 5 left at once (60%; the limit is 10%); those who left stay spared until "
        f"`tailrace approve {shrunk(world)} --by NAME --reason TEXT` accepts the smaller list",)


def test_a_list_that_is_empty_frees_nobody_and_one_that_lost_one_person_frees_that_one(world: World) -> None:
    world.sql("delete from spared")
    assert "5 of 5 left at once" in world.run(1).plan.notes[0]
    world.spare(*SPARED[1:])
    assert (world.run(2).plan.notes, set(world.channel.members)) == ((), {*OPEN, "p0@x.io"})
    assert world.sql("select state from activation.hold") == [("dropped",)]


def test_whoever_is_new_on_a_list_that_shrank_is_spared_at_once(world: World) -> None:
    world.release("p0", "p1", "p2")
    world.spare("p7")
    world.run(1)
    assert set(world.channel.members) == OPEN - {"p7@x.io"}
    world.release("p7")
    world.run(2)
    assert set(world.channel.members) == OPEN - {"p7@x.io"}


def test_running_again_or_another_limit_frees_nobody_and_the_approval_of_that_very_list_does(world: World) -> None:
    world.release("p0", "p1", "p2")
    world.run(1)
    plan_id = shrunk(world)
    world.suppressions = (replace(world.suppressions[0], removal=1.0),)
    world.run(2)
    assert (shrunk(world), set(world.channel.members)) == (plan_id, OPEN)
    approve(world, plan_id)
    world.run(3)
    assert set(world.channel.members) == {*OPEN, "p0@x.io", "p1@x.io", "p2@x.io"}
    assert world.sql("select state, decided_by from activation.hold") == [("used", "ops@x.io")]
    assert world.sql("select person_key from activation.spared order by 1") == [("p3",), ("p4",)]


def test_a_list_that_shrank_further_needs_an_approval_of_its_own(world: World) -> None:
    world.release("p0", "p1", "p2")
    world.run(1)
    approve(world, shrunk(world))
    world.release("p3")
    world.run(2)
    assert ("4 of 5" in world.run(3).plan.notes[0], set(world.channel.members)) == (True, OPEN)


def test_a_list_that_is_not_there_holds_the_plan_and_its_last_good_one_spares(world: World) -> None:
    world.sql("drop table spared")
    world.people(*PEOPLE, ("new", "new@x.io", 1))
    result = world.run(1)
    assert (result.status, set(world.channel.members)) == ("held", OPEN)
    assert result.reason == (f"{world.engine.schema}.spared with the column person_id is not in the warehouse: the 5 "
                             "persons of its last good list stay spared, and who is new on it is not known")


def test_where_a_list_never_was_nothing_is_sent_at_all(make_world) -> None:
    world = make_world()
    world.people(*PEOPLE)
    world.sql("drop table spared")
    with pytest.raises(WarehouseError, match="nobody knows whom to spare; build it first"):
        world.run()
    assert world.channel.requests == 0


def test_planning_shows_that_a_list_shrank_and_records_nothing(world: World) -> None:
    world.sql("delete from spared")
    assert (world.plan(1)["add"], world.sql("select count(*) from activation.hold")) == (0, [(0,)])


def test_nobody_of_the_last_good_list_is_sent_between_plan_and_request(world: World) -> None:
    world.release("p0")
    world.sql("insert into activation.spared values ('do_not_contact', 'person', 'p0')")
    world.release("p1", "p2")
    result = world.run(1, until=lambda step: isinstance(step, Plan))
    assert (result, set(world.channel.members)) == (None, OPEN)


def test_an_audience_of_persons_to_spare_takes_in_who_is_new_while_its_shrinking_is_held(make_world) -> None:
    world = make_world()
    world.kind = "suppression"
    world.guards = world.guards.model_copy(update={"removal": None})
    world.people(*PEOPLE)
    world.run()
    world.people(*PEOPLE[:6], ("new", "new@x.io", 1))
    held = world.run(1)
    assert (held.status, "2 of 8 left at once (25%; the limit is 10%)" in held.reason) == ("held", True)
    assert set(world.channel.members) == {*(email for _, email, _ in PEOPLE), "new@x.io"}
    approve(world, held.plan.plan_id)
    assert (world.run(2).status, len(world.channel.members)) == ("ok", 7)


def test_a_smaller_list_is_approved_at_the_terminal_and_explain_names_the_last_good_one(world: World, at_desk) -> None:
    world.release("p0", "p1", "p2")
    world.run(1)
    desk, plan_id = at_desk(world), shrunk(world)
    assert "suppressed by do_not_contact (its last good list)" in desk("explain", "p0").out
    assert [hold["plan_id"] for hold in desk("approve", "--json").document("approve")["holds"]] == [plan_id]
    assert desk("approve", plan_id, "--by", "Ada", "--reason", "closed").out.splitlines() == [
        f"{plan_id}: held since 2026-10-22 06:00 UTC",
        "  suppression: 3 of 5 left at once (60%; the limit is 10%)",
        "Approved by Ada: the next sync takes exactly this list of do_not_contact; a smaller one stays held."]


def test_an_approval_of_another_list_is_refused(world: World) -> None:
    world.release("p0", "p1", "p2")
    world.run(1)
    with pytest.raises(StateError, match="is not held"):
        approve(world, "suppression:do_not_contact-0123456789")
