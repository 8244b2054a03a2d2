"""Forgetting a person: out of the channel whatever is held or in doubt, out of every table and file, never in again."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.audiences import Audience, Guards
from pipelines.errors import StateError
from tests.engine.world import ForgettingMail, RawMail, World

ADA, BEN, CLEO = ("ada-4711", "sentinel@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3)
SIGNED = ("--by", "Privacy", "--reason", "asked in writing")
TRIGGER = {"when": "enters", "event": "welcome", "max_age": "48h"}


def traces(world: World, text: str) -> list[str]:
    """Tables and views of schema activation that have the text in some row."""
    names = world.sql("select table_name from information_schema.tables where table_schema = 'activation' order by 1")
    return [name for (name,) in names
            if any(text in str(value) for row in world.sql(f"from activation.{name}") for value in row)]


def files(world: World, text: str) -> list[str]:
    """Files beside and of the warehouse that have the text as bytes."""
    return sorted(path.name for path in world.folder.rglob("*")
                  if path.is_file() and text.encode() in path.read_bytes())


def forget(desk, person: str = "ada-4711", *flags: str):
    ran = desk("forget", person, *SIGNED, "--json", *flags)
    return ran.code, json.loads(ran.out)


@pytest.mark.never("postgres", reason="a server's files are not ours to look into")
def test_a_forgotten_person_is_in_no_channel_no_table_and_no_file(make_world, at_desk) -> None:
    world = make_world(send=["value"], trigger=TRIGGER, first_sync="live")
    world.people(ADA, BEN)
    world.run()
    desk = at_desk(world)
    assert {"op", "ledger_base", "desired", "receipts", "membership"} <= {*traces(world, "ada-4711")}
    assert files(world, "sentinel@x.io") == ["shop.duckdb"]
    code, report = forget(desk)
    assert (code, report["confirmed"], [(place["sync"], place["outcome"]) for place in report["places"]]) == (
        0, True, [("cart__mail", "removed")])
    assert (set(world.channel.members), traces(world, "ada-4711"), traces(world, "sentinel")) == ({"ben@x.io"}, [], [])
    world.people(BEN)
    assert forget(desk, "ada-4711", "--rewrite-file")[0] == 0
    assert (files(world, "sentinel"), files(world, "ada-4711")) == ([], [])
    assert (world.run(1).status, world.channel.members) == ("nothing", {"ben@x.io": {"value": 2}})


def test_the_report_is_a_document_and_names_nobody_but_what_is_left_to_do(world: World, at_desk) -> None:
    world.people(ADA)
    world.run()
    desk = at_desk(world)
    ran = desk("forget", "ada-4711", *SIGNED)
    digest = hmac.new(bytes.fromhex(world.key_file.read_text()), b"ada-4711", hashlib.sha256).hexdigest()
    assert ran.out.splitlines() == [
        f"Forgotten from now on, as {digest[:16]}…", "  cart__mail: removed",
        "Erased: 2 of receipt, 2 of op, 1 of desired, 1 of membership.",
        "Left to you: mail may keep a profile and past messages: there is no call that deletes them, so ask the "
        "channel.",
        "Left to you: deleted rows can remain as bytes in free pages of a DuckDB file; --rewrite-file writes it anew, "
        "best after your own sources are clean.",
        "Left to you: your own sources, models, snapshots and backups, and copies of the warehouse."]
    assert world.sql("select person_hmac, decided_by, reason from activation.tombstone") == [
        (digest, "Privacy", "asked in writing")]
    assert stat.S_IMODE(world.key_file.stat().st_mode) == 0o600
    assert desk("forget", "ada-4711", *SIGNED, "--json").document("forget")["erased"]["membership"] == 0


def test_whoever_is_forgotten_never_comes_back_though_the_audience_has_them(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.run()
    forget(at_desk(world))
    world.people(("ada-4711", "other@x.io", 9), BEN, CLEO)
    result = world.run(1)
    assert (result.plan.segment, result.plan.add, set(world.channel.members)) == (2, 1, {"ben@x.io", "cleo@x.io"})
    assert traces(world, "ada-4711") == []


def test_somebody_unknown_is_kept_out_too(world: World, at_desk) -> None:
    world.people(BEN)
    world.run()
    code, report = forget(at_desk(world))
    world.people(ADA, BEN)
    assert (code, report["places"], world.run(1).plan.add) == (0, [], 0)


def test_a_removal_goes_out_though_the_plan_is_held(world: World, at_desk) -> None:
    world.guards = Guards(removal="30%")
    people = [(f"p{n}", f"p{n}@x.io", n) for n in range(10)]
    world.people(ADA, *people)
    world.run()
    world.people(*people[:3])
    held = world.run(1)
    code, _ = forget(at_desk(world))
    assert (held.status, code, len(world.channel.members), "sentinel@x.io" in world.channel.members) == (
        "held", 0, 10, False)
    assert world.run(1.1).status == "held"


def test_what_the_channel_did_not_answer_is_not_confirmed_and_kept_until_it_is(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.run()
    desk = at_desk(world)
    world.channel.faults = ["lost_before"] * 4
    code, report = forget(desk)
    assert (code, report["confirmed"], report["places"][0]["outcome"]) == (1, False, "unconfirmed")
    assert (traces(world, "sentinel") != [], "sentinel@x.io" in world.channel.members) == (True, True)
    again = forget(desk)
    assert (again[0], "may still arrive until" in again[1]["places"][0]["detail"]) == (1, True)
    world.clock.seconds += 3_600
    assert (forget(desk)[0], traces(world, "sentinel"), set(world.channel.members)) == (0, [], {"ben@x.io"})


def test_a_person_whose_add_is_in_doubt_or_was_refused_is_removed_too(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.channel.faults = ["lost"] * 4
    world.run()
    world.clock.seconds += 7_200
    assert (forget(at_desk(world))[0], set(world.channel.members)) == (0, {"ben@x.io"})


def test_a_refused_person_is_removed_where_a_refusal_proves_nothing(world: World, at_desk) -> None:
    world.people(ADA)
    world.channel.refuse = {"sentinel@x.io"}
    world.run()
    world.channel.refuse = set()
    world.channel.members["sentinel@x.io"] = {}
    world.clock.seconds += 7_200
    code, report = forget(at_desk(world))
    assert (code, report["places"][0]["outcome"], world.channel.members, traces(world, "sentinel")) == (
        0, "removed", {}, [])


def test_an_address_that_somebody_else_has_stays_for_them(world: World, at_desk) -> None:
    world.people(ADA, ("zoe", "sentinel@x.io", 1))
    world.run()
    code, report = forget(at_desk(world))
    assert (code, report["places"][0]["outcome"], set(world.channel.members)) == (0, "nothing", {"sentinel@x.io"})
    assert traces(world, "ada-4711") == []
    result = world.run(1)
    assert (result.plan.remove, set(world.channel.members), world.ledger()) == (0, {"sentinel@x.io"}, {"sentinel@x.io"})


def test_erasing_anyway_leaves_nothing_recorded_and_says_what_was_not_confirmed(world: World, at_desk) -> None:
    world.people(ADA)
    world.run()
    world.channel.faults = ["401"]
    code, report = forget(at_desk(world), "ada-4711", "--anyway")
    assert (code, report["confirmed"], traces(world, "sentinel")) == (1, False, [])


def test_messages_in_doubt_are_erased_with_the_person(make_world, at_desk) -> None:
    world = make_world(RawMail, trigger=TRIGGER, members=False)
    world.run()
    world.people(ADA)
    world.channel.faults = ["lost_before"]
    assert world.run(1).unknown == 1
    code, report = forget(at_desk(world))
    assert (code, report["places"][0]["outcome"], traces(world, "sentinel"), world.run(1.1).plan.trigger) == (
        0, "nothing", [], 0)


def test_where_a_channel_can_delete_a_profile_it_is_told_to_under_every_key_it_knew(make_world, at_desk) -> None:
    world = make_world(ForgettingMail, trigger=TRIGGER, first_sync="live")
    world.people(("ada-4711", "old@x.io", 1), BEN)
    world.run()
    world.people(ADA, BEN)
    world.run(1)
    code, report = forget(at_desk(world))
    assert (code, report["deletions"], report["no_delete_call"], world.channel.forgotten, traces(world, "x.io")) == (
        0, [{"connection": "mail", "outcome": "deleted", "detail": ""}], [], ["old@x.io", "sentinel@x.io"],
        traces(world, "ben@x.io"))


def test_a_deletion_without_an_answer_is_not_confirmed_and_asked_for_again(make_world, at_desk) -> None:
    world = make_world(ForgettingMail)
    world.people(ADA, BEN)
    world.run()
    desk = at_desk(world)
    world.channel.faults = ["", *["lost_before"] * 4]
    code, report = forget(desk)
    assert (code, report["confirmed"], [place["outcome"] for place in report["places"]]) == (1, False, ["removed"])
    assert report["deletions"][0]["detail"].startswith("connection mail: no answer to")
    ran = desk("forget", "ada-4711", *SIGNED)
    assert (ran.code, ran.out.splitlines()[1:3], world.channel.forgotten, traces(world, "sentinel")) == (
        0, ["  cart__mail: held nothing of them, or only what others share",
            "  mail: has taken over to delete the profile"], ["sentinel@x.io"], [])


def test_a_profile_that_somebody_else_has_too_is_not_deleted(make_world, at_desk) -> None:
    world = make_world(ForgettingMail)
    world.people(ADA, ("zoe", "sentinel@x.io", 1))
    world.run()
    code, report = forget(at_desk(world))
    assert (code, report["deletions"][0]["outcome"], world.channel.forgotten) == (0, "nothing", [])


class Firms(World):
    """The same shop, where the key is a firm's."""

    @property
    def audience(self) -> Audience:
        return replace(super().audience, identifiers={"account": "person_id", "email": "email"})


def test_an_account_with_the_same_key_as_a_forgotten_person_stays(tmp_path: Path, at_desk) -> None:
    world = Firms(tmp_path, send=["value"])
    world.people(ADA)
    world.run()
    assert forget(at_desk(world))[1]["places"] == []
    assert (world.run(1).plan.keep, set(world.channel.members)) == (1, {"sentinel@x.io"})


def test_explaining_a_forgotten_person_says_so_and_tells_nothing_else(world: World, at_desk) -> None:
    world.people(ADA)
    world.run()
    desk = at_desk(world)
    forget(desk)
    assert desk("explain", "ada-4711").out.splitlines() == [
        "ada-4711 · forgotten: left out of every snapshot",
        "cart: in the segment now, to be sent; in no snapshot so far"]


def test_without_its_key_nothing_is_sent_at_all(world: World, at_desk) -> None:
    world.people(ADA, BEN)
    world.run()
    forget(at_desk(world))
    world.key_file.unlink()
    before = world.channel.requests
    with pytest.raises(StateError, match="is missing: persons were forgotten"):
        world.run(1)
    assert world.channel.requests == before
    assert at_desk(world)("forget", "ben", *SIGNED).code == 1
