"""A second engine behind the warehouse's verbs: SQLite in memory, twenty times quicker to open than DuckDB.

The production SQL stays as it is written, in the DuckDB dialect; each statement is translated once, by its text. What
SQLite lacks (md5, arg_max, seconds added to times) is registered as a function. Times are texts of one width, so that
they compare as they should, and come back as datetimes. Each opening is a connection of its own to memory that all of
them share: temporary tables end with it, as they do on a file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from pipelines.warehouse.protocol import Parameters, Row, quote

SECONDS = {"TO_SECONDS": 1, "TO_MINUTES": 60, "TO_HOURS": 3_600, "TO_DAYS": 86_400}
"""DuckDB's functions that make an interval."""
INDEXES = {name: f"create index if not exists activation.{name}_key on {name} (sync_id, epoch, op_id)"
           for name in ("op", "receipt")}
"""What an analytical engine does without."""
WIDTH = len("2026-01-01 00:00:00.000000")
_serials = count()
Columns = Callable[[str], Mapping[str, str] | None]
"""Finds the columns of a table."""
_translated: dict[str, tuple[str, ...]] = {}


class SQLite:
    """An open connection."""

    shared = True

    def __init__(self, connection: sqlite3.Connection, rewrite: Callable[[str], str] = str) -> None:
        self._connection = connection
        self._rewrite = rewrite

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        self._run(sql, parameters).fetchall()

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return [tuple(map(_read, row)) for row in self._run(sql, parameters)]

    def arrow(self, sql: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        cursor = self._run(sql, parameters)
        names = [column[0] for column in cursor.description]
        rows = [tuple(map(_read, row)) for row in cursor]
        if rows:
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], names=names)

    def insert(self, table: str, rows: Mapping[str, Sequence[Any]]) -> None:
        marks, columns = ", ".join("?" * len(rows)), ", ".join(map(quote, rows))
        values = zip(*([_write(value) for value in column] for column in rows.values()), strict=True)
        self._connection.executemany(f"insert into {table} ({columns}) values ({marks})", values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def columns(self, relation: str) -> dict[str, str] | None:
        try:
            found = self._connection.execute(f"select * from {relation} limit 0").description
        except sqlite3.OperationalError:
            return None
        return dict.fromkeys((column[0] for column in found), "any")

    def fingerprint(self, columns: Sequence[str]) -> str:
        return f"fingerprint({', '.join(columns)})"

    def entries(self, query: str, column: str) -> str:
        return f"select e.key as name, e.value from ({query}) as q, json_each(q.{column}) as e"

    def bucket(self, text: str) -> str:
        return f"bucket({text})"

    def _run(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        if isinstance(parameters, Mapping):
            bound: Any = {name: _write(value) for name, value in parameters.items()}
        else:
            bound = [_write(value) for value in parameters]
        cursor = self._connection.cursor()
        for statement in translate(self._rewrite(sql), self.columns):
            try:
                cursor = self._connection.execute(statement, bound)
            except sqlite3.Error as error:
                error.add_note(statement)
                raise
        return cursor


class SQLiteMemory:
    """A warehouse in shared memory; it lasts until it is closed."""

    def __init__(self) -> None:
        self._serial = next(_serials)
        self._keeper = self._connect()

    @contextmanager
    def open(self, rewrite: Callable[[str], str] = str) -> Iterator[SQLite]:
        connection = self._connect()
        try:
            yield SQLite(connection, rewrite)
        finally:
            connection.close()

    @property
    def kept(self) -> SQLite:
        """The connection of whoever looks on: the world and its checker."""
        return SQLite(self._keeper)

    def close(self) -> None:
        self._keeper.close()

    def _connect(self) -> sqlite3.Connection:
        where = f"file:{{}}{self._serial}?mode=memory&cache=shared"
        connection = sqlite3.connect(where.format("main"), uri=True, isolation_level=None)
        connection.execute(f"attach '{where.format('activation')}' as activation")
        for name, arguments, function in FUNCTIONS:
            connection.create_function(name, arguments, function, deterministic=True)
        connection.create_aggregate("arg_max", -1, ArgMax)  # type: ignore[arg-type]
        connection.create_aggregate("joined_in_order", 1, JoinedInOrder)  # type: ignore[arg-type]
        return connection


def translate(sql: str, columns_of: Columns) -> tuple[str, ...]:
    """Statements of SQLite for one of DuckDB. What depends on a table's columns is translated each time."""
    if (known := _translated.get(sql)) is not None:
        return known
    asked: list[str] = []
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for select in list(tree.find_all(exp.Select)):
        spelled = [item for old in select.expressions for item in _spelled(old, select, columns_of, asked)]
        select.set("expressions", spelled)
    statements = (tree.transform(_replace).sql("sqlite"),)
    if isinstance(tree, exp.Create) and tree.kind == "SCHEMA":
        statements = ()
    elif isinstance(tree, exp.Create) and (index := INDEXES.get(tree.find(exp.Table).name)):
        statements += (index,)
    if not asked:
        _translated[sql] = statements
    return statements


def _replace(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Anonymous):
        seconds = node.expression
        factor = SECONDS[seconds.name.upper()] * (1 if isinstance(node, exp.Add) else -1)
        return exp.Anonymous(this="later", expressions=[node.this, seconds.expressions[0], exp.Literal.number(factor)])
    if isinstance(node, exp.ArgMax) and isinstance(node.expression, exp.Tuple):
        return exp.Anonymous(this="arg_max", expressions=[node.this, *node.expression.expressions])
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        return exp.Anonymous(this="joined_in_order", expressions=[node.this.this])
    if isinstance(node, exp.Cast) and node.to.this in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ):
        return node.this
    return node


def _spelled(
    item: exp.Expression, select: exp.Select, columns_of: Columns, asked: list[str]
) -> list[exp.Expression]:
    """`* exclude (…)`, which SQLite lacks, as the columns that are left."""
    left_out = {column.name for column in item.args.get("except_") or ()} if isinstance(item, exp.Star) else set()
    if not left_out:
        return [item]
    names = _names(select.args["from_"].this, select, columns_of, asked)
    return [exp.column(name, quoted=True) for name in names if name not in left_out]


def _names(
    source: exp.Expression, scope: exp.Expression | None, columns_of: Columns, asked: list[str]
) -> list[str]:
    query = source.this if isinstance(source, exp.Subquery) else None
    while query is None and scope is not None:
        query = next((cte.this for cte in scope.find_all(exp.CTE) if cte.alias == source.name), None)
        scope = scope.parent
    if query is None:
        asked.append(source.sql("sqlite"))
        return list(columns_of(asked[-1]) or ())
    first, names = query.find(exp.Select), list[str]()
    for item in first.expressions:
        star = isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))
        names += _names(first.args["from_"].this, first, columns_of, asked) if star else [item.alias_or_name]
    return names


