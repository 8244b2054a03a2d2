"""What is past its term goes, and nothing that is needed: neither the ledger nor the word that somebody was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipelines.errors import StateError
from pipelines.state.retention import Terms, terms_of
from tests.engine.world import RawMail, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)
TRIGGER = {"when": "enters", "event": "welcome", "send": ["value"], "max_age": "9999d"}


def payloads(world: World) -> dict[str, str]:
    """Person → identifiers of the operations that are recorded of them."""
    return dict(world.sql("select person_key, max(identifiers) from activation.op where action <> 'event' group by 1"))


def count(world: World, table: str) -> int:
    [(found,)] = world.sql(f"select count(*) from activation.{table}")
    return found


def test_the_payload_of_what_was_refused_is_emptied_after_30_days(world: World) -> None:
    world.people(ADA, BEN)
    world.channel.refuse = {"ben@x.io"}
    world.run()
    world.people(ADA, ("ben", "ben2@x.io", 2))
    world.run(29)
    assert "ben@x.io" in payloads(world)["ben"] or "ben2@x.io" in payloads(world)["ben"]
    world.run(31)
    kept = world.sql("select identifiers from activation.op where dest_key = 'email:ben@x.io' and action = 'add'")
    assert (set(kept), "ada@x.io" in payloads(world)["ada"]) == ({("{}",)}, True)


def test_who_was_refused_and_leaves_is_still_removed_under_the_identifiers_that_were_sent(world: World) -> None:
    world.people(ADA, BEN)
    world.channel.refuse = {"ben@x.io"}
    world.run()
    world.channel.refuse, world.channel.members["ben@x.io"] = set(), {}
    world.run(31)
    world.people(ADA)
    world.run(32)
    assert set(world.channel.members) == {"ada@x.io"}


def test_after_13_months_operations_and_receipts_go_and_nothing_is_sent_again(make_world) -> None:
    world = make_world(send=["value"], trigger=TRIGGER, first_sync="live")
    world.people(ADA, BEN)
    world.run()
    world.people(ADA)
    world.run(1)
    before = world.channel.requests
    world.run(395)
    assert count(world, "op") == 5
    world.run(398)
    again = world.run(399)
    assert (again.status, world.channel.requests - before, len(world.channel.messages)) == ("nothing", 0, 2)
    assert world.sql("select action, person_key, identifiers from activation.op") == [("event", "ada", "{}")]
    assert (count(world, "receipt"), world.ledger()) == (1, {"ada@x.io"})


def test_a_message_in_doubt_is_kept_until_it_is_decided(make_world) -> None:
    world = make_world(RawMail, trigger=TRIGGER, first_sync="live", members=False)
    world.people(ADA)
    world.channel.faults = ["lost"]
    world.run()
    world.people()
    for day in (1, 500, 501):
        world.run(day)
    assert world.sql("select person_key from activation.unresolved") == [("ada",)]


def test_the_command_says_what_went(world: World, at_desk) -> None:
    world.people(ADA)
    world.run()
    world.clock.at = world.clock.at.replace(year=2028)
    ran = at_desk(world)("purge")
    assert (ran.code, ran.out) == (0, "0 payloads emptied, 1 operations deleted.\n")


def test_runs_go_with_their_receipts_but_for_the_last_good_one(world: World) -> None:
    world.people(ADA)
    for day in (0, 1, 390):
        world.run(day)
    world.channel.faults = ["lost"] * 20
    world.people(ADA, BEN)
    world.run(391)
    world.run(400)
    assert [epoch for epoch, in world.sql("select epoch from activation.run_log order by 1")] == [3, 4, 5]


@pytest.mark.parametrize(("written", "kept"), [
    ({}, Terms(timedelta(days=30), timedelta(days=396))),
    ({"keep_refused_days": 7, "keep_receipts_days": 90}, Terms(timedelta(days=7), timedelta(days=90))),
    ({"keep_receipts_days": "9"}, "dbt_project.yml: the var keep_receipts_days is '9'; write a number of days, such "
     "as 30"),
    ({"keep_refused_days": 0}, "dbt_project.yml: the var keep_refused_days is 0; write a number of days, such as 30"),
])
def test_a_project_says_how_long_things_are_kept(written: dict[str, Any], kept: Terms | str) -> None:
    try:
        found: Terms | str = terms_of(written.get)
    except StateError as error:
        found = str(error)
    assert found == kept


def test_who_goes_on_under_another_key_is_not_told_again(make_world) -> None:
    world = make_world(send=["value"], trigger=TRIGGER, first_sync="live")
    world.same()
    world.people(ADA)
    world.run()
    world.same(("ada", "augusta"))
    world.people(("augusta", "augusta@x.io", 1))
    for day in (1, 398, 399):
        world.run(day)
    assert [message["email"] for message in world.channel.messages] == ["ada@x.io"]


def test_who_shared_the_address_of_somebody_told_is_not_told_when_that_one_leaves(make_world) -> None:
    world = make_world(send=["value"], trigger=TRIGGER, first_sync="live")
    world.people(ADA, ("bea", "ada@x.io", 2))
    world.run()
    world.people(("bea", "ada@x.io", 2))
    for day in (1, 398, 399):
        world.run(day)
    assert [message["email"] for message in world.channel.messages] == ["ada@x.io"]
