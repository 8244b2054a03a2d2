"""Holds: a runaway change waits for a person; what a person approved goes out, and nothing that only looks like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.audiences import Guards
from pipelines.errors import StateError
from pipelines.state import holds
from pipelines.sync import Task, run_to_end, walk
from tests.engine.world import START, World

STABLE = Guards(removal="30%", entries=5, unusable="10%")
PEOPLE = [(f"p{n:02}", f"p{n:02}@x.io", n) for n in range(20)]
TRIGGER = {"when": "enters", "event": "welcome", "max_age": "30d"}


@pytest.fixture
def world(make_world) -> World:
    world = make_world(send=["value"])
    world.guards = STABLE
    world.people(*PEOPLE)
    world.run()
    return world


def approve(world: World, plan_id: str) -> None:
    with world.warehouse() as warehouse, warehouse.transaction():
        holds.approve(warehouse, plan_id, "ops@x.io", "the campaign ended", world.clock.now())


def test_more_than_the_limit_leaving_is_held_with_numbers_and_sends_nothing(world: World) -> None:
    world.people(*PEOPLE[:13])
    before = world.channel.requests
    result = world.run(1)
    assert (result.status, result.accepted, world.channel.requests - before) == ("held", 0, 0)
    assert "7 of 20 left at once (35%; the limit is 30%)" in result.reason
    assert len(world.channel.members) == 20 == len(world.ledger())


def test_an_empty_audience_is_held_and_one_person_leaving_is_not(world: World) -> None:
    world.people()
    assert "nobody is left of 20" in world.run(1).reason
    world.people(*PEOPLE[:19])
    assert (world.run(2).status, len(world.channel.members)) == ("ok", 19)


def test_running_again_and_loosening_the_limit_release_nothing(world: World) -> None:
    world.people(*PEOPLE[:10])
    first = world.run(1)
    world.guards = Guards(removal="100%")
    second = world.run(2)
    assert (first.status, second.status, second.plan.plan_id) == ("held", "held", first.plan.plan_id)
    assert len(world.channel.members) == 20
    assert world.sql("select status from activation.snapshot order by snapshot_id") == [
        ("accepted",), ("held",), ("held",)]


def test_an_approval_releases_exactly_that_plan(world: World) -> None:
    world.people(*PEOPLE[:10])
    approve(world, world.run(1).plan.plan_id)
    released = world.run(2)
    assert (released.status, released.plan.remove, len(world.channel.members)) == ("ok", 10, 10)
    assert world.sql("select state, decided_by, decision from activation.hold") == [
        ("used", "ops@x.io", "the campaign ended")]


def test_a_plan_that_changed_since_needs_an_approval_of_its_own(world: World) -> None:
    world.people(*PEOPLE[:10])
    first = world.run(1).plan.plan_id
    approve(world, first)
    world.people(*PEOPLE[:9])
    second = world.run(2)
    assert (second.status, second.plan.plan_id != first, len(world.channel.members)) == ("held", True, 20)
    assert world.sql("select status from activation.snapshot order by snapshot_id") == [
        ("accepted",), ("held",), ("held",)]


def test_an_approval_knows_what_is_said_of_members_and_who_is_told(make_world) -> None:
    """Neither another value of somebody who comes in, nor somebody more who is told, is what was approved."""
    set_world, messages = make_world(send=["value"]), make_world(members=False, trigger=TRIGGER, name="wish")
    for world, changed in ((set_world, [("new", "new@x.io", 2)]),
                           (messages, [("new", "new@x.io", 1), ("more", "more@x.io", 1)])):
        world.guards = STABLE
        world.people(*PEOPLE)
        world.run()
        world.people(*PEOPLE[:10], ("new", "new@x.io", 1))
        first = world.run(1).plan.plan_id
        approve(world, first)
        world.people(*PEOPLE[:10], *changed)
        second = world.run(2)
        assert (second.status, second.plan.plan_id == first) == ("held", False)
    assert messages.channel.messages == []


def test_of_a_channel_so_many_may_go_as_it_holds(world: World) -> None:
    """Nobody left the audience; four of ten have lost their address, and as many new ones do not make up for it."""
    world.guards = Guards(removal="100%", unusable="100%")
    world.people(*PEOPLE[:10])
    world.run(1)
    world.guards = Guards(removal="30%", unusable="100%")
    world.people(*PEOPLE[4:], *((key, None, value) for key, _, value in PEOPLE[:4]))
    said = "4 of 10 in the channel would be removed (40%; the limit is 30%)"
    assert world.run(2).reason == said
    world.guards = Guards(removal="100%", unusable="100%")
    assert world.run(3).reason == said


def test_a_mended_audience_clears_its_hold_by_itself(world: World) -> None:
    world.people(*PEOPLE[:10])
    world.run(1)
    world.people(*PEOPLE)
    assert (world.run(2).status, world.sql("select state from activation.hold")) == ("nothing", [("dropped",)])


def test_people_who_were_away_in_a_doubtful_snapshot_do_not_enter_again(make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.guards = STABLE
    world.people(*PEOPLE)
    world.run()
    world.people(*PEOPLE[:10])
    world.run(1)
    world.people(*PEOPLE, ("new", "new@x.io", 1))
    world.run(2)
    assert [message["email"] for message in world.channel.messages] == ["new@x.io"]


def test_a_suppressed_person_is_removed_even_while_the_plan_is_held(world: World) -> None:
    world.spare("p00", "p15")
    world.people(*PEOPLE[:10])
    result = world.run(1)
    assert (result.status, result.accepted) == ("held", 2)
    assert {email for _, email, _ in PEOPLE} - set(world.channel.members) == {"p00@x.io", "p15@x.io"}


def test_a_wave_of_entries_is_held_once_there_is_a_median(world: World) -> None:
    for day in range(1, 5):
        world.people(*PEOPLE, *((f"d{day}{n}", f"d{day}{n}@x.io", 1) for n in range(4)))
        world.guards = Guards(removal="100%")
        assert world.run(day).status == "ok"
    world.guards = STABLE
    world.people(*PEOPLE, *((f"w{n}", f"w{n}@x.io", 1) for n in range(30)))
    assert "30 entered at once; 4 are usual" in world.run(5).reason


def test_identifiers_that_vanish_hold_the_plan(world: World) -> None:
    world.people(*PEOPLE[:15], *((key, None, value) for key, _, value in PEOPLE[15:]))
    assert "25% of members have no usable identifier; it was 0%" in world.run(1).reason


def test_a_column_of_another_type_holds_the_plan(world: World) -> None:
    world.sql("create or replace table cart as select person_id, email, cast(value as varchar) as value from cart")
    assert "another type than last time: value: integer →" in world.run(1).reason.lower()


def test_a_plan_that_is_not_held_cannot_be_approved(world: World) -> None:
    with pytest.raises(StateError, match="plan cart__mail-123 is not held"):
        approve(world, "cart__mail-123")


def test_planning_shows_what_is_held_and_opens_no_hold(world: World) -> None:
    world.people(*PEOPLE[:10])
    planned = world.plan(1)
    assert (planned["remove"], world.sql("select count(*) from activation.hold")) == (10, [(0,)])


def test_by_itself_an_audience_may_lose_three_in_ten_and_no_more(world: World) -> None:
    world.guards = Guards()
    world.people(*PEOPLE[:14])
    assert (world.run(1).status, len(world.channel.members)) == ("ok", 14)
    world.people(*PEOPLE[:9])
    assert (world.run(20).status, len(world.channel.members)) == ("held", 14)


def test_the_last_of_a_small_audience_may_leave_and_not_all_of_them_at_once(make_world) -> None:
    world = make_world()
    world.guards = Guards()
    for day, (count, status) in enumerate([(3, "ok"), (0, "held"), (2, "ok"), (0, "held"), (1, "ok"), (0, "ok")]):
        world.people(*PEOPLE[:count])
        assert (day, world.run(10 * day).status) == (day, status)
    assert world.channel.members == {}


def test_an_audience_that_wears_away_within_a_week_is_held(world: World) -> None:
    for day, count in enumerate((16, 13, 10), start=1):
        world.people(*PEOPLE[:count])
        assert world.run(day).status == "ok"
    world.people(*PEOPLE[:9])
    worn = world.run(4)
    assert (worn.status, worn.reason) == (
        "held", "9 are left of 20 within seven days (55% fewer; the limit is 51%)")
    approve(world, worn.plan.plan_id)
    assert (world.run(5).status, len(world.channel.members)) == ("ok", 9)
    world.people(*PEOPLE[:8])
    assert world.run(6).status == "ok"


def test_what_wore_away_over_longer_is_usual(world: World) -> None:
    for day, count in enumerate((15, 11, 8), start=1):
        world.people(*PEOPLE[:count])
        assert world.run(8 * day).status == "ok"


def test_a_column_that_is_gone_holds_the_plan_and_suppressed_persons_leave_all_the_same(world: World) -> None:
    world.sql("alter table cart drop column value")
    world.spare("p03")
    result = world.run(1)
    assert (result.status, result.accepted, len(world.channel.members)) == ("held", 1, 19)
    assert "the table has no value any more" in result.reason
    assert world.channel.members["p04@x.io"] == {"value": 4}


def test_quiet_snapshots_say_nothing_of_what_is_usual(world: World) -> None:
    for day in range(1, 6):
        world.run(day)
    world.people(*PEOPLE, *((f"w{n}", f"w{n}@x.io", 1) for n in range(30)))
    assert world.run(6).status == "ok"


def test_an_approval_survives_that_a_suppressed_person_left_meanwhile(world: World) -> None:
    world.spare("p15")
    world.people(*PEOPLE[:10])
    approve(world, world.run(1).plan.plan_id)
    assert (world.run(2).status, len(world.channel.members)) == ("ok", 10)


def test_the_approval_of_one_syncs_plan_releases_no_other(world: World) -> None:
    def run(day: int) -> dict[str, str]:
        results = run_to_end(walk(replace(world.audience, syncs=(world.sync, letters)), tasks, world.suppressions,
                                  world.ports, START + timedelta(days=day)))
        return {result.plan.sync: result.plan.plan_id if result.status == "held" else "" for result in results}

    letters = world.sync.model_copy(update={"to": "letters"})
    tasks = [*world.tasks, Task("cart__letters", letters, world.destination)]
    run(1)
    world.people(*PEOPLE, *((f"w{n}", f"w{n}@x.io", 1) for n in range(30)))
    for snapshot in (11, 12, 13):
        world.sql("insert into activation.snapshot (audience, snapshot_id, taken_at, status, reason, segment, entered)"
                  " select audience, ?, taken_at, status, reason, segment, 4 from activation.snapshot"
                  " where snapshot_id = 1", [snapshot])
    first = run(2)
    assert all(first.values())
    approve(world, first["cart__letters"])
    second = run(3)
    assert (second["cart__letters"], second["cart__mail"] != "") == ("", True)
    assert run(4)["cart__mail"] == second["cart__mail"]
    approve(world, second["cart__mail"])
    assert run(5) == {"cart__mail": "", "cart__letters": ""}


def test_an_audience_that_goes_nowhere_is_never_held(make_world) -> None:
    world = make_world()
    world.guards = Guards()
    audience = replace(world.audience, syncs=())
    taken = []
    for day, count in enumerate((20, 0)):
        world.people(*PEOPLE[:count])
        taken += walk(audience, [], world.suppressions, world.ports, START + timedelta(days=day))
    assert [(step.left, step.doubt) for step in taken] == [(0, ""), (20, "")]
