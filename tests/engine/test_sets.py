"""Sets: what the channel holds becomes what the audience says, by what was delivered and never by what was tried."""

from __future__ import annotations

import json

from tests.engine.world import ListMail, World

ADA, BEN, CLEO = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3)


def test_people_who_enter_are_added_and_people_who_leave_are_removed(world: World) -> None:
    world.people(ADA, BEN)
    first = world.run()
    world.people(BEN, CLEO)
    planned = world.plan(1)
    second = world.run(1)
    assert (first.plan.add, first.accepted, first.status) == (2, 2, "ok")
    assert planned == {"add": 1, "update": 0, "remove": 1, "keep": 1, "trigger": 0}
    assert (second.plan.add, second.plan.remove, second.accepted) == (1, 1, 2)
    assert set(world.channel.members) == {"ben@x.io", "cleo@x.io"} == world.ledger()


def test_a_run_with_nothing_to_do_sends_nothing(world: World) -> None:
    world.people(ADA, BEN)
    world.run()
    before = world.channel.requests
    again = world.run(1)
    assert (again.status, world.channel.requests - before) == ("nothing", 0)


def test_a_changed_attribute_is_an_update(world: World) -> None:
    world.people(ADA)
    world.run()
    world.people(("ada", "ada@x.io", 9))
    result = world.run(1)
    assert (result.plan.update, result.plan.add, world.channel.members) == (1, 0, {"ada@x.io": {"value": 9}})


def test_planning_sends_nothing_and_changes_no_state(world: World) -> None:
    world.people(ADA, BEN)
    planned = world.plan()
    tables = world.sql("select count(*) from information_schema.tables where table_schema = 'activation'")
    assert planned == {"add": 2, "update": 0, "remove": 0, "keep": 0, "trigger": 0}
    assert (tables, world.channel.requests, list(world.folder.glob("*.journal"))) == ([(0,)], 0, [])


def test_two_persons_with_one_email_are_one_member_until_both_have_left(world: World) -> None:
    world.people(ADA, ("eve", "ADA@x.io ", 1))
    assert world.run().plan.wanted == 1
    world.people(("eve", "ada@x.io", 1))
    world.run(1)
    assert set(world.channel.members) == {"ada@x.io"}
    world.people()
    world.run(2)
    assert (world.channel.members, world.ledger()) == ({}, set())


def test_a_person_whose_email_changes_is_added_under_the_new_and_removed_under_the_old(world: World) -> None:
    world.people(ADA)
    world.run()
    world.people(("ada", "new@x.io", 1))
    result = world.run(1)
    assert (result.plan.add, result.plan.remove, set(world.channel.members)) == (1, 1, {"new@x.io"})


def test_who_leaves_goes_first_then_who_comes_and_messages_are_last(make_world) -> None:
    """Many channels know an old and a new address as one profile, and would lose it with the old one."""
    world = make_world(trigger={"when": "enters", "event": "welcome"})
    world.people(ADA)
    world.run()
    asked, answer = list[str](), world.channel.answer
    world.channel.answer = lambda request: (asked.append(json.loads(request.body)["do"]), answer(request))[1]
    world.people(("ada", "new@x.io", 1), BEN)
    world.run(1)
    assert asked == ["remove", "add", "trigger"]
    assert world.sql("select action from activation.op where epoch = 2 order by seq") == [
        ("remove",), ("add",), ("add",), ("event",)]


def test_the_suppressed_and_the_held_out_are_spared_and_taken_out(world: World) -> None:
    world.people(ADA, BEN)
    world.run()
    world.spare("ada")
    plan = world.run(1).plan
    assert (plan.segment, plan.suppressed, plan.remove) == (2, 1, 1)
    assert set(world.channel.members) == {"ben@x.io"}


def test_whom_one_sync_alone_spares_is_taken_out_there_and_keeps_the_standing(world: World) -> None:
    world.people(ADA, BEN)
    world.run()
    world.own, world.suppressions = world.suppressions, ()
    world.spare("ada")
    plan = world.run(1).plan
    assert (plan.segment, plan.suppressed, plan.wanted, plan.remove) == (2, 0, 1, 1)
    assert set(world.channel.members) == {"ben@x.io"}


