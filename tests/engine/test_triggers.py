"""Triggers: one message for each entry, whatever breaks; none for those who were there before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.state.snapshot import Snapshot
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, RawMail, SilentMail, World

ADA, BEN, CLEO = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3)
TRIGGER = {"when": "enters", "event": "cart_abandoned", "send": ["value"], "max_age": "48h"}


@pytest.fixture
def world(make_world) -> World:
    return make_world(trigger=TRIGGER)


def sent(world: World) -> list[tuple[object, object]]:
    return [(message["email"], message["value"]) for message in world.channel.messages]


def test_members_from_before_the_trigger_cause_no_message_and_those_who_enter_later_cause_one(world: World) -> None:
    world.people(ADA)
    first = world.run()
    world.people(ADA, BEN)
    second = world.run(1)
    third = world.run(1.5)
    assert (first.plan.trigger, second.plan.trigger, third.plan.trigger) == (0, 1, 0)
    assert sent(world) == [("ben@x.io", 2)]


def test_first_sync_live_tells_those_who_are_there(make_world) -> None:
    world = make_world(trigger=TRIGGER, first_sync="live")
    world.people(ADA, BEN)
    world.run()
    assert sent(world) == [("ada@x.io", 1), ("ben@x.io", 2)]


def test_whoever_leaves_and_enters_again_is_told_again(world: World) -> None:
    world.run()
    for day, rows in enumerate([(ADA,), (), (ADA,)], start=1):
        world.people(*rows)
        world.run(day)
    assert sent(world) == [("ada@x.io", 1)] * 2


def test_a_message_is_sent_once_though_a_person_stays_and_changes(world: World) -> None:
    world.run()
    world.people(ADA)
    world.run(1)
    world.people(("ada", "ada@x.io", 5))
    world.run(2)
    assert sent(world) == [("ada@x.io", 1)]


def test_an_entry_is_not_lost_when_the_process_dies_after_the_snapshot(world: World) -> None:
    world.run()
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, Snapshot))
    world.run(1.1)
    assert sent(world) == [("ada@x.io", 1)]


def test_a_stale_entry_is_recorded_and_never_sent(world: World) -> None:
    world.run()
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, Snapshot))
    result = world.run(4)
    assert (result.plan.trigger, sent(world)) == (0, [])
    assert world.sql("select outcome, reason from activation.undelivered") == [("stale", "older than max_age")]


def test_a_suppressed_person_gets_the_message_when_the_suppression_ends_in_time(world: World) -> None:
    world.run()
    world.people(ADA)
    world.spare("ada")
    world.run(1)
    world.sql("delete from spared")
    world.run(1.5)
    assert sent(world) == [("ada@x.io", 1)]


def test_a_lost_answer_is_repeated_under_the_same_id_where_the_channel_ignores_repeats(world: World) -> None:
    world.run()
    world.people(ADA)
    world.channel.faults = ["", "lost"]
    world.run(1)
    ids = {message["id"] for message in world.channel.messages}
    assert (len(world.channel.messages), len(ids)) == (2, 1)


def test_a_lost_answer_is_never_repeated_where_nothing_ignores_repeats(make_world) -> None:
    world = make_world(RawMail, trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", "lost"]
    first = world.run(1)
    world.run(1.1)
    assert (first.unknown, len(world.channel.messages)) == (1, 1)
    assert world.sql("select outcome from activation.undelivered") == [("unknown",)]


def test_a_message_that_was_never_sent_is_sent_by_the_next_run(make_world) -> None:
    world = make_world(RawMail, trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", "never_sent", "never_sent", "never_sent", "never_sent"]
    assert world.run(1).deferred == 1
    world.run(1.1)
    assert sent(world) == [("ada@x.io", 1)]


def test_two_who_enter_with_one_email_are_told_once(world: World) -> None:
    world.run()
    world.people(ADA, ("eve", "ada@x.io", 7))
    world.run(1)
    assert sent(world) == [("ada@x.io", 1)]


def test_a_trigger_without_membership_keeps_no_members(make_world) -> None:
    world = make_world(trigger=TRIGGER, members=False)
    world.run()
    world.people(ADA)
    result = world.run(1)
    assert (result.plan.add, result.plan.keep, world.channel.members, sent(world)) == (0, 0, {}, [("ada@x.io", 1)])


def test_a_trigger_that_is_added_later_tells_those_only_who_enter_after_it(make_world) -> None:
    world = make_world(send=["value"])
    world.people(ADA)
    world.run()
    world.declare(send=["value"], trigger=TRIGGER)
    world.run(1)
    world.people(ADA, BEN)
    world.run(2)
    assert [message["email"] for message in world.channel.messages] == ["ben@x.io"]


def test_a_channel_that_can_be_silent_records_the_members_from_before_and_starts_nothing_for_them(make_world) -> None:
    world = make_world(SilentMail, send=["value"], trigger=TRIGGER)
    world.people(ADA)
    world.run()
    world.people(ADA, BEN)
    world.run(1)
    assert [(message["email"], message["silent"]) for message in world.channel.messages] == [
        ("ada@x.io", True), ("ben@x.io", False)]


@pytest.mark.parametrize(("event", "told"), [("cart_abandoned", ["never@x.io", "new@x.io"]),
                                             ("cart_left", ["ada@x.io", "doubt@x.io", "never@x.io", "new@x.io"])])
def test_a_renamed_connection_tells_nobody_again_though_its_first_sync_is_live(
    make_world, event: str, told: list[str]
) -> None:
    """ada was told, of one no answer came, and one was never reached; another event is another message."""
    there = ADA, ("doubt", "doubt@x.io", 2), ("never", "never@x.io", 3)
    world = make_world(RawMail, trigger=TRIGGER, first_sync="live", members=False)
    world.channel.faults = ["", "lost", *["never_sent"] * 4]
    world.people(*there)
    world.run()
    assert [message["email"] for message in world.channel.messages] == ["ada@x.io", "doubt@x.io"]
    world.channel.messages.clear()
    world.declare(to="post", trigger={**TRIGGER, "event": event}, first_sync="live", members=False)
    world.people(*there, ("new", "new@x.io", 4))
    world.run(0.1)
    world.run(0.2)
    assert sorted(message["email"] for message in world.channel.messages) == told


def test_a_second_channel_beside_the_first_tells_those_who_are_there_where_that_is_said(make_world) -> None:
    world = make_world(trigger=TRIGGER, first_sync="live")
    world.people(ADA)
    world.run()
    both = world.audience.syncs
    world.declare(to="post", trigger=TRIGGER, first_sync="live")
    [task] = world.tasks
    audience = replace(world.audience, syncs=(*both, world.sync))
    run_to_end(walk(audience, [task], world.suppressions, world.ports, START))
    assert sent(world) == [("ada@x.io", 1)] * 2
