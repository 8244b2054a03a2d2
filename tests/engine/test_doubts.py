"""Doubts that outlive the run in which they arose: found by the simulator, kept as small stories."""

from __future__ import annotations

import pytest

from tests.engine.world import RawMail, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)
TRIGGER = {"when": "enters", "event": "cart_abandoned", "send": ["value"], "max_age": "72h"}
MINUTES = 1 / 1440


def test_a_lost_add_whose_repeat_succeeded_may_still_arrive_after_the_removal_and_is_then_removed_again(
        world: World) -> None:
    world.people(ADA)
    world.channel.faults = ["lost_before"]
    world.run()
    world.people()
    world.run(2 * MINUTES)
    world.channel.members["ada@x.io"] = {"value": 1}
    world.run(1)
    assert (world.channel.members, world.run(2).status) == ({}, "nothing")


def test_a_refused_member_rests_though_an_earlier_answer_about_it_was_lost(world: World) -> None:
    world.people(ADA)
    world.channel.refuse, world.channel.faults = {"ada@x.io"}, ["lost_before"] * 4
    adds = [world.run(day).plan.add for day in range(9)]
    assert adds == [1, 1, 1, 1, 1, 1, 0, 0, 0]


def test_two_who_enter_with_one_email_are_told_once_though_runs_go_on(make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.run()
    world.people(ADA, ("eve", "ada@x.io", 7))
    for hours in (1, 2, 3):
        world.run(1 + hours / 24)
    assert [(message["email"], message["value"]) for message in world.channel.messages] == [("ada@x.io", 1)]


def test_an_email_that_may_have_been_told_is_not_told_again_when_it_passes_to_another_who_entered_then(
        make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.run()
    world.people(ADA, ("eve", "ada@x.io", 7))
    world.channel.faults = ["", *["lost"] * 4]
    world.run(1)
    world.people(("ada", "new@x.io", 1), ("eve", "ada@x.io", 7))
    world.run(1.1)
    world.run(1.2)
    told = [(message["email"], message["id"]) for message in world.channel.messages]
    assert (len(set(told)), told[-1][0], {key for _, key in told}) == (2, "new@x.io", {told[0][1]})


def test_a_message_held_back_by_a_suppression_goes_out_when_that_ends_in_time(make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.run(1, until=lambda step: type(step).__name__ == "Plan" and bool(world.spare("ada")))
    world.sql("delete from spared")
    world.run(1.1)
    assert [message["email"] for message in world.channel.messages] == ["ada@x.io"]


@pytest.mark.parametrize("later", [BEN, ("ben", "ada@x.io", 2)])
def test_a_message_in_doubt_stays_listed_whoever_is_told_under_that_email_later(make_world, later) -> None:
    world = make_world(RawMail, trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", "lost"]
    world.run(1)
    world.people(later)
    world.run(1.5)
    listed = world.sql("select person_key, outcome from activation.undelivered")
    assert (listed, len(world.channel.messages)) == ([("ada", "unknown")], 2)


def test_a_message_in_doubt_stays_so_when_its_repeat_was_planned_and_never_sent(make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", *["lost"] * 4]
    world.run(1)
    world.run(1.1, until=lambda step: type(step).__name__ == "Plan")
    requests = world.channel.requests
    world.run(2.5)
    listed = world.sql("select person_key, outcome from activation.undelivered")
    assert (world.channel.requests - requests, listed) == (0, [("ada", "unknown")])
    assert world.sql("select person_key from activation.unresolved") == [("ada",)]