def test_a_holdout_is_sticky_and_about_its_share(world: World) -> None:
    world.holdout = 0.2
    world.people(*((f"p{n}", f"p{n}@x.io", n) for n in range(300)))
    first = world.run().plan
    members = set(world.channel.members)
    second = world.run(1)
    assert 35 <= first.held_out <= 85
    assert (first.wanted, second.status, set(world.channel.members)) == (300 - first.held_out, "nothing", members)


def test_rows_without_a_key_or_a_usable_identifier_are_counted_and_listed_and_stop_nobody(world: World) -> None:
    world.people(ADA, (None, "no@x.io", 1), ("ben", "not an address", 1), ("cleo", None, 1))
    plan = world.run().plan
    listed = world.sql("select person_key, outcome, reason from activation.undelivered order by person_key")
    assert (plan.wanted, plan.unusable, set(world.channel.members)) == (1, 3, {"ada@x.io"})
    assert listed == [("ben", "unusable", "email: not an e-mail address"),
                      ("cleo", "unusable", "no identifier that the channel accepts")]


def test_rows_that_repeat_a_key_are_one_member_picked_the_same_way_in_any_order(world: World) -> None:
    rows = [("ada", "ada@x.io", 2), ("ada", "ada@x.io", 1), ("ada", "ada@x.io", 1)]
    world.people(*rows)
    world.run()
    picked = dict(world.channel.members)
    world.people(*reversed(rows))
    assert (world.run(1).status, picked) == ("nothing", {"ada@x.io": {"value": 1}})
    assert world.sql("select duplicates from activation.snapshot order by snapshot_id") == [(2,), (2,)]


def test_a_remote_list_is_prepared_once_and_named_in_every_batch(make_world) -> None:
    world = make_world(ListMail)
    world.people(ADA)
    world.run()
    world.run(1)
    assert (world.channel.requests, world.sql("select target from activation.sync_control")) == (2, [("L1",)])


def test_a_new_target_is_filled_from_nothing(make_world) -> None:
    world = make_world(ListMail)
    world.people(ADA, BEN)
    world.run()
    world.declare(target="L2")
    assert world.run(1).plan.add == 2
    assert world.run(2).status == "nothing"


def test_a_changed_mapping_updates_and_never_empties(world: World) -> None:
    world.people(ADA, BEN)
    world.run()
    world.declare(send={"value": "cart_value"})
    result = world.run(1)
    assert (result.plan.update, result.plan.remove, result.plan.add) == (2, 0, 0)
    assert world.channel.members["ada@x.io"] == {"cart_value": 1}


def test_a_larger_or_smaller_holdout_moves_nobody_and_holds_out_more_or_fewer_of_those_who_come(world: World) -> None:
    def standings() -> dict[str, str]:
        return dict(world.sql("select person_key, standing from activation.membership where valid_to is null"))

    def come(last: int) -> None:
        world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(last)))

    world.holdout = 0.1
    come(200)
    world.run()
    first = standings()
    for day, share in enumerate((0.5, 0.02, 0.5), 1):
        world.holdout = share
        come(200 + 200 * day)
        world.run(day)
        assert {person: standing for person, standing in standings().items() if person in first} == first
    shares = [sum(standings()[f"p{number}"] == "held_out" for number in range(start, start + 200)) / 200
              for start in (0, 200, 400, 600)]
    assert [abs(found - drawn) < 0.09 for found, drawn in zip(shares, (0.1, 0.5, 0.02, 0.5), strict=True)] == [True] * 4


def test_who_was_held_out_by_an_earlier_release_stays_so(world: World) -> None:
    world.holdout = 0.5
    world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(40)))
    world.run()
    world.sql("delete from activation.drawn")
    before = world.sql("select person_key, standing from activation.membership order by 1")
    world.holdout = 0.1
    world.run(1)
    assert world.sql("select person_key, standing from activation.membership order by 1") == before


def test_a_holdout_of_nobody_ends_the_experiment(world: World) -> None:
    world.holdout = 0.5
    world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(40)))
    world.run()
    world.holdout = 0.0
    assert world.run(1).plan.held_out == 0
    assert len(world.channel.members) == 40
