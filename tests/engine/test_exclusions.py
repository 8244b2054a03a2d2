"""Where reach is paid for, those held out are kept in a list of their own, for campaigns to exclude."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from destinations.protocol import Request, Response
from pipelines import replay
from pipelines.paid import Exclusion
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, Answer, Channel, ListMail, World

MAIN, EXCLUDED = "cart__mail", "cart__mail__held_out"


@dataclass
class Lists(Channel):
    """A channel that keeps members by list, each named as it was asked for."""

    held: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def answer(self, request: Request) -> Answer:
        if request.url.endswith("/lists"):
            return Response(200, {}, json.dumps({"id": request.body.decode()}).encode())
        body = json.loads(request.body)
        for row in body["rows"]:
            (set.discard if body["do"] == "remove" else set.add)(self.held[body["target"]], row["email"])
        return Response(200, {}, b"{}")


@pytest.fixture
def world(make_world) -> World:
    """An audience of sixty, a third of them held out, in a channel that keeps lists."""
    world = make_world(ListMail, send=["value"])
    world.channel, world.holdout = Lists(), 0.33
    world.others = (Exclusion.beside(world.sync),)
    come(world, 0, 60)
    run(world)
    return world


def come(world: World, first: int, last: int) -> None:
    world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(first, last)))


def run(world: World) -> dict[str, tuple[str, int, int, int]]:
    """Sync → status, added, removed and members of a walk."""
    world.clock.at = START.replace(tzinfo=None)
    results = run_to_end(walk(world.audience, world.tasks, world.suppressions, world.ports, START))
    return {each.plan.sync: (each.status, each.plan.add, each.plan.remove, each.plan.wanted) for each in results}


def standing(world: World, word: str) -> set[str]:
    return {f"{person}@x.io" for (person,) in world.sql(
        "select person_key from activation.membership where valid_to is null and standing = ?", [word])}


def test_one_list_has_those_to_be_sent_and_the_other_those_held_out(world: World) -> None:
    assert world.channel.held == {"cart": standing(world, "sent"), "cart__held_out": standing(world, "held_out")}
    assert 10 < len(world.channel.held["cart__held_out"]) < 30
    assert run(world) == {MAIN: ("nothing", 0, 0, len(standing(world, "sent"))),
                          EXCLUDED: ("nothing", 0, 0, len(standing(world, "held_out")))}


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_a_resized_holdout_moves_nobody_from_one_list_to_the_other(world: World, share: float) -> None:
    before = {name: set(found) for name, found in world.channel.held.items()}
    world.holdout = share
    come(world, 0, 120)
    run(world)
    after = world.channel.held
    assert (before["cart"] <= after["cart"], before["cart__held_out"] <= after["cart__held_out"]) == (True, True)
    assert (after["cart"] & after["cart__held_out"], len(after["cart"] | after["cart__held_out"])) == (set(), 120)


def test_who_leaves_or_is_suppressed_is_excluded_no_more_and_no_guard_minds_how_many(world: World) -> None:
    held_out = sorted(world.channel.held["cart__held_out"])
    world.guards = world.guards.model_copy(update={"removal": 0.9})
    spared, *others = (email.removesuffix("@x.io") for email in held_out)
    world.spare(spared)
    world.people(*((f"p{n}", f"p{n}@x.io", 1) for n in range(60) if f"p{n}" not in others[1:]))
    assert run(world)[EXCLUDED] == ("ok", 0, len(held_out) - 1, 1)
    assert world.channel.held["cart__held_out"] == {f"{others[0]}@x.io"}


def test_an_experiment_that_ends_empties_the_list_and_one_that_goes_on_takes_back_nobody_who_was_told(
    world: World
) -> None:
    held_out = set(world.channel.held["cart__held_out"])
    world.holdout = 0.0
    assert run(world)[EXCLUDED] == ("ok", 0, len(held_out), 0)
    world.holdout = 0.5
    come(world, 0, 120)
    run(world)
    assert (world.channel.held["cart"] >= held_out, bool(world.channel.held["cart__held_out"])) == (True, True)


def test_the_plan_of_an_exclusion_list_is_rebuilt_too(world: World) -> None:
    with world.warehouse() as warehouse:
        [part] = replay.replay_run(warehouse, [world.audience], f"{EXCLUDED}@1")
    assert (part.same, part.differing) == (len(world.channel.held["cart__held_out"]), ())
