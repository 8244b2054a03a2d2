"""Two runs of two processes decide at once about the last room under a cap of one person: one message goes.

`python -m tests.engine.test_turns` is such a run; one stops between deciding and the commit until the other waits.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.messages import Messages
from pipelines.planning import deciding
from tests.engine.engines import DuckFile, Engine, PostgresDatabase
from tests.engine.world import World

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
ADA = ("ada", "ada@x.io", 1)


def world_of(folder: Path, engine: Engine, name: str) -> World:
    world = World(folder, engine=engine, name=name, members=False,
                  trigger={"when": "enters", "event": name, "max_age": "9d"})
    world.messages = Messages.model_validate({"cap": "1 in 7d"})
    return world


def wait_for(happens: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)


def run(folder: Path, place: str, name: str) -> None:
    """The run of one audience into which ada has come, once it is told to begin; `news` stops when it has decided."""
    engine = PostgresDatabase(place) if "=" in place else DuckFile(Path(place))
    world = world_of(folder, engine, name)
    world.people(ADA)
    record = deciding.record

    def stop(*given: deciding.Telling) -> None:
        record(*given)
        (folder / "decided").touch()
        wait_for((folder / "go on").exists)

    if name == "news":
        deciding.record = stop
    (folder / f"{name} is ready").touch()
    wait_for((folder / f"{name} begins").exists)
    world.run(1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_runs_that_decide_at_once_the_later_sees_what_the_first_has_decided(tmp_path: Path, engine) -> None:
    on_server = isinstance(engine, PostgresDatabase)
    processes = []
    for name in ("news", "cart"):
        world = world_of(tmp_path, engine, name)
        world.run()
        processes.append(subprocess.Popen(
            [sys.executable, "-m", "tests.engine.test_turns", str(tmp_path),
             engine.conninfo if on_server else str(engine.path), name],
            cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        wait_for((tmp_path / f"{name} is ready").exists)
    (tmp_path / "news begins").touch()
    wait_for((tmp_path / "decided").exists)
    (tmp_path / "cart begins").touch()
    if on_server:  # a file has one process at a time
        wait_for(lambda: engine.sql("select 1 from pg_locks where not granted") or processes[1].poll() is not None)
    (tmp_path / "go on").touch()
    said = [process.communicate(timeout=PATIENCE)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert world.sql("select audience, code, detail, outcome from activation.candidates order by audience desc") == [
        ("news", "sent", "", "ok"), ("cart", "capped", "cap", None)]


if __name__ == "__main__":
    run(Path(sys.argv[1]), *sys.argv[2:])
