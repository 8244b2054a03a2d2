"""Messages in doubt and what channels refuse: listed, and resolved by a person's word only."""

from __future__ import annotations

import jsonschema
import pytest

from pipelines import documents, screens
from pipelines.state import overview, rejects
from tests.engine.world import RawMail, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)
TRIGGER = {"when": "enters", "event": "welcome", "max_age": "48h"}
SIGNED = ("--by", "Ops", "--reason", "asked the provider")


@pytest.fixture
def doubted(make_world) -> World:
    """A message to Ada whose answer was lost, in a channel that ignores no repeats."""
    world = make_world(RawMail, trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", "lost_before"]
    world.run(1)
    return world


def messages(world: World) -> list[object]:
    return [message["email"] for message in world.channel.messages]


def test_a_message_in_doubt_is_listed_by_key_and_never_sent_by_itself(doubted: World, at_desk) -> None:
    desk = at_desk(doubted)
    [listed] = desk("unresolved", "--json").document("unresolved")["messages"]
    doubted.run(1.5)
    op_id = listed.pop("op_id")
    assert listed == {"sync": "cart__mail", "person": "ada", "occurred_at": "2026-10-22T06:00:00Z",
                      "since": "2026-10-22T06:00:00Z", "reason": "reset", "is_member": True}
    assert desk("unresolved").out.splitlines() == [
        "cart__mail: 1 in doubt",
        f"  {op_id}  ada  entered 2026-10-22 06:00, in doubt since 2026-10-22 06:00 UTC: reset",
        "tailrace unresolved resend | treat_as_sent OP_ID… --by NAME --reason TEXT"]
    assert messages(doubted) == []


def in_doubt(world: World, desk) -> str:
    [message] = desk("unresolved", "--json").document("unresolved")["messages"]
    return message["op_id"]


def test_resend_sends_it_once_more_under_its_id_however_old_it_is(doubted: World, at_desk) -> None:
    desk = at_desk(doubted)
    op_id = in_doubt(doubted, desk)
    ran = desk("unresolved", "resend", op_id, *SIGNED)
    later = [doubted.run(days).plan.trigger for days in (9, 10)]
    assert (ran.code, ran.out, later) == (0, "The next sync sends 1 again, under the same id.\n", [1, 0])
    assert [(message["email"], message["id"]) for message in doubted.channel.messages] == [("ada@x.io", op_id)]
    assert desk("unresolved").out == "Nothing is unresolved.\n"
    assert doubted.sql("select kind, sync_id, op_id, decided_by, reason from activation.decision") == [
        ("resend", "cart__mail", op_id, "Ops", "asked the provider")]


def test_treat_as_sent_closes_it_for_ever(doubted: World, at_desk) -> None:
    desk = at_desk(doubted)
    ran = desk("unresolved", "treat_as_sent", in_doubt(doubted, desk), *SIGNED)
    assert (ran.out, doubted.run(1.5).plan.trigger, messages(doubted)) == (
        "1 are treated as sent and never sent again.\n", 0, [])
    assert doubted.sql("select outcome, reason from activation.receipts where action = 'event' order by attempt") == [
        ("unknown", "reset"), ("ok", "operator: treated as sent")]


def test_whoever_has_left_since_cannot_be_told_again(doubted: World, at_desk) -> None:
    desk = at_desk(doubted)
    op_id = in_doubt(doubted, desk)
    doubted.people(BEN)
    doubted.run(1.2)
    ran = desk("unresolved", "resend", op_id, *SIGNED)
    assert (ran.code, "no longer in the audience" in ran.err) == (1, True)
    assert "has left since: can only be treated as sent" in desk("unresolved").out


def test_one_wrong_id_resolves_nothing(doubted: World, at_desk) -> None:
    desk = at_desk(doubted)
    op_id = in_doubt(doubted, desk)
    ran = desk("unresolved", "resend", op_id, f"{op_id[:-1]}x", *SIGNED)
    assert (ran.code, f"(did you mean {op_id}?)" in ran.err, in_doubt(doubted, desk)) == (1, True, op_id)
    assert desk("unresolved", "resend", op_id).said == (
        1, "write --by NAME and --reason TEXT: who decides and why is recorded\n")


def test_a_message_that_is_repeated_by_itself_is_unresolved_only_when_that_has_ended(make_world, at_desk) -> None:
    world = make_world(trigger=TRIGGER)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", *["lost_before"] * 4]
    world.run(1)
    desk = at_desk(world)
    within = desk("unresolved").out
    world.run(2.1)
    assert (within, in_doubt(world, desk) != "", messages(world)) == ("Nothing is unresolved.\n", True, [])


def test_rejects_say_why_how_often_and_when_the_next_try_is_due(world: World, at_desk) -> None:
    desk = at_desk(world)
    world.people(ADA, BEN)
    world.channel.refuse = {"ada@x.io"}
    seen = []
    for days in (0, 0.05, 0.3, 1.5, 3):
        world.run(days)
        seen.append(desk("rejects").out.splitlines()[1])
    assert seen == [
        "  ada  add  refused once, last 2026-10-21 06:00 UTC; not before 2026-10-21 07:00 UTC",
        "  ada  add  refused 2 times, last 2026-10-21 07:12 UTC; not before 2026-10-21 11:12 UTC",
        "  ada  add  refused 3 times, last 2026-10-21 13:12 UTC; not before 2026-10-22 05:12 UTC",
        "  ada  add  refused 4 times, last 2026-10-22 18:00 UTC; not before 2026-10-23 18:00 UTC",
        "  ada  add  refused 5 times, last 2026-10-24 06:00 UTC; rests until its payload changes"]
    world.people(("ada", "ada@x.io", 9), BEN)
    assert world.plan(4)["add"] == 1


def test_rejects_are_a_document_and_can_be_narrowed(world: World, at_desk) -> None:
    desk = at_desk(world)
    world.people(ADA)
    world.channel.refuse = {"ada@x.io"}
    world.run()
    assert desk("rejects", "--sync", "cart__mail", "--json").document("rejects") == {"rejects": [{
        "sync": "cart__mail", "reason": "refused", "person": "ada", "action": "add", "refusals": 1,
        "refused_at": "2026-10-21T06:00:00Z", "next": "time", "next_at": "2026-10-21T07:00:00Z"}]}
    assert desk("rejects", "--sync", "cart__male").said == (
        1, "cart__male: no such sync was ever run (did you mean cart__mail?); known are: cart__mail\n")


def test_a_refused_removal_is_tried_with_every_run_and_a_refused_message_never(make_world) -> None:
    world = make_world(trigger=TRIGGER)
    world.people(ADA)
    world.run()
    world.channel.refuse = {"ada@x.io", "ben@x.io"}
    world.people(BEN)
    world.run(1)
    with world.warehouse() as warehouse:
        found = {(row.person, row.action, row.next) for row in rejects.find(warehouse, world.clock.now())}
    assert found == {("ada", "remove", "run"), ("ben", "add", "time"), ("ben", "event", "never")}


def test_status_counts_what_waits_and_for_whom(doubted: World) -> None:
    doubted.people(ADA, BEN)
    doubted.channel.refuse = {"ben@x.io"}
    doubted.run(1.2)
    doubted.clock.at = doubted.clock.at.replace(hour=23, minute=48)
    now = doubted.clock.now()
    with doubted.warehouse() as warehouse:
        [state] = overview.states(warehouse, now)
    document = documents.status_document([state], now)
    jsonschema.validate(document, documents.schema("status"))
    assert document["syncs"] == [{
        "sync": "cart__mail", "audience": "cart", "connection": "mail", "members": 1,
        "last_run": "2026-10-22T10:48:00Z", "status": "ok", "reason": "",
        "undelivered": {"rejected": 2, "unknown": 1}, "pending": 0, "rejected": {"refused": 2}, "unresolved": 1,
        "held": None, "last_success": "2026-10-22T10:48:00Z", "age_seconds": 46_800.0}]
    assert screens.state_lines(state, now)[-2:] == [
        "  rejected: 2 × refused", "  1 in doubt wait for a decision (tailrace unresolved)"]
