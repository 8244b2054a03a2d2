"""A table that is built anew while a run is under way, as it may be on a server: the run keeps to what it looked at."""

from __future__ import annotations

import pytest

from pipelines.state.snapshot import Snapshot
from pipelines.sync import walk
from tests.engine.world import START, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)


@pytest.mark.never("duckdb", reason="nobody else writes to a file that a run has open")
def test_a_plan_is_made_of_the_rows_that_the_snapshot_was_taken_of(world: World) -> None:
    world.people(ADA, BEN)
    world.run()
    steps = walk(world.audience, world.tasks, world.suppressions, world.ports, START)
    for step in steps:
        if isinstance(step, Snapshot):
            world.sql("delete from cart where person_id = 'ben'")
    assert set(world.channel.members) == {"ada@x.io", "ben@x.io"}
    world.run(1)
    assert set(world.channel.members) == {"ada@x.io"}
