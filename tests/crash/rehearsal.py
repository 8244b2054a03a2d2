"""A project in front of the sandbox, with a crowd that comes and goes; and the judgement at the end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

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

    def start(self, command: Sequence[str] = SYNC, **environ: str) -> subprocess.Popen[str]:
        """The command, under way."""
        return subprocess.Popen(command, cwd=self.folder, env={**self.environ, **environ}, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def sync(self, kill_after: float | None) -> bool:
        """Whether the process was killed before it ended."""
        process = self.start()
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
