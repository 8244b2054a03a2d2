"""Spark, the warehouse of those who have outgrown one machine: a session (JVM or Spark Connect) and tables of Parquet.

Plain Spark has neither transactions nor changes of rows, so the state's tables are folders of Parquet that never
change, and versions of them (`versions.py`): what is inserted is a folder more, what is updated or deleted is the
table written anew by Spark, and a commit is one file. Models are read from Spark's own catalog. README.md beside this
says what a catalog of Delta or Iceberg would add.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot
from pyarrow import parquet
from sqlglot import exp

from pipelines.errors import WarehouseError
from pipelines.warehouse.dialect import spell_stars
from pipelines.warehouse.dialects import write
from pipelines.warehouse.duckdb import DuckDB
from pipelines.warehouse.protocol import Parameters, Row
from pipelines.warehouse.rewriting import all_of, call, fails
from pipelines.warehouse.versions import Table, Version, Versions

STATE = "activation"
"""The schema whose tables are ours."""
FOLDERS = 24
"""A table of more folders is written anew as one."""
ARROW = {"string": pa.string(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(), "int": pa.int32(),
         "timestamp_ntz": pa.timestamp("us"), "timestamp": pa.timestamp("us", "UTC"), "date": pa.date32()}


class Spark:
    """An open session, looking at one version of the state."""

    shared = True
    fingerprint, entries, bucket = DuckDB.fingerprint, DuckDB.entries, DuckDB.bucket

    def __init__(self, session: Any, versions: Versions, scratch: Path) -> None:
        self._session, self._versions, self._scratch = session, versions, Versions(scratch)
        self._temporary: dict[str, Table] = {}
        self._made: set[str] = set()
        """Temporary relations that the session shows."""
        self._inside = False
        self._version = Version()
        self._show(versions.newest())

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        with self._alone():
            self._change(self._parsed(sql), _named(parameters))

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        found = self._select(self._parsed(sql), _named(parameters)).toArrow()
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True)) if found.num_columns else []

    def arrow(self, sql: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        yield from self._select(self._parsed(sql), _named(parameters)).toArrow().to_batches(50_000)

    def insert(self, table: str, rows: Mapping[str, Sequence[Any]]) -> None:
        if not any(map(len, rows.values())):
            return
        name, known = self._known(table)
        height = len(next(iter(rows.values())))
        columns = {column: pa.array(rows.get(column, [None] * height), ARROW[kind])
                   for column, kind in known.columns.items()}
        folder = self._store(name).folder(name)
        folder.mkdir(parents=True)
        parquet.write_table(pa.table(columns), folder / "part-0.parquet")
        with self._alone():
            self._keep(name, replace(known, folders=(*known.folders, str(folder))))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = self._versions.newest()
        self._show(before)
        self._inside = True
        try:
            yield
            if self._version != before:
                self._version = self._versions.commit(self._version)
        except BaseException:
            self._show(before)
            raise
        finally:
            self._inside = False

    def columns(self, relation: str) -> dict[str, str] | None:
        name = _viewed(relation)
        table = self._temporary.get(name) or self._version.tables.get(name)
        if table is not None:
            return dict(table.columns)
        if relation.startswith(f"{STATE}.") and name not in self._version.views:
            return None
        try:
            return _typed(self._session.sql(f"select * from {name} limit 0"))
        except Exception as error:
            if "NOT_FOUND" in str(error) or "not found" in str(error):
                return None
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A statement that is in no transaction is one."""
        if self._inside:
            yield
        else:
            with self.transaction():
                yield

    def _parsed(self, sql: str) -> exp.Expr:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        for place, mark in enumerate(tree.find_all(exp.Placeholder, bfs=False)):
            mark.set("this", mark.args.get("this") or str(place))  # its name, wherever it goes
        spell_stars(tree, "duckdb", lambda name: self.columns(name.replace('"', "")))
        if isinstance(tree, exp.Create) and tree.find(exp.TemporaryProperty):
            tree.find(exp.Table).set("db", exp.to_identifier("temp"))  # type: ignore[union-attr]
        for table in tree.find_all(exp.Table):
            if table.db in (STATE, "temp"):
                read = isinstance(table.parent, exp.From | exp.Join)
                known = exp.TableAlias(this=exp.to_identifier(table.name)) if read else None  # as others call it
                table.replace(exp.Table(this=exp.to_identifier(_viewed(f"{table.db}.{table.name}")),
                                        alias=table.args.get("alias") or known))
        return tree

    def _select(self, tree: exp.Expr, parameters: Mapping[str, Any]) -> Any:
        return self._session.sql(write(tree.copy(), "spark", parameters))

    def _change(self, tree: exp.Expr, parameters: Mapping[str, Any]) -> None:
        if isinstance(tree, exp.Drop):
            self._forget(tree.find(exp.Table).name)  # type: ignore[union-attr]
        elif isinstance(tree, exp.Create):
            self._create(tree, parameters)
        elif isinstance(tree, exp.Insert):
            self._append(tree, parameters)
        elif isinstance(tree, exp.Delete | exp.Update):
            self._rewrite(tree, parameters)
        else:
            self._select(tree, parameters).toArrow()

    def _create(self, tree: exp.Create, parameters: Mapping[str, Any]) -> None:
        if tree.kind == "SCHEMA":
            return
        name = tree.find(exp.Table).name  # type: ignore[union-attr]
        exists = name in self._temporary or name in self._version.tables or name in self._version.views
        if tree.args.get("exists") and exists:
            return
        if isinstance(tree.this, exp.Schema):
            self._keep(name, Table({
                column.name: column.args["kind"].sql("spark").lower() for column in tree.this.find_all(exp.ColumnDef)}))
        elif tree.kind == "TABLE":
            found = self._select(tree.expression, parameters)
            self._keep(name, Table(_typed(found), (self._written(name, found),)))
        elif name.startswith(f"{STATE}__"):
            text = write(tree.expression.copy(), "spark", parameters)
            self._version = replace(self._version, views={**self._version.views, name: text})
            self._session.sql(text).createOrReplaceTempView(name)
        else:
            self._select(tree.expression, parameters).createOrReplaceTempView(name)
            self._made.add(name)

    def _append(self, tree: exp.Insert, parameters: Mapping[str, Any]) -> None:
        target = tree.this
        name, known = self._known((target.this if isinstance(target, exp.Schema) else target).name)
        given = [each.name for each in target.expressions] if isinstance(target, exp.Schema) else list(known.columns)
        source = tree.expression
        if isinstance(source, exp.Values):
            rows = [[_value(cell, parameters) for cell in row.expressions] for row in source.expressions]
            self.insert(name, {column: [row[place] for row in rows] for place, column in enumerate(given)})
            return
        found = self._select(source, parameters).toDF(*given).createOrReplaceTempView
        found("_incoming")
        listed = ", ".join(f"cast({f'`{column}`' if column in given else 'null'} as {kind}) as `{column}`"
                           for column, kind in known.columns.items())
        folder = self._written(name, self._session.sql(f"select {listed} from _incoming"))
        self._keep(name, replace(known, folders=(*known.folders, folder)))

    def _rewrite(self, tree: exp.Delete | exp.Update, parameters: Mapping[str, Any]) -> None:
        """The table without the rows that are meant, and for an update those rows as they shall be."""
        name, known = self._known(tree.this.name)
        if not known.folders:
            return
        call(tree, name.rpartition("__")[2])
        where = tree.args.get("where")
        meant: list[exp.Expr] = []
        if where:
            meant = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        changed = {each.this.name: each.expression for each in tree.expressions} if isinstance(tree, exp.Update) else {}
        parts = [all_of(name, [*meant[:place], fails(each)], known.columns, {}) for place, each in enumerate(meant)]
        if isinstance(tree, exp.Update):
            parts.append(all_of(name, meant, known.columns, changed))
        if not parts:
            self._keep(name, replace(known, folders=()))
            return
        union: exp.Expr = parts[0]
        for part in parts[1:]:
            union = exp.union(union, part, distinct=False, copy=False)
        folder = self._written(name, self._select(union, parameters))
        self._keep(name, replace(known, folders=(folder,)))

    def _known(self, table: str) -> tuple[str, Table]:
        name = _viewed(table)
        found = self._temporary.get(name) or self._version.tables.get(name)
        if found is None:
            raise WarehouseError(f"{table}: no table of the state's; only models of dbt's are elsewhere, and those are "
                                 "read, not written")
        return name, found

    def _store(self, name: str) -> Versions:
        return self._versions if name.startswith(f"{STATE}__") else self._scratch

    def _written(self, name: str, rows: Any) -> str:
        folder = self._store(name).folder(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        rows.write.parquet(str(folder))
        return str(folder)

    def _keep(self, name: str, table: Table) -> None:
        if len(table.folders) > FOLDERS:
            self._view(name, table)
            table = replace(table, folders=(self._written(name, self._session.sql(f"select * from {name}")),))
        if name.startswith(f"{STATE}__"):
            self._version = replace(self._version, tables={**self._version.tables, name: table})
        else:
            self._temporary[name] = table
            self._made.add(name)
        self._view(name, table)

    def _view(self, name: str, table: Table) -> None:
        listed = ", ".join(f"cast(null as {kind}) as `{column}`" for column, kind in table.columns.items())
        ddl = ", ".join(f"`{column}` {kind}" for column, kind in table.columns.items())
        rows = (self._session.read.schema(ddl).parquet(*table.folders) if table.folders
                else self._session.sql(f"select {listed} where 1 = 0"))
        rows.createOrReplaceTempView(name)

    def _show(self, version: Version) -> None:
        """Let the session see this version."""
        for name, table in version.tables.items():
            if self._version.tables.get(name) != table:
                self._view(name, table)
        if version.views != self._version.views or version.tables != self._version.tables:
            for name, query in version.views.items():
                self._session.sql(query).createOrReplaceTempView(name)
        self._version = version

    def _forget(self, name: str) -> None:
        self._temporary.pop(name, None)
        if name in self._made:
            self._made.discard(name)
            self._session.catalog.dropTempView(name)

    def close(self) -> None:
        """Temporary relations end with the visit; the session goes on."""
        for name in list(self._made):
            self._forget(name)


def _viewed(relation: str) -> str:
    """`activation.op` as the session's view `activation__op`, `temp.kin` as `temp__kin`; others as they are."""
    schema, _, name = relation.rpartition(".")
    return f"{schema}__{name}" if schema in (STATE, "temp") else relation


def _typed(rows: Any) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in rows.schema.fields}


def _named(parameters: Parameters) -> dict[str, Any]:
    return dict(parameters) if isinstance(parameters, Mapping) else {str(n): each for n, each in enumerate(parameters)}


def _value(cell: exp.Expr, parameters: Mapping[str, Any]) -> Any:
    """A cell of `values (…)`: a parameter or a literal."""
    if isinstance(cell, exp.Placeholder):
        return parameters[str(cell.this)]
    return cell.to_py()
