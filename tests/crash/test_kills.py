"""`tailrace sync` is killed (SIGKILL) at random moments while people come and go: in the end each channel holds its
audience, the ledger agrees, and each entry was told once.
"""

from __future__ import annotations

import time

import pytest

from tests.crash.rehearsal import Rehearsal, judge


def test_a_sync_that_is_killed_once_leaves_work_that_the_next_one_does(rehearsal: Rehearsal) -> None:
    rehearsal.sync(None)
    rehearsal.change()
    started = time.monotonic()
    while not rehearsal.sync(kill_after=rehearsal.draw.uniform(0.8, 2.0)) and time.monotonic() - started < 30:
        rehearsal.change()
    rehearsal.sync(None)
    rehearsal.sync(None)
    judge(rehearsal)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_forty_kills_lose_nobody_and_tell_nobody_twice(rehearsal: Rehearsal) -> None:
    rehearsal.sync(None)
    rehearsal.change()
    started = time.monotonic()
    rehearsal.sync(None)
    usual, kills = time.monotonic() - started, 0
    for _ in range(120):
        rehearsal.change()
        kills += rehearsal.sync(kill_after=usual * rehearsal.draw.uniform(0.3, 1.05))
        if kills == 40:
            break
    rehearsal.sync(None)
    rehearsal.sync(None)
    judge(rehearsal)
    assert kills == 40
