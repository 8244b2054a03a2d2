"""Telling a channel again: by word of the operator, by period, and never by taking everyone out first."""

from __future__ import annotations

import json
from dataclasses import replace

from destinations.protocol import Batch, Exchange, Outcome, Request, Verdict
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, Mail, RawMail, World

ADA, BEN, CLEO = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3)


def resync(world: World):
    [result] = run_to_end(walk(world.audience, world.tasks, world.suppressions, world.ports, START, resync=True))
    return result


def test_a_resync_asserts_everyone_again_and_takes_out_whoever_once_was_in(world: World) -> None:
    world.people(ADA, BEN, CLEO)
    world.run()
    world.people(ADA, BEN)
    world.run(1)
    del world.channel.members["ada@x.io"]
    world.channel.members["cleo@x.io"] = {}
    result = resync(world)
    assert (result.plan.add, result.plan.remove, result.accepted) == (2, 1, 3)
    assert set(world.channel.members) == {"ada@x.io", "ben@x.io"} == world.ledger()


def test_a_member_is_asserted_again_after_the_period_and_not_before(make_world) -> None:
    world = make_world(reassert_every="30d")
    world.people(ADA)
    world.run()
    adds = [world.plan(days)["add"] for days in (1, 29, 31)]
    world.run(31)
    assert (adds, world.plan(32)["add"]) == ([0, 0, 1], 0)


def test_at_least_once_sends_a_message_in_doubt_again_by_that_word_only(make_world) -> None:
    trigger = {"when": "enters", "event": "x", "max_age": "48h", "delivery": "at_least_once"}
    world = make_world(RawMail, trigger=trigger)
    world.run()
    world.people(ADA)
    world.channel.faults = ["", *["lost"] * 4]
    first = world.run(1)
    world.run(1.1)
    assert (first.unknown, len(world.channel.messages)) == (1, 5)


class Strict(Mail):
    """A channel that refuses a whole batch for one poison row and names none; one that is too long is not sent."""

    def deliver(self, batch: Batch) -> Exchange:
        long = [Outcome(m.id, Verdict.REJECTED, "too long") for m in batch.members if "long" in m.identifiers["email"]]
        outcomes = yield from self.send(replace(batch, members=tuple(
            m for m in batch.members if "long" not in m.identifiers["email"])))
        return [*long, *outcomes]

    def send(self, batch: Batch) -> Exchange:
        if any("poison" in m.identifiers["email"] for m in batch.members):
            yield Request("POST", "https://mail.example/lists", body=b"refused")
            return [Outcome(m.id, Verdict.REJECTED, "HTTP 400") for m in batch.members]
        outcomes = yield from super().deliver(batch)
        return outcomes


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_only_the_poison_is_left(make_world) -> None:
    world = make_world(Strict)
    world.people(ADA, ("bad", "poison@x.io", 1), CLEO, ("tall", "long@x.io", 1))
    result = world.run()
    assert (result.accepted, result.rejected, set(world.channel.members)) == (2, 2, {"ada@x.io", "cleo@x.io"})
    assert world.sql("select person_key, reason from activation.undelivered order by 1") == [
        ("bad", "HTTP 400"), ("tall", "too long")]
    assert json.dumps(sorted(world.ledger())) == '["ada@x.io", "cleo@x.io"]'
