"""Holds: a runaway change waits for a person; what a person approved goes out, and nothing that only looks like it."""

from __future__ import annotations

import pytest

from pipelines.audiences import Guards
from pipelines.errors import StateError
from pipelines.state import holds
from tests.engine.world import World

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
