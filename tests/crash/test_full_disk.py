"""A disk that fills up: before the plan, before a claim, and after a request has left."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.run import Ports
from tests.crash.rehearsal import Rehearsal, judge
from tests.engine.world import World

ROOT = Path(__file__).parents[2]


def run_full(rehearsal: Rehearsal, moment: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "tests.crash.full", str(rehearsal.folder), moment], cwd=ROOT,
                          env=rehearsal.environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def told(rehearsal: Rehearsal) -> Counter[str]:
    messages = rehearsal.box.truth()["channels"]["webhook"]["messages"]
    return Counter(message["to"] for message in messages)


def delivered(rehearsal: Rehearsal) -> int:
    return rehearsal.box.truth()["channels"]["webhook"]["requests"]


def receipts(rehearsal: Rehearsal) -> set[str]:
    with rehearsal.project.warehouse() as warehouse:
        return {outcome for (outcome,) in warehouse.query("select distinct outcome from activation.receipt")}


@pytest.mark.parametrize(("moment", "said"), [
    ("plan", "WarehouseError: "),
    ("claim", "StateError: the journal cannot be written ("),
])
def test_what_cannot_be_written_down_first_is_not_sent(
    rehearsal: Rehearsal, moment: str, said: str
) -> None:
    code, why = run_full(rehearsal, moment)
    assert (code, why[:len(said)], "make room" in why, "@example.com" in why) == (1, said, True, False)
    assert delivered(rehearsal) == 0
    rehearsal.sync(None)
    judge(rehearsal)


def test_what_was_sent_and_could_not_be_written_down_is_unknown_and_settled_by_the_next_run(
    rehearsal: Rehearsal,
) -> None:
    code, why = run_full(rehearsal, "result")
    assert (code, why.startswith("StateError: the journal cannot be written"), delivered(rehearsal) > 0) == (
        1, True, True)
    rehearsal.sync(None)
    assert "unknown" in receipts(rehearsal)
    judge(rehearsal)
    assert max(told(rehearsal).values(), default=0) <= 1


class Tight(World):
    """A world with little room on its disk."""

    free = 59_999

    @property
    def ports(self) -> Ports:
        return replace(super().ports, room=lambda: self.free)


def test_twice_what_a_plan_may_need_must_be_free_before_anything_is_sent(tmp_path: Path) -> None:
    world = Tight(tmp_path)
    world.people(*((f"p{n}", f"p{n}@x.io", n) for n in range(30)))
    first = world.run()
    assert (first.status, first.reason, world.channel.requests) == (
        "failed", "0.06 MB are free and 0.06 MB may be needed to write down what becomes of this plan: make room; "
        "nothing was sent", 0)
    world.free = 60_000
    assert world.run(0.01).accepted == 30
