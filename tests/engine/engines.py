"""The engines that one suite runs on: the opener that production uses, and a way for a test to look on.

A test that an engine cannot pass says so with a mark: `notimpl` (could, has not been done), `notyet` (the engine lacks
something that it may get) or `never` (means nothing there).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from pipelines.warehouse.dialect import Translator
from pipelines.warehouse.dialects import render
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.postgres import PostgresServer
from pipelines.warehouse.protocol import Opener
from pipelines.warehouse.spark_session import SparkSession


class Engine(Protocol):
    """One empty database."""

    schema: str
    """Where the test's own tables are."""
    opener: Opener

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a statement in DuckDB's dialect, from outside."""


class DuckFile:
    """A file of DuckDB."""

    schema = "main"

    def __init__(self, path: Path) -> None:
        self.path, self.opener = path, DuckDBFile(path)

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(statement, list(values)).fetchall()


class PostgresDatabase:
    """A database of a PostgreSQL server."""

    schema = "public"
    _translate = Translator("postgres", "pg_temp")

    def __init__(self, conninfo: str) -> None:
        self.conninfo, self.opener = conninfo, PostgresServer(conninfo, "the tests' server")

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        import psycopg

        after = ""
        if statement.startswith("describe "):
            with self.opener() as warehouse:
                return list((warehouse.columns(statement.rsplit(maxsplit=1)[-1]) or {}).items())
        with psycopg.connect(self.conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            if statement.startswith("create or replace table"):
                name = statement.split()[4]
                statement = statement.replace("create or replace table", "create table").replace(name, f"{name}_new", 1)
                after = f"drop table if exists {name} cascade; alter table {name}_new rename to {name}"
            cursor = connection.execute(self._translate(statement, lambda _: None), list(values))
            rows = cursor.fetchall() if cursor.description else []
            if after:
                connection.execute(after)
            return rows


class SparkCatalog:
    """A session of Spark, with the state in a folder."""

    schema = "default"

    def __init__(self, opener: SparkSession) -> None:
        self.opener = opener

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        if statement.startswith("describe "):
            with self.opener() as warehouse:
                return list((warehouse.columns(statement.rsplit(maxsplit=1)[-1]) or {}).items())
        if "activation." in statement:
            with self.opener() as warehouse:
                return warehouse.query(statement, values)
        session = self.opener.session()
        if statement.startswith("create "):
            name = statement.partition("(")[0].split()[-1]
            session.sql(f"drop table if exists {name}")
            statement = statement.replace("create or replace", "create")
        written = render(statement, "spark", lambda _: None, {str(n): value for n, value in enumerate(values)})
        found = session.sql(f"{written} using parquet" if statement.startswith("create ") else written).toArrow()
        return [tuple(row.values()) for row in found.to_pylist()]
