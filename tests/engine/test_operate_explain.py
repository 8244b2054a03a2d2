"""One person's story at the terminal: standing and why, what was sent when, and what the channel said."""

from __future__ import annotations

import pytest

from tests.engine.world import World

ADA, BEN = ("ada", "ada@x.io", 41_507), ("ben", "ben@x.io", 2)


@pytest.fixture
def told(world: World) -> World:
    """Ada is added, changes while an answer is lost, and leaves."""
    world.people(ADA, BEN)
    world.run()
    world.people(("ada", "ada@x.io", 9), BEN)
    world.channel.faults = ["lost", "429"]
    world.run(1)
    world.people(BEN)
    world.run(2)
    return world


def test_the_story_is_told_in_order_with_keys_only(told: World, at_desk) -> None:
    ran = at_desk(told)("explain", "ada")
    assert (ran.code, ran.out.splitlines()) == (0, [
        "ada",
        "cart: not in the segment now; sent since snapshot 1 (2026-10-21 06:00 UTC) until 2026-10-23 06:00 UTC",
        "cart__mail: the channel holds nothing of them",
        "2026-10-21 06:00 UTC  cart: entered: sent",
        "2026-10-21 06:00 UTC  cart__mail: add",
        "2026-10-21 06:00 UTC  cart__mail: add ok",
        "2026-10-22 06:00 UTC  cart__mail: update",
        "2026-10-22 06:00 UTC  cart__mail: update unknown: reset",
        "2026-10-22 06:00 UTC  cart__mail: update void: HTTP 429",
        "2026-10-22 06:00 UTC  cart__mail: update ok",
        "2026-10-23 06:00 UTC  cart: left",
        "2026-10-23 06:00 UTC  cart__mail: remove",
        "2026-10-23 06:00 UTC  cart__mail: remove ok"])
    assert "x.io" not in ran.out + at_desk(told)("explain", "ada", "--json").out


def test_values_are_shown_when_they_are_asked_for(told: World, at_desk) -> None:
    out = at_desk(told)("explain", "ada", "--show-values").out
    assert '{"identifiers": {"email": "ada@x.io", "person": "ada"}, "attributes": {"value": 41507}}' in out


def test_a_suppressed_and_a_held_out_person_are_told_why(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.spare("ben")
    world.run()
    desk = at_desk(world)
    assert desk("explain", "ben").out.splitlines()[1] == (
        "cart: in the segment now, suppressed by do_not_contact; suppressed since snapshot 1 (2026-10-21 06:00 UTC)")
    world.holdout = 1.0
    assert desk("explain", "ada").out.splitlines()[1] == (
        "cart: in the segment now, held out by the salt cart; sent since snapshot 1 (2026-10-21 06:00 UTC)")


def test_who_cannot_be_sent_or_is_refused_is_told_why_and_what_comes_next(world: World, at_desk) -> None:
    world.people(ADA, ("eve", "no address", 1), ("zoe", "ada@x.io", 1))
    world.channel.refuse = {"ada@x.io"}
    world.run()
    desk = at_desk(world)
    assert desk("explain", "eve").out.splitlines()[2].startswith(
        "cart__mail: the channel holds nothing of them; cannot be sent: email: ")
    assert desk("explain", "ada").out.splitlines()[2:] == [
        "cart__mail: unknown whether the channel has them; shares its key with 1 other",
        "  refused: refused; not before 2026-10-21 07:00 UTC",
        "2026-10-21 06:00 UTC  cart: entered: sent",
        "2026-10-21 06:00 UTC  cart__mail: add", "2026-10-21 06:00 UTC  cart__mail: add rejected: refused"]


def test_the_document_says_the_same(told: World, at_desk) -> None:
    document = at_desk(told)("explain", "ben", "--json").document("explain")
    [sync] = document["syncs"]
    assert (document["person"], sync["states"], [op["action"] for op in sync["told"]], sync["told"][0]["values"]) == (
        "ben", ["present"], ["add"], None)
    assert document["audiences"] == [{
        "audience": "cart", "in_segment": True, "recorded": "sent", "since_snapshot": 1,
        "since": "2026-10-21T06:00:00Z", "left_at": None, "suppressed_by": [], "held_out_by": None}]
    assert document["story"][0] == {
        "at": "2026-10-21T06:00:00Z", "where": "cart", "what": "entered: sent", "values": None}


def test_messages_that_waited_or_were_not_sent_have_their_reasons_in_the_story(make_world, at_desk) -> None:
    world = make_world(members=False, trigger={"when": "enters", "event": "left", "quiet_hours": "05:00-08:00"})
    world.run()
    world.people(ADA)
    world.run(1)
    world.run(1.25)
    assert [line.partition("UTC  ")[2] for line in at_desk(world)("explain", "ada").out.splitlines()[3:]] == [
        "cart: entered: sent", "cart__mail: message: deferred (quiet hours) until 2026-10-22 08:00 UTC",
        "cart__mail: message: sent", "cart__mail: event", "cart__mail: event ok"]


def test_nobody_is_explained_by_an_address_or_a_key_that_never_was(told: World, at_desk) -> None:
    code, said = at_desk(told)("explain", "ada@x.io").said
    assert (code, said.startswith("nothing is known of ada@x.io")) == (1, True)
