"""What is past its term goes, and nothing that is needed: neither the ledger nor the word that somebody was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipelines.errors import StateError
from pipelines.messages import Messages
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
    ({"keep_history_days": 500}, Terms(history=timedelta(days=500))),
    ({"keep_history_days": 90}, "dbt_project.yml: the var keep_history_days is 90, and receipts, which are explained "
     "by history, are kept for 396 days; write at least as many"),
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


def test_after_three_years_history_goes_but_for_what_lasts_and_each_persons_last_stay(world: World) -> None:
    for day, people in enumerate(([ADA, BEN], [ADA], [ADA, BEN], [ADA], [ADA, BEN], [ADA])):
        world.people(*people)
        world.run(day)
    stays = "select person_key, valid_from, valid_to from activation.membership order by 1, 2"
    before = world.sql(stays)
    world.run(1_090)
    untouched = world.sql(stays)
    for day in (1_105, 1_106):
        world.run(day)
    assert (before, untouched) == ([("ada", 1, None), ("ben", 1, 2), ("ben", 3, 4), ("ben", 5, 6)], before)
    assert world.sql(stays) == [("ada", 1, None), ("ben", 5, 6)]
    spoken_of = {1, 5, 6}
    assert spoken_of <= {snapshot for snapshot, in world.sql("select snapshot_id from activation.snapshot")}
    assert world.sql("select person_key, left_at is null from activation.stays order by 1") == [
        ("ada", True), ("ben", False)]


def test_snapshots_of_long_ago_go_but_for_seven_of_a_kind(world: World) -> None:
    world.people(ADA)
    for day in range(12):
        world.run(day)
    world.run(1_200)
    world.run(1_201)
    assert [number for number, in world.sql("select snapshot_id from activation.snapshot order by 1")] == [
        1, 8, 9, 10, 11, 12, 13, 14]


def test_who_left_long_ago_and_comes_back_is_still_known_to_have_been_there(make_world) -> None:
    world = make_world(send=["value"], trigger=TRIGGER, first_sync="live")
    world.messages = Messages.model_validate({"reenter": "never"})
    for day, people in ((0, [ADA]), (1, []), (1_200, []), (1_201, [ADA])):
        world.people(*people)
        world.run(day)
    assert len(world.channel.messages) == 1


def test_history_is_let_go_of_once_a_day_and_whenever_it_is_asked_for(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.run()
    for day in (1, 2, 3):
        world.people(ADA, *([BEN] if day == 2 else []))
        world.run(day)
    world.sql("update activation.run_log set ended = timestamp '2029-11-24 00:30:00'")
    world.run(1_130)
    kept = count(world, "membership")
    at_desk(world)("purge")
    assert (kept, count(world, "membership")) == (3, 2)
