"""21 · Whoever was forgotten under one key is not kept under an older one without being told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.engine.desk import Desk, at_desk
from tests.engine.test_operate_forget import forget, traces
from tests.engine.world import World

__all__ = ["at_desk"]
ADA, BEN = ("ada-4711", "sentinel@x.io", 1), ("ben", "ben@x.io", 2)


def test_21_an_older_key_of_the_same_address_is_told_of_and_forgotten_by_the_same_command(
    tmp_path: Path, at_desk: Callable[[World], Desk]
) -> None:
    world = World(tmp_path, send=["value"])
    world.people(("ada-old", *ADA[1:]), BEN)
    world.run()
    world.people(ADA, BEN)
    world.run(1)
    desk = at_desk(world)
    code, report = forget(desk)
    assert (code, report["same_keys"], "sentinel@x.io" in world.channel.members) == (0, ["ada-old"], False)
    assert forget(desk, "ada-old")[1]["same_keys"] == []
    assert (traces(world, "ada-"), traces(world, "sentinel")) == ([], [])
    world.people(ADA, ("ada-old", *ADA[1:]), BEN)
    assert (world.run(2).status, set(world.channel.members)) == ("nothing", {"ben@x.io"})


def test_21_somebody_who_is_still_there_and_shares_an_address_is_nobodys_older_self(
    tmp_path: Path, at_desk: Callable[[World], Desk]
) -> None:
    world = World(tmp_path)
    world.people(ADA, ("zoe", "sentinel@x.io", 1))
    world.run()
    assert forget(at_desk(world))[1]["same_keys"] == []
