"""A past run is rebuilt from what was recorded, to the letter, whatever has become known since."""

from __future__ import annotations

import pytest

from pipelines import replay
from pipelines.errors import StateError
from pipelines.messages import Messages
from pipelines.replay import Replayed
from tests.engine.world import World

DAYS = 14
TRIGGER = {"when": "enters", "event": "welcome", "send": ["value"], "max_age": "48h"}


@pytest.fixture
def lived(make_world) -> World:
    """Fourteen days: people come, change, share an address, go and come again; answers are lost and refused."""
    world = make_world(send=["value"], trigger=TRIGGER)
    world.messages = Messages.model_validate({"steps": [{"event": "tour", "after": "2d", "unless": []}]})
    for day in range(DAYS):
        rows = [(f"p{n}", f"p{n % 7}@x.io", n * 10 + day // 3) for n in range(9) if (n + day) % 5]
        world.people(*rows)
        world.spare(f"p{day % 4}") if day % 4 == 1 else world.release("p1")
        world.channel.refuse = {"p3@x.io"} if day == 5 else set()
        world.channel.faults = ["lost"] if day in (4, 8) else ["429", "500"] if day == 6 else []
        world.run(day)
    return world


def replayed(world: World, epoch: int) -> Replayed:
    with world.warehouse() as warehouse:
        [part] = replay.replay_run(warehouse, [world.audience], f"cart__mail@{epoch}")
    return part


def test_each_of_fourteen_days_is_rebuilt_though_data_has_arrived_late_since(lived: World) -> None:
    before = [replayed(lived, epoch) for epoch in range(1, DAYS + 1)]
    lived.people(("p1", "late@x.io", 7), ("new", "new@x.io", 1))
    lived.run(DAYS)
    after = [replayed(lived, epoch) for epoch in range(1, DAYS + 1)]
    assert before == after
    assert [(part.same, part.differing) for part in after] == [(part.operations, ()) for part in after]
    assert sum(part.operations for part in after) > 40


@pytest.mark.parametrize(("change", "why"), [
    ("attributes = '{\"value\":666}'", "its payload has the hash"),
    ("op_id = 'other'", "its id is not that of its"),
    ("person_key = 'nobody'", "the person was not to be sent in the snapshot"),
])
def test_what_was_changed_in_the_record_is_found(lived: World, change: str, why: str) -> None:
    lived.sql(f"""update activation.op set {change} where epoch = 1 and seq = (
        select min(seq) from activation.op where epoch = 1 and action = 'add')""")
    part = replayed(lived, 1)
    assert [each.why.startswith(why) for each in part.differing] == [True]


def test_a_message_whose_payload_changed_on_its_way_is_found(lived: World) -> None:
    lived.sql("update activation.op set person_key = 'nobody' where action = 'event' and op_id = ("
              "select min(op_id) from activation.op where action = 'event')")
    differing = [each.why for epoch in range(1, DAYS + 1) for each in replayed(lived, epoch).differing]
    assert set(differing) == {"its id is not that of its event, person and entry"}


def test_the_command_says_what_was_compared_and_which_runs_there_are(lived: World) -> None:
    with lived.warehouse() as warehouse:
        with pytest.raises(StateError, match="no such run is recorded; the newest that did anything are: run"):
            replay.replay_run(warehouse, [], "cli-none")
        found = replay.replay_run(warehouse, [lived.audience], "run")
    assert (len(found), next(replay.lines(found))) == (
        DAYS, "cart__mail @ 1: 6 operations, 6 rebuilt: the same")
