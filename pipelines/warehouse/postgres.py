"""PostgreSQL, the warehouse of teams: one connection a visit, temporary tables of its own, values bound by the driver.

Many processes may have it open at once; the lease of a sync and its fence keep runs apart, not a lock of the server.
Tables are created one process at a time (an advisory lock of the transaction: PostgreSQL's own `if not exists` fails
when two create at the same instant), and only what is missing, so that a role needs to own nothing but its schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyarrow import csv

from pipelines.errors import LeaseHeld, WarehouseError
from pipelines.warehouse.dialect import Translator
from pipelines.warehouse.protocol import Parameters, Row, quote

ROWS_A_BATCH = 50_000
SETTINGS = {"TimeZone": "UTC", "DateStyle": "ISO", "work_mem": "256MB", "jit": "off", "client_min_messages": "warning"}
"""`work_mem`: an anti-join that does not fit is done again for each row. `jit` costs more than it saves here."""
_CREATES = re.compile(r"\s*create\s+(schema|table|view)\s+if\s+not\s+exists\s+([\w.\"]+)", re.IGNORECASE)
_TRANSLATE = Translator("postgres", "pg_temp")


class Postgres:
    """An open connection to a server."""

    shared = True

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        if found := _CREATES.match(sql):
            kind, name = found[1].lower(), found[2]
            if self._exists(kind, name):
                return
            self._connection.execute("select pg_advisory_xact_lock(hashtext('tailrace'))")
            if self._exists(kind, name):
                return
            if kind == "view":
                sql = sql.replace(found[0], f"create view {name}", 1)
        self._run(sql, parameters)

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        rows: list[Row] = self._run(sql, parameters).fetchall()
        return rows

    def arrow(self, sql: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        cursor = self._run(sql, parameters)
        names = [column.name for column in cursor.description]
        while rows := cursor.fetchmany(ROWS_A_BATCH):
            yield pa.RecordBatch.from_arrays(
                [pa.array(column) for column in zip(*rows, strict=True)], names=names)

    def insert(self, table: str, rows: Mapping[str, Sequence[Any]]) -> None:
        names = ", ".join(quote(name) for name in rows)
        if not any(map(len, rows.values())):
            return
        # Only NULL is left without quotes, so that an empty text stays one.
        options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
        with self._connection.cursor().copy(f"copy {_placed(table)} ({names}) from stdin (format csv)") as copy:
            for batch in pa.table(dict(rows)).to_batches(ROWS_A_BATCH):
                text = pa.BufferOutputStream()
                csv.write_csv(pa.Table.from_batches([batch]), text, options)
                copy.write(text.getvalue().to_pybytes())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._connection.transaction():
            yield

    def columns(self, relation: str) -> dict[str, str] | None:
        rows = self._connection.execute(
            """select attname, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum""",
            [_placed(relation)]).fetchall()
        return dict(rows) or None

    def fingerprint(self, columns: Sequence[str]) -> str:
        return f"hashtextextended(cast(row({', '.join(columns)}) as varchar), 0)"

    def entries(self, query: str, column: str) -> str:
        return (f"select e.key as name, e.value from ({query}) as q "
                f"cross join lateral json_each_text(cast(q.{column} as json)) as e")

    def bucket(self, text: str) -> str:
        return f"cast(cast('x' || substr(md5({text}), 1, 8) as bit(32)) as bigint) % 10000"

    def _exists(self, kind: str, name: str) -> bool:
        finder = "to_regnamespace" if kind == "schema" else "to_regclass"
        [found] = self._connection.execute(f"select {finder}(%s) is not null", [name]).fetchone()
        return bool(found)

    def _run(self, sql: str, parameters: Parameters) -> Any:
        text = _TRANSLATE(sql, self.columns)
        bound = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        return self._connection.execute(text, bound)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Opens a connection to one database of a server, as dbt's profile describes it."""

    conninfo: str = field(repr=False)
    """libpq's connection string; it may hold a password."""
    place: str
    """Server and database, for messages."""

    def __str__(self) -> str:
        return self.place

    @contextmanager
    def __call__(self) -> Iterator[Postgres]:
        import psycopg

        try:
            connection = psycopg.connect(self.conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor)
        except psycopg.OperationalError as error:
            raise WarehouseError(f"{self.place}: {_plain(error)}") from None
        try:
            for name, value in SETTINGS.items():
                connection.execute(f"set {name} = '{value}'")
            for name in ("json", "jsonb"):  # as the text that it is: what is inside has no one type in Arrow
                connection.adapters.register_loader(name, psycopg.types.string.TextLoader)
            yield Postgres(connection)
        except psycopg.errors.UniqueViolation:
            raise LeaseHeld("another run wrote the same row in the same instant; this one was undone and the next run "
                            "will look again") from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise WarehouseError(f"{self.place}: {_plain(error)}; grant this role usage and select on the schemas of "
                                 "the models, and let it own schema activation") from None
        except psycopg.OperationalError as error:
            raise WarehouseError(f"{self.place}: the connection was lost ({_plain(error)}); nothing is lost: the next "
                                 "run finds what was recorded and goes on") from None
        finally:
            connection.close()


def server_of(settings: Mapping[str, Any]) -> PostgresServer:
    """The server of a dbt-postgres profile. Raises WarehouseError when psycopg, an extra, is missing."""
    try:
        from psycopg.conninfo import make_conninfo
    except ImportError:
        raise WarehouseError("PostgreSQL needs an extra: pip install 'tailrace[postgres]'") from None
    known = {"host": "host", "port": "port", "user": "user", "password": "password", "pass": "password",
             "dbname": "dbname", "database": "dbname", "sslmode": "sslmode", "sslcert": "sslcert", "sslkey": "sslkey",
             "sslrootcert": "sslrootcert", "connect_timeout": "connect_timeout"}
    words = {known[name]: value for name, value in settings.items() if name in known and value not in (None, "")}
    words = {"connect_timeout": 10, "application_name": "tailrace", **words}
    if role := settings.get("role"):
        words["options"] = f"-c role={role}"
    return PostgresServer(make_conninfo(**words), f"{words.get('host', 'localhost')}/{words.get('dbname', '')}")


def _placed(relation: str) -> str:
    """A relation's text with PostgreSQL's schema of temporary relations."""
    return f"pg_temp.{relation.removeprefix('temp.')}" if relation.startswith("temp.") else relation


def _plain(error: Exception) -> str:
    """The first line of what the server said; the rest may quote a row."""
    return (str(error).strip().splitlines() or ["no answer"])[0]
