"""A remote list that somebody deleted: the sync asks whether to make it anew, and sends nothing until that is approved.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destinations.protocol import Batch, Exchange, Gone, Reading, Request, Response
from pipelines import screens
from pipelines.reconcile import reconcile
from pipelines.state import holds
from tests.engine.desk import Opened
from tests.engine.test_operate_forget import forget
from tests.engine.world import Channel, ListMail, World

PEOPLE = [(f"p{n}", f"p{n}@x.io", n) for n in range(4)]
SAID = "no list L1 any more: recreate and refill (5 rows)?"


class Losing(ListMail):
    """A channel that says when it has no such list."""

    def deliver(self, batch: Batch) -> Exchange:
        exchange = super().deliver(batch)
        answer = yield next(exchange)
        if answer.status == 404:
            raise Gone(f"no list {batch.target} any more")
        try:
            exchange.send(answer)
        except StopIteration as done:
            return done.value
        raise AssertionError("one request a batch")


class Lists(Channel):
    """Its lists have numbers; a request about another one than the newest is told that there is none."""

    made = 0
    there = False

    def answer(self, request: Request) -> Any:
        if request.url.endswith("/lists"):
            self.made += not self.there
            self.there = True
            return Response(200, {}, json.dumps({"id": f"L{self.made}"}).encode())
        asked = json.loads(request.body or b"{}")
        if "/jobs/" not in request.url and (not self.there or asked["target"] != f"L{self.made}"):
            self.requests += 1
            return Response(404)
        return super().answer(request)

    def delete(self) -> None:
        self.there = False
        self.members.clear()


@pytest.fixture
def world(make_world) -> World:
    world = make_world(Losing, send=["value"])
    world.channel = Lists()
    world.people(*PEOPLE)
    world.run()
    world.channel.delete()
    world.people(*PEOPLE, ("new", "new@x.io", 9))
    return world


def approve(world: World, plan_id: str) -> None:
    with world.warehouse() as warehouse, warehouse.transaction():
        holds.approve(warehouse, plan_id, "ops@x.io", "it was deleted by mistake", world.clock.now())


def test_a_deleted_list_holds_the_sync_and_is_made_anew_only_when_that_is_approved(world: World) -> None:
    held = world.run(1)
    assert (held.status, held.reason, held.plan.add, held.accepted) == ("held", SAID, 5, 0)
    assert world.sql("select plan_id, state from activation.hold") == [(held.plan.plan_id, "open")]
    requests = world.channel.requests
    again = world.run(2)
    assert (again.status, again.reason, again.plan.plan_id) == ("held", SAID, held.plan.plan_id)
    assert (world.channel.requests, world.channel.made) == (requests, 1)
    assert f"  held by gone: {SAID}" in screens.plan_lines(again.plan)

    approve(world, held.plan.plan_id)
    refilled = world.run(3)
    assert (refilled.status, refilled.plan.add, refilled.accepted, world.channel.made) == ("ok", 5, 5, 2)
    assert set(world.channel.members) == world.ledger() == {email for _, email, _ in (*PEOPLE, ("", "new@x.io", 0))}
    assert world.sql("select full_resync_reason from activation.runs order by epoch") == [
        (None,), (None,), ("another remote list",), ("another remote list",)]
    assert (world.run(4).status, world.channel.made) == ("nothing", 2)


def test_who_came_or_left_meanwhile_asks_for_another_approval(world: World) -> None:
    first = world.run(1).plan.plan_id
    approve(world, first)
    world.people(*PEOPLE)
    changed = world.run(2)
    assert (changed.status, changed.plan.plan_id == first, changed.plan.add) == ("held", False, 4)
    approve(world, changed.plan.plan_id)
    assert (world.run(3).status, set(world.channel.members)) == ("ok", {email for _, email, _ in PEOPLE})


def test_naming_another_list_in_yaml_alone_sends_nothing(world: World) -> None:
    plan_id = world.run(1).plan.plan_id
    world.channel.made, world.channel.there = 7, True
    world.declare(send=["value"], target="L7")
    assert (world.run(2).status, world.channel.members) == ("held", {})
    approve(world, plan_id)
    assert (world.run(3).status, len(world.channel.members), world.channel.made) == ("ok", 5, 7)


def test_a_list_that_is_deleted_again_asks_again(world: World) -> None:
    for day in (1, 3):
        approve(world, world.run(day).plan.plan_id)
        assert world.run(day + 1).status == "ok"
        world.channel.delete()
        world.people(*PEOPLE, ("new", "new@x.io", day))
    assert world.run(5).reason == "no list L3 any more: recreate and refill (5 rows)?"
    assert world.sql("select state, count(*) from activation.hold group by 1 order by 1") == [("open", 1), ("used", 2)]


def test_a_crash_between_making_the_list_and_remembering_it_finds_it_again(world: World) -> None:
    approve(world, world.run(1).plan.plan_id)
    world.run(2, until=lambda step: type(step).__name__ == "Progress")
    world.run(3)
    assert (len(world.channel.members), world.channel.made, len(world.ledger())) == (5, 2, 5)


def test_messages_wait_while_the_question_is_open_and_are_sent_once(make_world) -> None:
    world = make_world(Losing, trigger={"when": "enters", "event": "welcome", "max_age": "10d"})
    world.channel = Lists()
    world.people(*PEOPLE)
    world.run()
    world.channel.delete()
    world.people(*PEOPLE, ("new", "new@x.io", 9))
    world.run(1)
    assert (world.run(2).status, world.channel.messages) == ("held", [])
    approve(world, world.run(3).plan.plan_id)
    world.run(4)
    world.run(5)
    assert [message["email"] for message in world.channel.messages] == ["new@x.io"]


def test_what_a_job_still_has_of_the_old_list_holds_nobody_up_in_the_new_one(make_world) -> None:
    """A job that took members over for a list that is gone says nothing of the one made since."""
    world = make_world(Losing)
    world.channel = Lists()
    world.people(*PEOPLE)
    world.channel.faults, world.channel.job_verdict = ["job"], "pending"
    assert world.run().pending == 3
    world.channel.delete()
    world.people(*PEOPLE, ("new", "new@x.io", 9))
    held = world.run(1)
    assert (held.status, held.plan.add) == ("held", 5)
    approve(world, held.plan.plan_id)
    assert (world.run(2).accepted, world.run(3).status, len(world.channel.members)) == (5, "nothing", 5)
    assert world.sql("select folded_epoch from activation.sync_control") == [(4,)]


class Readable(Losing):
    """The same, and it can be read back."""

    capabilities = replace(Losing.capabilities, readback=True)

    def members(self, target: str) -> Reading:
        yield Request("GET", "https://mail.example/batch", body=json.dumps({"target": target}).encode(), reads=True)
        raise Gone(f"no list {target} any more")


def test_reconcile_says_that_the_list_is_gone(world: World) -> None:
    world.destination = Readable(world.destination.settings)
    said = "no list L1 any more: recreate and refill (4 rows)?"
    world.clock.seconds += timedelta(minutes=1).total_seconds()
    [looked] = reconcile(Opened(world), repair=False)
    [found] = reconcile(Opened(world))
    assert (looked.failed, looked.note, found.failed, found.note) == (
        True, "connection mail: no list L1 any more", True, said)
    assert world.sql("select state from activation.hold") == [("open",)]
    [again] = reconcile(Opened(world))
    assert again.note.startswith("its list is gone (tailrace approve)")


def test_a_person_can_be_forgotten_while_their_list_is_gone(world: World, at_desk) -> None:
    code, report = forget(at_desk(world), "p1")
    assert (code, report["confirmed"], [place["outcome"] for place in report["places"]]) == (0, True, ["nothing"])
    assert world.sql("select count(*) from activation.op where person_key = 'p1'") == [(0,)]

