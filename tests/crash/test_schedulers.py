"""Dagster's runs are killed while they send, and two schedulers launch the same: nobody is lost or told twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import pipelines.defs
from tests.crash.rehearsal import CHANNELS, SYNC, Rehearsal, judge

ROOT = Path(__file__).parents[2]
ASSETS = " or ".join(f'key:"{name}/guests"' for name in ("audience", *CHANNELS))
LAUNCH = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", ASSETS, "-m", "pipelines.definitions"]


def home(rehearsal: Rehearsal, name: str) -> dict[str, str]:
    """The environment of a Dagster of its own."""
    folder = rehearsal.folder.parent / name
    if not folder.exists():
        folder.mkdir()
        shutil.copy(Path(pipelines.defs.__file__).with_name("dagster.yaml"), folder)
    return {"DAGSTER_HOME": str(folder), "TAILRACE_PROJECT_DIR": str(rehearsal.folder), "PYTHONPATH": str(ROOT)}


class Launcher:
    """A process that has loaded Dagster and forks a run whenever it is asked."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._log = rehearsal.folder.parent / "launcher.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.launcher", ASSETS], cwd=rehearsal.folder, text=True, stderr=log,
                env={**rehearsal.environ, **home(rehearsal, "dagster")}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._heard() == "ready", self._log.read_text()[-2_000:]

    def run(self, kill_after: float | None = None) -> bool:
        """One run; whether it was killed before it ended."""
        assert self._process.stdin
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        child, ended = int(self._heard()), threading.Event()
        killer = threading.Thread(target=lambda: ended.wait(kill_after) or os.kill(child, signal.SIGKILL))
        if kill_after is not None:
            killer.start()
        code = int(self._heard())
        ended.set()
        assert code in (0, -signal.SIGKILL), self._log.read_text()[-2_000:]
        return code != 0

    def close(self) -> None:
        self._process.communicate()

    def _heard(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_forty_killed_runs_of_dagster_lose_nobody_and_tell_nobody_twice(rehearsal: Rehearsal) -> None:
    launcher = Launcher(rehearsal)
    launcher.run()
    usual, kills = 60.0, 0
    for number in range(160):
        rehearsal.change()
        started, patience = time.monotonic(), usual * rehearsal.draw.uniform(0.3, 1.05)
        if launcher.run(patience if number % 8 else None):  # now and then one ends: machines are slower at times
            kills += 1
        else:
            usual = time.monotonic() - started
        if kills == 40:
            break
    launcher.run()
    launcher.close()
    rehearsal.sync(None)
    judge(rehearsal)
    assert (kills, shown(rehearsal)) == (40, [])


def shown(rehearsal: Rehearsal) -> list[str]:
    """Files of Dagster's storage that hold an address or a secret."""
    secrets = [value for name, value in rehearsal.box.environment().items() if "KEY" in name or "TOKEN" in name]
    words = [b"@example.com", *(secret.encode() for secret in secrets)]
    return [str(path) for path in (rehearsal.folder.parent / "dagster").rglob("*")
            if path.is_file() and any(word in path.read_bytes() for word in words)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shared", [True, False], ids=["on one machine", "on two"])
def test_of_two_syncs_at_once_each_person_is_told_by_one(rehearsal: Rehearsal, shared: bool) -> None:
    """Two machines share no lock: there the lease in the warehouse decides, and who comes second says so or waits."""
    rehearsal.sync(None)
    for round_ in range(3):
        rehearsal.change()
        folders = [] if shared else [["--state-dir", str(rehearsal.folder.parent / f"{round_}-{n}")] for n in (1, 2)]
        both = [rehearsal.start([*SYNC, *more]) for more in (folders or [[], []])]
        said = [process.communicate()[1] for process in both]
        assert {process.returncode for process in both} <= {0, 1} and "Traceback" not in "".join(said), said
    rehearsal.sync(None)
    judge(rehearsal)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_two_schedulers_that_launch_at_once_each_person_is_told_by_one(rehearsal: Rehearsal) -> None:
    rehearsal.sync(None)
    rehearsal.change()
    both = [rehearsal.start(LAUNCH, **home(rehearsal, name)) for name in ("first", "second")]
    said = [process.communicate()[1][-2_000:] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    rehearsal.sync(None)
    judge(rehearsal)
