"""DuckDB, the default warehouse: one file, one process at a time.

Measured (DuckDB 2.0): a second process that opens the file gets `Could not set lock on file … (PID n)`. So it is opened
late, closed early, and opening is repeated with jitter until a deadline, after which the error names the holder.
"""

from __future__ import annotations

import random
import re
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from pipelines.errors import WarehouseError, WarehouseLocked, first_line
from pipelines.warehouse.protocol import Parameters, Row, quote

ROWS_A_BATCH = 50_000
FEW = 100
"""Up to so many rows are inserted as values."""


class DuckDB:
    """An open DuckDB file."""

    shared = False

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        self._connection.execute(sql, _bound(parameters)).fetchall()

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return self._connection.execute(sql, _bound(parameters)).fetchall()

    def arrow(self, sql: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        yield from self._connection.sql(sql, params=_bound(parameters)).to_arrow_reader(ROWS_A_BATCH)

    def insert(self, table: str, rows: Mapping[str, Sequence[Any]]) -> None:
        names = ", ".join(quote(name) for name in rows)
        if len(next(iter(rows.values()))) <= FEW:
            values = list(zip(*rows.values(), strict=True))
            marks = ", ".join(f"({', '.join('?' * len(rows))})" for _ in values)
            if values:
                self.execute(f"insert into {table} ({names}) values {marks}", [cell for row in values for cell in row])
            return
        self._connection.register("_arrow_rows", pa.Table.from_arrays(list(map(_column, rows.values())), list(rows)))
        try:
            self.execute(f"insert into {table} ({names}) select {names} from _arrow_rows")
        finally:
            self._connection.unregister("_arrow_rows")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("begin transaction")
        try:
            yield
        except BaseException:
            self.execute("rollback")
            raise
        self.execute("commit")

    def columns(self, relation: str) -> dict[str, str] | None:
        if not self._has(relation):  # asking for what is not there ends a transaction
            return None
        return {row[0]: row[1] for row in self.query(f"describe select * from {relation}")}

    def _has(self, relation: str) -> bool:
        parts = [part.name for part in exp.to_table(relation, dialect="duckdb").parts]
        *above, name = (part.lower() for part in parts)
        places = self.query("""select lower(table_catalog), lower(table_schema) from information_schema.tables
            where lower(table_name) = ?""", [name])
        return any(place[-len(above):] == tuple(above) or above == [place[0]] or not above for place in places)

    def fingerprint(self, columns: Sequence[str]) -> str:
        return f"cast(hash({', '.join(columns)}) >> 1 as bigint)"

    def entries(self, query: str, column: str) -> str:
        pairs = f"map_entries(cast(cast({column} as json) as map(varchar, varchar)))"
        return f"select entry.key as name, entry.value from (select unnest({pairs}) as entry from ({query}))"

    def bucket(self, text: str) -> str:
        return f"cast('0x' || substr(md5({text}), 1, 8) as bigint) % 10000"


class DuckDBFile:
    """Opens one DuckDB file, waiting up to `patience` seconds for another process to close it."""

    def __init__(self, path: Path, *, patience: float = 60, read_only: bool = False) -> None:
        self.path = path
        self._patience = patience
        self._read_only = read_only

    @contextmanager
    def __call__(self) -> Iterator[DuckDB]:
        connection = self._connect()
        try:
            yield DuckDB(connection)
        except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
            raise WarehouseError(f"{self.path}: {first_line(error)}; if its disk is full, make room and run this again:"
                                 " nothing is sent that was not written down first") from None
        finally:
            connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if not self.path.exists():
            raise WarehouseError(f"{self.path}: there is no warehouse file yet; build the models first "
                                 "(tailrace build)")
        deadline, pause = time.monotonic() + self._patience, 0.01
        while True:
            try:
                return self._open()
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise WarehouseError(f"{self.path}: {str(error).splitlines()[0]}") from None
                if time.monotonic() > deadline:
                    raise WarehouseLocked(f"{self.path}: {_holder(error)} still has it open after {self._patience:g} "
                                          "s; close that program or let it finish, then run this again") from None
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, 0.5)

    def _open(self) -> duckdb.DuckDBPyConnection:
        options = {"autoinstall_known_extensions": "false", "TimeZone": "UTC"}
        try:
            connection = duckdb.connect(str(self.path), read_only=self._read_only)
        except duckdb.ConnectionException as error:
            raise duckdb.IOException(f"lock: {error}") from None  # other options, in this process: wait too
        for name, value in options.items():
            connection.execute(f"set {name} = '{value}'")
        connection.execute("set enable_progress_bar = false")
        return connection


def _column(values: Sequence[Any]) -> pa.Array:
    """Values as Arrow has them. Texts and integers go another way than the rest, of which the first in a process
    imports pandas: a second's work."""
    types = set(map(type, values))
    if types <= {str, type(None)}:
        texts = pa.lib.StringBuilder()
        texts.append_values(values)
        return texts.finish()
    if types == {int} and min(values) >= -(2**63) and max(values) < 2**63:
        return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values))])
    return pa.array(values)


def _bound(parameters: Parameters) -> Any:
    return dict(parameters) if isinstance(parameters, Mapping) else list(parameters)


def _holder(error: Exception) -> str:
    found = re.search(r"PID (\d+)", str(error))
    return f"process {found.group(1)}" if found else "another connection"
