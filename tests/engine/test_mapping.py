"""Another mapping updates and names itself; another way to hash sends nothing."""

from __future__ import annotations

import json

import pytest

from pipelines.audiences import Guards
from pipelines.planning import render
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, ListMail, World

PEOPLE = [(f"p{n}", f"p{n}@x.io", n) for n in range(6)]


@pytest.fixture
def world(make_world) -> World:
    world = make_world(send=["value"])
    world.guards = Guards()
    world.people(*PEOPLE)
    world.run()
    return world


def runs(world: World) -> list[tuple[object, ...]]:
    return world.sql("select status, updated, full_resync_reason from activation.runs order by epoch")


def test_another_name_or_another_column_updates_everybody_removes_nobody_and_says_why(world: World) -> None:
    world.declare(send={"value": "score"})
    renamed = world.run(1)
    world.declare(send={"value": "score", "email": "mail"})
    world.run(2)
    assert (renamed.plan.update, renamed.plan.remove, renamed.plan.held) == (6, 0, False)
    assert world.channel.members["p1@x.io"] == {"score": 1, "mail": "p1@x.io"}
    assert runs(world) == [("ok", 0, None), ("ok", 6, "mapping changed: send value: value → score"),
                           ("ok", 6, "mapping changed: send + email: mail")]
    assert world.run(3).plan.cause == ""


def test_another_identifier_moves_persons_to_new_keys_and_is_no_runaway_removal(world: World) -> None:
    world.sql("alter table cart add column ads_email varchar")
    world.sql("update cart set ads_email = 'ads-' || email")
    world.declare(send=["value"], identifiers={"email": "ads_email"})
    result = world.run(1)
    assert (result.status, result.plan.cause) == ("ok", "mapping changed: identifiers email: email → ads_email")
    assert set(world.channel.members) == {f"ads-{email}" for _, email, _ in PEOPLE}


def test_another_identifier_that_most_do_not_have_is_held(world: World) -> None:
    world.sql("alter table cart add column ads_email varchar")
    world.sql("update cart set ads_email = 'ads-' || email where value < 2")
    world.declare(send=["value"], identifiers={"email": "ads_email"})
    result = world.run(1)
    assert (result.status, len(world.channel.members)) == ("held", 6)
    assert "4 of 6 in the channel would be removed" in result.reason
    assert result.plan.cause == world.run(2).plan.cause == "mapping changed: identifiers email: email → ads_email"


def test_a_resync_and_another_remote_list_are_recorded_as_such(make_world) -> None:
    world = make_world(ListMail, send=["value"])
    world.people(*PEOPLE)
    world.run()
    run_to_end(walk(world.audience, world.tasks, world.suppressions, world.ports, START, resync=True))
    world.declare(send=["value"], target="L2")
    world.run(1)
    assert [reason for *_, reason in runs(world)] == [None, "resync", "another remote list"]


def test_a_release_that_hashes_otherwise_sends_nothing_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = world.channel.requests
    monkeypatch.setattr(render, "VERSION", 2)
    written = render._objects
    monkeypatch.setattr(render, "canonical", lambda value: json.dumps(value, indent=1, sort_keys=True))
    monkeypatch.setattr(render, "_objects", lambda columns, rows: [
        render.canonical(json.loads(text)) for text in written(columns, rows)])
    world.people(*PEOPLE[:5], ("p5", "p5@x.io", 99))
    result = world.run(1)
    assert (result.plan.update, result.plan.keep, world.channel.requests) == (1, 5, requests + 1)
    assert world.channel.members["p5@x.io"] == {"value": 99}
    assert (world.run(2).status, runs(world)[-1]) == ("nothing", ("nothing", 0, None))


def test_what_a_release_that_hashes_otherwise_plans_is_rolled_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.sql("select payload_hash from activation.desired order by 1")
    monkeypatch.setattr(render, "VERSION", 2)
    assert world.plan(1) == {"add": 0, "update": 0, "remove": 0, "keep": 6, "trigger": 0}
    assert world.sql("select payload_hash from activation.desired order by 1") == before
