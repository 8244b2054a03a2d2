"""A race with drt-core: the same DuckDB table into files, first everything and then with nothing changed.

drt-core is installed from the registry into a virtual environment of the race's own; without it our own times are
shown and nothing is compared. It writes JSON lines and no record of what it delivered; it knows no diff on DuckDB, so
its second run writes everything again. Ours writes CSV, claims and receipts, and keeps history. Both are whole
processes, from the command to its exit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench.measure import Line, Sample, in_turn
from tests.bench.store import crowd

PEER = "drt-core[duckdb]"
OURS = {
    "dbt_project.yml": "{name: crowd, version: '1.0', profile: crowd, flags: {send_anonymous_usage_stats: false}}",
    "profiles.yml": "crowd: {target: dev, outputs: {dev: {type: duckdb, path: crowd.duckdb}}}",
    "connections.yml": "drop: {destination: files, folder: '{here}/out'}",
    "models/crowd.sql": "-- The race writes this table itself; only its declaration is read.\nselect 1 as person_id",
    "models/crowd.yml": """
models:
  - name: crowd
    config:
      meta:
        audience:
          syncs:
            - {to: drop, every: 1h, send: [first_name, country, lifecycle, last_seen_at, ltv, orders_30d, score]}
    columns:
      - {name: person_id, data_type: varchar, config: {meta: {identifier: person}}}
      - {name: email, data_type: varchar, config: {meta: {identifier: email}}}
      - {name: first_name, data_type: varchar}
      - {name: country, data_type: varchar}
      - {name: lifecycle, data_type: varchar}
      - {name: last_seen_at, data_type: timestamp}
      - {name: ltv, data_type: "decimal(10,2)"}
      - {name: orders_30d, data_type: integer}
      - {name: score, data_type: double}
""",
}
THEIRS = {
    "drt_project.yml": "{name: crowd, version: '0.1', profile: race}",
    ".drt/profiles.yml": "race: {type: duckdb, database: '{here}/crowd.duckdb'}",
    "syncs/crowd.yml": "{name: crowd, model: 'select * from crowd', destination: {type: file, path: out/crowd.jsonl, "
                       "format: jsonl}, sync: {mode: full, batch_size: 5000}}",
}


SYNC = [sys.executable, "-c", "from pipelines.cli import main; main()", "sync", "--no-build"]


def race(folder: Path, size: int, rounds: int) -> list[Line]:
    """First load and a run with nothing changed, ours against theirs."""
    crowd(folder / "crowd.duckdb", size)
    ours, theirs = folder / "ours", folder / "theirs"
    drt = _install(folder / "venv")

    def fresh() -> None:
        for place, files in ((ours, OURS), (theirs, THEIRS)):
            shutil.rmtree(place, ignore_errors=True)
            for name, text in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text.replace("{here}", str(place)))
            shutil.copy(folder / "crowd.duckdb", place / "crowd.duckdb")
            (place / "out").mkdir()

    runs = {"ours": partial(_run, SYNC, ours), **({"theirs": partial(_run, [drt, "run"], theirs)} if drt else {})}
    first = in_turn(rounds, fresh, **runs)
    again = in_turn(rounds, **runs)  # its round that is not counted loads what `fresh` has taken away
    return [_line("first load", size, first, ""), _line("nothing changed", size, again, "≥ 10")]


def _run(command: Sequence[str | Path], folder: Path) -> None:
    done = subprocess.run(command, check=False, cwd=folder, env={**os.environ, "HOME": str(folder)},
                          capture_output=True, text=True)
    if done.returncode or "✗" in done.stdout:
        raise RuntimeError(f"{command[-1]} failed: {done.stdout}{done.stderr}")


def _install(folder: Path) -> Path | None:
    """The command of drt-core; None when it cannot be had."""
    venv.create(folder, with_pip=True)
    done = subprocess.run([folder / "bin" / "pip", "install", "--quiet", PEER], check=False, capture_output=True)
    return folder / "bin" / "drt" if done.returncode == 0 else None


def _line(what: str, size: int, found: Mapping[str, Sample], target: str) -> Line:
    ours, theirs = found["ours"], found.get("theirs")
    mine = f"{ours.wall:.2f} s wall, {ours.cpu:.2f} s CPU"
    if theirs is None:
        return Line(f"{what}, {size:,} rows into files", ours.wall, "s", "", f"{PEER} cannot be installed here; {mine}")
    return Line(f"{what}, {size:,} rows into files", theirs.wall / ours.wall, "× drt-core", target,
                f"{mine}; drt-core {theirs.wall:.2f} and {theirs.cpu:.2f}")
