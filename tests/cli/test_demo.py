"""The demo, as a newcomer types it: days go by, channels end equal to audiences, and it can be run again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from .terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the example shop, never built."""
    ignore = shutil.ignore_patterns("target", "logs", ".tailrace", "*.duckdb*")
    for room in ("dbt_project", "seeds"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    return tmp_path


def demo(shop: Path, days: int) -> str:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "demo", "--days", str(days)]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "COLUMNS": "110"})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def numbers(said: str) -> list[str]:
    """All lines but those that tell a time or an address."""
    return [line for line in said.splitlines() if "seconds in all" not in line and "127.0.0.1" not in line]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_proves_every_channel_and_tells_the_same_when_it_is_run_again(shop: Path) -> None:
    first, again = demo(shop, 1), demo(shop, 1)
    assert numbers(first) == numbers(again)
    assert re.findall(r"^Day (\d)", first, re.MULTILINE) == ["0", "1"]
    [(equal, syncs)] = re.findall(r"(\d+) of (\d+) syncs are equal", first)
    assert equal == syncs and int(syncs) > 8 and "DIFFERENT" not in first
    assert [command for command in ("tailrace status", "tailrace sandbox --state-file", "dagster dev")
            if command not in first] == []


def test_it_does_not_clear_a_warehouse_that_is_somebodys_own(shop: Path, tailrace: Terminal) -> None:
    file = shop / "dbt_project" / "tailrace.duckdb"
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute("create table mine as select 1 as one")
    ran = tailrace("demo", "--days", "1")
    assert ran.said == (1, f"{file} was not made by the demo, which would clear it: move it away, or run the demo in "
                           "another copy of the project (--project-dir) or another database (--target)\n")
    with duckdb.connect(str(file)) as warehouse:
        assert warehouse.execute("from mine").fetchall() == [(1,)]


def test_a_folder_that_is_no_project_is_said(tailrace: Terminal) -> None:
    ran = tailrace("demo", "--project-dir", "nowhere")
    file = tailrace.folder / "nowhere" / "dbt_project.yml"
    assert ran.said == (1, f"{file}: there is no dbt project here; give --project-dir\n")
