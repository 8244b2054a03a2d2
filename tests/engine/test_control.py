"""Those held out of all marketing: drawn by a model, and once drawn they stay, whatever becomes of the model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.audiences import SuppressionModel
from tests.engine.world import World


@pytest.fixture
def world(make_world) -> World:
    """Twenty persons, of whom the first four are held out of all marketing."""
    world = make_world()
    world.suppressions += (
        SuppressionModel("global_holdout", f"{world.engine.schema}.control", "person_id", salt="spring"),)
    hold_out(world, 0, 4)
    come(world, 20)
    world.run()
    return world


def hold_out(world: World, first: int, last: int) -> None:
    world.sql("create or replace table control (person_id varchar)")
    for number in range(first, last):
        world.sql("insert into control values (?)", [f"p{number}"])


def come(world: World, last: int) -> None:
    world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(last)))


def told(world: World) -> set[int]:
    return {int(email.removeprefix("p").removesuffix("@x.io")) for email in world.channel.members}


def test_whoever_is_held_out_of_all_marketing_is_told_nothing(world: World) -> None:
    assert told(world) == set(range(4, 20))


def test_a_larger_holdout_takes_in_none_who_was_told_and_those_of_them_who_come(world: World) -> None:
    hold_out(world, 0, 12)
    world.sql("insert into control values ('p21')")
    come(world, 24)
    assert world.run(1).plan.notes == ()
    assert told(world) == {*range(4, 20), 20, 22, 23}


def test_a_smaller_holdout_lets_none_go_who_was_held_out_and_asks_nobody(world: World) -> None:
    hold_out(world, 1, 2)
    come(world, 24)
    assert world.run(1).plan.notes == ()
    assert told(world) == set(range(4, 24))


def test_who_was_in_no_audience_yet_is_drawn_when_they_come(world: World) -> None:
    world.sql("insert into control values ('p22')")
    world.run(1)
    come(world, 24)
    world.run(2)
    assert told(world) == {*range(4, 22), 23}
    world.sql("delete from control where person_id = 'p22'")
    world.run(3)
    assert told(world) == {*range(4, 22), 23}


def test_another_audience_holds_out_the_same_persons(world: World) -> None:
    other = world.beside("other")
    other.suppressions = world.suppressions
    hold_out(world, 0, 12)
    other.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(30)))
    other.run(1)
    assert set(range(30)) - told(other) == {0, 1, 2, 3}


def test_another_salt_draws_everybody_anew(world: World) -> None:
    spared, control = world.suppressions
    world.suppressions = (spared, replace(control, salt="autumn"))
    hold_out(world, 6, 9)
    world.run(1)
    assert {6, 7, 8} & told(world) == set()


def test_a_holdout_that_begins_late_is_drawn_of_everybody_or_it_would_be_one_of_newcomers(make_world) -> None:
    world = make_world()
    come(world, 10)
    world.run()
    world.suppressions += (
        SuppressionModel("global_holdout", f"{world.engine.schema}.control", "person_id", salt="spring"),)
    hold_out(world, 8, 12)
    come(world, 14)
    world.run(1)
    assert told(world) == {*range(8), 12, 13}
