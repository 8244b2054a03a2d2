"""A copy of the shop's dbt project and seeds, and the oracle that says who stands where."""

import contextlib
import csv
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt_project"
SEEDS = ROOT / "seeds"
DAY_ZERO = "2026-10-21T06:00:00Z"


@dataclass(frozen=True)
class Shop:
    """A copy of the project and its seeds."""

    folder: Path

    def dbt(self, *arguments: str, manifest: Any = None) -> Any:
        """Run one dbt command as a user would, from the project's folder."""
        from dbt.cli.main import dbtRunner  # 4 seconds of import that other tests need not wait for

        with contextlib.chdir(self.folder):
            return dbtRunner(manifest=manifest).invoke([*arguments, "--quiet", "--no-version-check"])

    @cached_property
    def manifest(self) -> Any:
        return self.dbt("parse").result

    def run(self, as_of: str) -> None:
        """Build every model as of then."""
        ran = self.dbt("run", "--vars", f"as_of: '{as_of}'", manifest=self.manifest)
        assert ran.success, [result.message for result in ran.result if result.status != "success"]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.folder / "tailrace.duckdb") as connection:
            return connection.execute(sql).fetchall()

    def column(self, sql: str) -> set[Any]:
        return {row[0] for row in self.query(sql)}


def copy_project(folder: Path) -> Shop:
    left_out = shutil.ignore_patterns("target", "logs", "*.duckdb*", ".user.yml")
    shutil.copytree(PROJECT, folder / "dbt_project", ignore=left_out)
    (folder / "seeds").mkdir()
    for table in SEEDS.glob("*.csv"):
        shutil.copy(table, folder / "seeds")
    return Shop(folder / "dbt_project")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row of expected_audiences.csv."""

    as_of: str
    audience: str
    person_id: str
    standing: str
    why: str


def read_oracle() -> list[Expectation]:
    with (SEEDS / "expected_audiences.csv").open(newline="", encoding="utf-8") as file:
        return [Expectation(**row) for row in csv.DictReader(file)]
