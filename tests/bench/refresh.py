"""An hourly refresh of the shop's warehouse: what is upstream of the audiences that are due, beside all of it.

The seeds are made ×`size` // 1,200 (so 120,000 is the generator's --scale 100) and land as Parquet. What is due each
hour or oftener is read from the declarations.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.bench.measure import Line, in_turn

ROOT = Path(__file__).parents[2]
PEOPLE = 1_200
AS_OF = "as_of: '2026-10-28T06:00:00Z'"
HOURLY = {"15m", "30m", "1h"}


def refresh(folder: Path, size: int, rounds: int) -> list[Line]:
    """Two lines: the whole project, and only what is due, which reads no event that it has read before."""
    project = _landed(folder, max(1, size // PEOPLE))
    due = _due(project)
    manifest = _dbt(project, "parse").result
    whole = ["run", "--vars", AS_OF]
    hourly = ["run", "--select", *(f"+{name}" for name in due), "--vars", AS_OF]
    took = in_turn(rounds, whole=lambda: _dbt(project, *whole, manifest=manifest),
                   hourly=lambda: _dbt(project, *hourly, manifest=manifest))
    with duckdb.connect(project / "tailrace.duckdb") as warehouse:
        events, people = warehouse.execute(
            "select (select count(*) from staging.landed_events), (select count(*) from identity.person_refs)"
        ).fetchall()[0]
    detail = f"{people:,} accounts, {events:,} events"
    return [
        Line(f"whole project at {size:,}", took["whole"].wall, "s", "", detail),
        Line(f"hourly refresh at {size:,}", took["hourly"].wall, "s", "", f"{len(due)} audiences due; {detail}"),
        Line("hourly refresh beside the whole", took["hourly"].wall / took["whole"].wall, "× whole", "≤ 1"),
    ]


def _landed(folder: Path, scale: int) -> Path:
    """A copy of the project whose raw tables hold the seeds ×scale, typed as the seeds are."""
    project = folder / "dbt_project"
    left_out = shutil.ignore_patterns("target", "logs", "*.duckdb*", ".tailrace")
    shutil.copytree(ROOT / "dbt_project", project, ignore=left_out)
    made = [sys.executable, ROOT / "seeds" / "generate.py", "--scale", str(scale), "--out", folder / "parquet"]
    subprocess.run(list(map(str, made)), check=True, stdout=subprocess.DEVNULL)
    (folder / "seeds").mkdir()
    for table in (ROOT / "seeds").glob("raw_*.csv"):
        shutil.copy(table, folder / "seeds")
    seeds = yaml.safe_load((project / "dbt_project.yml").read_text())["seeds"]["tailrace_shop"]
    with duckdb.connect(project / "tailrace.duckdb") as warehouse:
        warehouse.execute("create schema raw")
        for file in sorted((folder / "parquet").glob("*.parquet")):
            types = seeds[file.stem]["+column_types"]
            columns = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
            warehouse.execute(f"create table raw.{file.stem} as select {columns} from '{file}'")
    return project


def _due(project: Path) -> list[str]:
    """Audiences with a sync that is due each hour or oftener."""
    found = [model for file in (project / "models" / "audiences").rglob("*.yml")
             for model in yaml.safe_load(file.read_text()).get("models", ())]
    return sorted(model["name"] for model in found if any(sync.get("every") in HOURLY for sync in _syncs(model)))


def _syncs(model: dict[str, Any]) -> list[dict[str, Any]]:
    return model.get("config", {}).get("meta", {}).get("audience", {}).get("syncs", [])


def _dbt(project: Path, *arguments: str, manifest: Any = None) -> Any:
    from dbt.cli.main import dbtRunner

    with contextlib.chdir(project):
        ran = dbtRunner(manifest=manifest).invoke([*arguments, "--quiet", "--no-version-check"])
    if not ran.success:
        failed = [f"{result.node.name}: {result.message}" for result in ran.result or [] if result.status != "success"]
        raise RuntimeError("; ".join(failed) or str(ran.exception))
    return ran
