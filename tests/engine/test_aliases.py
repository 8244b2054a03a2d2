"""Merged persons: a key that gives way to another is the same person, told once and in the channel all the while."""

from __future__ import annotations

import re

import pytest

from pipelines.state import aliases
from tests.engine.world import World

WELCOME = {"when": "enters", "event": "welcome", "max_age": "30d"}
ADA, AUGUSTA = ("ada", "ada@x.io", 1), ("augusta", "augusta@x.io", 1)
BEN = ("ben", "ben@x.io", 2)


@pytest.fixture
def world(make_world) -> World:
    world = make_world(send=["value"], trigger=WELCOME)
    world.same()
    world.people(BEN)
    world.run()
    return world


def told(world: World) -> list[str]:
    return [str(message["email"]) for message in world.channel.messages]


def test_a_merge_after_the_entry_is_no_second_welcome(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    result = world.run(2)
    assert (result.plan.add, result.plan.remove, result.plan.trigger) == (1, 1, 0)
    assert (told(world), sorted(world.channel.members)) == (["ada@x.io"], ["augusta@x.io", "ben@x.io"])
    assert world.run(3).status == "nothing"


def test_a_merge_before_the_entry_welcomes_once_and_a_split_back_welcomes_nobody_again(world: World) -> None:
    world.same(("ada", "augusta"))
    world.people(BEN)
    world.run(1)
    world.people(AUGUSTA, BEN)
    world.run(2)
    assert told(world) == ["augusta@x.io"]
    world.same()
    world.people(ADA, BEN)
    world.run(3)
    world.people(ADA, AUGUSTA, BEN)
    world.run(4)
    assert told(world) == ["augusta@x.io", "augusta@x.io"]  # who came back on the day after is a person of her own


def test_a_split_that_leaves_both_welcomes_neither_again(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    world.run(2)
    world.same()
    world.people(ADA, AUGUSTA, BEN)
    world.run(3)
    world.run(4)
    assert told(world) == ["ada@x.io"]


def test_a_real_new_entry_of_a_merged_person_is_welcomed(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(BEN)
    world.run(2)
    world.people(AUGUSTA, BEN)
    world.run(3)
    assert told(world) == ["ada@x.io", "augusta@x.io"]


def test_of_two_whose_place_a_third_key_takes_the_stay_that_began_first_goes_on(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.people(ADA, AUGUSTA, BEN)
    world.run(2)
    world.same(("ada", "lovelace"), ("augusta", "lovelace"))
    world.people(("lovelace", "lovelace@x.io", 1), BEN)
    world.run(3)
    assert world.sql("select entry_id, began_as from activation.membership"
                     " where person_key = 'lovelace' and valid_to is null") == [(2, "ada")]
    assert told(world) == ["ada@x.io", "augusta@x.io"]


def test_old_keys_of_old_keys_are_followed(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"), ("augusta", "countess"))
    world.people(("countess", "c@x.io", 1), BEN)
    world.run(2)
    assert (told(world), sorted(world.channel.members)) == (["ada@x.io"], ["ben@x.io", "c@x.io"])
    with world.warehouse() as warehouse:
        assert aliases.names(warehouse, "ada") == ["augusta", "countess"]


def test_a_message_in_doubt_is_repeated_under_its_id_for_the_key_that_follows(world: World) -> None:
    world.people(ADA, BEN)
    world.channel.faults = ["", *["lost"] * 4]
    world.run(1)
    first = {message["id"] for message in world.channel.messages}
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    world.run(1.1)
    assert {message["id"] for message in world.channel.messages} == first


def test_the_new_key_is_there_before_the_old_one_goes(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(AUGUSTA)
    world.run(2)
    assert world.sql("select action, person_key from activation.op where epoch = 3 order by seq") == [
        ("remove", "ben"), ("add", "augusta"), ("remove", "ada")]
    assert sorted(world.channel.members) == ["augusta@x.io"]


def test_an_address_that_the_new_key_has_too_is_never_taken_out(world: World) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(("augusta", "ada@x.io", 1), BEN)
    result = world.run(2)
    assert (result.plan.update, result.plan.remove, told(world)) == (1, 0, ["ada@x.io"])


def test_explaining_one_key_names_the_others(world: World, at_desk) -> None:
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    world.run(1)
    shown = at_desk(world)("explain", "ada").out
    assert "the same person as augusta" in shown
    assert "cart__mail (as augusta): the channel has them" in shown


def test_forgetting_one_key_forgets_all(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.run(1)
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    world.run(2)
    assert at_desk(world)("forget", "ada", "--by", "dpo", "--reason", "asked").code == 0
    assert sorted(world.channel.members) == ["ben@x.io"]
    world.run(3)
    left = [table for (table,) in world.sql("select table_name from information_schema.tables where table_schema ="
                                            " 'activation' and table_type = 'BASE TABLE'")
            for row in world.sql(f"select * from activation.{table}") if re.search(r"\b(ada|augusta)\b", str(row))]
    assert (left, sorted(world.channel.members)) == ([], ["ben@x.io"])


def test_who_was_told_is_not_told_again_under_a_key_that_entered_with_them_and_was_never_reached(world: World) -> None:
    """Both enter at once; one is told, the other is never reached and leaves; then the two turn out to be one."""
    world.channel.faults = ["", "", *["never_sent"] * 4]
    world.people(ADA, AUGUSTA, BEN)
    world.run(1)
    world.people(ADA, BEN)
    world.run(2)
    world.same(("ada", "augusta"))
    world.people(AUGUSTA, BEN)
    world.run(3)
    world.run(4)
    assert told(world) == ["ada@x.io"]
