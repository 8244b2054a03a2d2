"""`tailrace sync` is killed (SIGKILL) at random moments while people come and go: in the end each channel holds its
audience, the ledger agrees, and each entry was told once.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from destinations.sandbox.server import Sandbox
from pipelines import proof
from pipelines.project import Options, Project

SYNC = [sys.executable, "-c", "from pipelines.cli import main; main()", "sync", "--no-build"]
CHANNELS = ("meta_ads", "klaviyo", "customerio", "webhook")


class Rehearsal:
    """The project, its channels, and a crowd that changes by a seeded draw."""

    def __init__(self, folder: Path, box: Sandbox, seed: int) -> None:
        self.folder, self.box = folder, box
        self.environ = {**os.environ, **box.environment()}
        self.draw = random.Random(seed)
        self.project = Project(Options(folder), self.environ)
        self.present: set[int] = set(range(40))
        self.write()

    def write(self) -> None:
        """The audience table of the moment."""
        with duckdb.connect(str(self.folder / "crash.duckdb")) as warehouse:
            warehouse.execute("create schema if not exists main_audiences")
            rows = ", ".join(f"('p{n}', 'p{n}@example.com', {self.draw.randint(0, 3)})" for n in sorted(self.present))
            warehouse.execute("create or replace table main_audiences.guests as"
                              f" select * from (values {rows}) as t (person_id, email, visits)")

    def change(self) -> None:
        for n in self.draw.sample(range(60), 12):
            self.present ^= {n}
        self.write()

    def sync(self, kill_after: float | None) -> bool:
        """Whether the process was killed before it ended."""
        process = subprocess.Popen(SYNC, cwd=self.folder, env=self.environ, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            _, said = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        assert process.returncode == 0, said
        return False

    def entries(self) -> tuple[Counter[str], set[str]]:
        """Person → entries after the first snapshot, which was there before the triggers; and who is still in."""
        later = """from activation.membership
            where entry_id > (select max(trigger_since) from activation.sync_control)"""
        with self.project.warehouse() as warehouse:
            all_of_them = dict(warehouse.query(f"select person_key, count(distinct entry_id) {later} group by 1"))
            return Counter(all_of_them), {key for (key,) in warehouse.query(
                f"select distinct person_key {later} and valid_to is null")}


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    folder = Path(shutil.copytree(Path(__file__).parent / "project", tmp_path / "crash"))
    with Sandbox(job_seconds=0.05) as box:
        yield Rehearsal(folder, box, seed=7)


def judge(rehearsal: Rehearsal) -> None:
    [audience] = rehearsal.project.audiences()
    tasks, _ = rehearsal.project.tasks(audience)
    truth = rehearsal.box.truth()
    with rehearsal.project.warehouse() as warehouse:
        proofs = [proof.compare(warehouse, audience, task, (), truth) for task in tasks]
    assert [each for each in proofs if not each.equal] == []
    for channel in ("klaviyo", "customerio", "webhook"):
        told = Counter(str(message["to"]).partition("@")[0] for message in truth["channels"][channel]["messages"]
                       if not message.get("silent"))
        entered, still_in = rehearsal.entries()
        assert told <= entered, channel  # whoever left before a run got to it is not told, and nobody more than once
        assert still_in <= set(told), channel


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
@pytest.mark.timeout(600)
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
