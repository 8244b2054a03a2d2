"""The diff on PostgreSQL: the same crowd and the same state as on DuckDB, against reading both sides once there.

Work is done by the server's processes, so what is compared is time on the wall: read ratios, not seconds.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb

from pipelines.planning.render import columns_of, mapping_of
from pipelines.state import schema
from pipelines.warehouse.postgres import Postgres, PostgresServer
from tests.bench.measure import Line, in_turn
from tests.bench.store import AUDIENCE, SYNC, Store, delivered, find_changes
from tests.postgres import running

CHANGED = 0.007
TABLES = ("sync_control", "snapshot", "membership", "desired", "ledger_base")


def postgres(folder: Path, size: int, rounds: int) -> list[Line]:
    """A little has changed."""
    store = delivered(folder / "store.duckdb", size, CHANGED)
    with running() as server:
        opener = PostgresServer(server.database(), "the bench's server")
        with opener() as warehouse:
            _fill(warehouse, store)
            found = in_turn(rounds, limit=partial(_scan, warehouse), diff=partial(find_changes, warehouse, store))
    limit, diff = found["limit"], found["diff"]
    return [Line(f"diff of {size:,} on PostgreSQL, {CHANGED:.1%} changed", diff.wall / limit.wall, "× limit (wall)", "",
                 f"{diff.wall:.2f} s wall; limit {limit.wall:.2f}")]


def _fill(warehouse: Postgres, store: Store) -> None:
    """The crowd and the state of the file, with the fingerprints of this engine."""
    with warehouse.transaction():
        schema.create(warehouse)
    warehouse.execute("create schema main")
    warehouse.execute("""create table main.crowd (person_id varchar, email varchar, first_name varchar, country varchar,
        lifecycle varchar, last_seen_at timestamp, ltv decimal(10, 2), orders_30d integer, score double)""")
    with duckdb.connect(str(store.path), read_only=True) as file:
        for name in ("main.crowd", *(f"{schema.SCHEMA}.{table}" for table in TABLES)):
            rows = file.sql(f"select * from {name}").to_arrow_table()
            warehouse.insert(name, dict(zip(rows.column_names, rows.columns, strict=True)))
    columns = ", ".join(f"c.{column}" for column in columns_of(AUDIENCE, SYNC, store.destination))
    mapping = mapping_of(AUDIENCE, SYNC, store.destination)
    printed = warehouse.fingerprint([f"'{mapping}'", *columns.split(", ")])
    changed = f"cast(abs(hashtext(c.person_id)) % 1000 < {CHANGED * 1000:g} as integer)"
    warehouse.execute(f"""update activation.desired set fingerprint = {printed} + {changed}
        from main.crowd as c where person_key = c.person_id""")
    for table in ("main.crowd", *(f"{schema.SCHEMA}.{table}" for table in TABLES)):
        warehouse._connection.execute(f"vacuum analyze {table}")


def _scan(warehouse: Postgres) -> None:
    """The limit: read every column of both sides once."""
    warehouse.query("select sum(hashtextextended(cast(c as varchar), 0)) from main.crowd as c")
    warehouse.query("select sum(hashtextextended(cast(l as varchar), 0)) from activation.ledger_base as l")
