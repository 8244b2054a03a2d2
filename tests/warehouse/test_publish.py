"""The copy for BI: what is in it, that it is readable at any moment, and that a failure leaves the last one."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import WarehouseError
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.publish import Relation, publish

CART, BOTH = Relation("audiences", "cart"), Relation("activation", "both")
CYCLES = 20
READER = """
import sys, pathlib
{connect}
stop, torn, seen = pathlib.Path(sys.argv[2]), 0, set()
while not stop.exists():
    rows = query("select (select count(*) from audiences.cart), (select min(n) from audiences.cart), "
                 "(select max(n) from audiences.cart), (select n from activation.both)")
    count, least, most, both = rows[0]
    torn += not (count == 100 and least == most == both)
    seen.add(both)
print(len(seen) > 1, torn)
"""
DUCKDB = """
import duckdb
def query(sql):
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        return connection.execute(sql).fetchall()
"""
ALCHEMY = """
import warnings; warnings.simplefilter("ignore")
import sqlalchemy
def query(sql):
    engine = sqlalchemy.create_engine(f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True})
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(sql)).fetchall()
    engine.dispose()
    return rows
"""


@pytest.fixture
def file(tmp_path: Path) -> DuckDBFile:
    fill(tmp_path / "shop.duckdb", 0)
    return DuckDBFile(tmp_path / "shop.duckdb")


def fill(path: Path, n: int) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            create schema if not exists audiences; create schema if not exists activation;
            create or replace table audiences.cart as select {n} as n, range as person from range(100);
            create or replace view activation.both as select min(n) as n from audiences.cart""")


def test_tables_and_views_are_in_the_file_and_in_parquet(file: DuckDBFile, tmp_path: Path) -> None:
    done = publish(file, [CART, BOTH], tmp_path / "bi")
    with duckdb.connect(str(done.file), read_only=True) as connection:
        [copied] = connection.execute("select count(*), sum(person) from audiences.cart").fetchall()
        [viewed] = connection.execute("select n from activation.both").fetchall()
        parquet = connection.execute(f"select count(*) from '{done.parquet}/audiences/cart.parquet'").fetchall()
    assert (done.relations, done.rows, copied, viewed, parquet) == (2, 101, (100, 4950), (0,), [(100,)])


def test_a_copy_is_for_those_only_who_may_read_the_warehouse(file: DuckDBFile, tmp_path: Path) -> None:
    file.path.chmod(0o640)
    assert publish(file, [CART], tmp_path / "bi").file.stat().st_mode & 0o777 == 0o640


def test_what_is_not_there_leaves_the_last_copy(file: DuckDBFile, tmp_path: Path) -> None:
    before = publish(file, [CART], tmp_path / "bi")
    with pytest.raises(WarehouseError, match=r'"audiences"\."gone": not in the warehouse; build the models first'):
        publish(file, [CART, Relation("audiences", "gone")], tmp_path / "bi")
    assert sorted(path.name for path in (tmp_path / "bi").iterdir() if path.name.startswith(".bi")) == []
    with duckdb.connect(str(before.file), read_only=True) as connection:
        assert connection.execute("select count(*) from audiences.cart").fetchall() == [(100,)]


def test_one_older_version_of_the_parquet_stays_for_whoever_is_reading_it(file: DuckDBFile, tmp_path: Path) -> None:
    for n in range(4):
        fill(file.path, n)
        done = publish(file, [CART], tmp_path / "bi")
    versions = sorted(path for path in (tmp_path / "bi").iterdir() if path.name.startswith(".parquet-"))
    assert (len(versions), done.parquet.resolve()) == (2, versions[-1])


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Python of its own with the DuckDB that BI tools still embed. Skips where it cannot be installed."""
    folder = tmp_path_factory.mktemp("older")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "install", "-q", "duckdb==1.5.5", "duckdb-engine", "sqlalchemy<2.1"],
                          capture_output=True, check=False)
    if done.returncode:
        pytest.skip("an older DuckDB cannot be installed here")
    yield python


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_readers_in_a_loop_never_meet_a_lock_or_half_a_state(file: DuckDBFile, tmp_path: Path, older: Path) -> None:
    stop = tmp_path / "stop"
    copy = publish(file, [CART, BOTH], tmp_path / "bi").file
    readers = [subprocess.Popen([python, "-c", READER.format(connect=connect), str(copy), str(stop)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for python, connect in ((older, DUCKDB), (older, ALCHEMY), (Path(sys.executable), DUCKDB))]
    for n in range(1, CYCLES + 1):
        fill(file.path, n)
        publish(file, [CART, BOTH], tmp_path / "bi")
    stop.touch()
    assert [reader.communicate(timeout=120) for reader in readers] == [("True 0\n", "")] * 3
