"""People who miss an audience by a day or a cent: made-up rows, so this runs without the real data."""

from importlib import import_module
from pathlib import Path

import duckdb
import pytest
import yaml

from .projects import HERE, copy

EDGES = sorted((HERE / "edges").glob("*.yaml"))


@pytest.mark.parametrize("case", EDGES, ids=lambda path: path.stem)
def test_each_audience_stops_exactly_at_its_edges(case: Path, tmp_path: Path) -> None:
    declared = yaml.safe_load(case.read_text())
    parquet = write_parquet(case.with_suffix(".sql"), tmp_path / "parquet")
    project = copy(declared["project"], tmp_path, parquet)
    assert project.build(str(declared["as_of"])).complaints == ""
    assert project.members() == {name: sorted(people) for name, people in declared["members"].items()}


@pytest.mark.parametrize("case", EDGES, ids=lambda path: path.stem)
def test_the_second_computation_stops_at_the_same_edges(case: Path, tmp_path: Path) -> None:
    declared = yaml.safe_load(case.read_text())
    answers = import_module(f"{__package__}.answers.{declared['project']}")
    facts = answers.read(write_parquet(case.with_suffix(".sql"), tmp_path / "parquet"))
    assert {name: getattr(answers, name)(facts, declared["as_of"]) for name in declared["members"]} == {
        name: set(people) for name, people in declared["members"].items()
    }


def write_parquet(script: Path, folder: Path) -> Path:
    """Run the script and write each table that it leaves as a parquet file of the same name."""
    folder.mkdir()
    with duckdb.connect() as memory:
        memory.execute(script.read_text())
        for (table,) in memory.execute("select table_name from duckdb_tables()").fetchall():
            memory.execute(f"copy {table} to '{folder / table}.parquet' (format parquet)")
    return folder