def _later(moment: str | None, amount: float | None, factor: float) -> str | None:
    if moment is None or amount is None:
        return None
    return _write(datetime.fromisoformat(moment) + timedelta(seconds=amount * factor))


def _md5(text: str | None) -> str | None:
    return None if text is None else hashlib.md5(text.encode()).hexdigest()


def _fingerprint(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


FUNCTIONS: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    ("md5", 1, _md5), ("later", 3, _later), ("fingerprint", -1, _fingerprint),
    ("concat_ws", -1, lambda separator, *parts: separator.join(str(part) for part in parts if part is not None)),
    ("bucket", 1, lambda text: int((_md5(text) or "")[:8], 16) % 10_000),
)


class ArgMax:
    """`arg_max(value, key, …)`: the value at the greatest key; rows without a value do not count."""

    def __init__(self) -> None:
        self._best: tuple[Any, ...] | None = None
        self._value: Any = None

    def step(self, value: Any, *key: Any) -> None:
        if value is not None and (self._best is None or key > self._best):
            self._best, self._value = key, value

    def finalize(self) -> Any:
        return self._value


class JoinedInOrder:
    """`string_agg(text, '' order by text)`."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def step(self, text: str) -> None:
        self._texts.append(text)

    def finalize(self) -> str | None:
        return "".join(sorted(self._texts)) or None


def _write(value: Any) -> Any:
    return value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    is_time = isinstance(value, str) and len(value) == WIDTH and value[4] == value[7] == "-" and value[10] == " "
    return datetime.fromisoformat(value) if is_time else value
