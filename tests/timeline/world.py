"""The shop's models as dbt compiled them once, run in DuckDB on any day.

Every moment in compiled SQL is a literal that was worked out from `as_of`, so another day is the same text with each
literal moved by as many days. dbt is not asked again; a test compares both ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from graphlib import TopologicalSorter
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

MOMENT = re.compile(r"cast\('(\d{4}-\d{2}-\d{2})((?: \d{2}:\d{2}:\d{2}(?:\.\d+)?)?)' as (date|timestamp)\)", re.I)


@dataclass(frozen=True, slots=True)
class Model:
    """A model, as compiled for the first day."""

    name: str
    relation: str
    sql: str


@dataclass(frozen=True, slots=True)
class World:
    """Raw tables and the models over them."""

    raw: Mapping[str, tuple[str, Mapping[str, str]]]
    """Name → its relation and its columns with their types."""
    models: tuple[Model, ...]
    """In the order of building."""

    def fill(self, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> duckdb.DuckDBPyConnection:
        """A database in which the raw tables hold these rows."""
        database = duckdb.connect(config={"threads": 1})
        relations = [*(relation for relation, _ in self.raw.values()), *(model.relation for model in self.models)]
        for catalog, schema in sorted({tuple(relation.split(".")[:2]) for relation in relations}):
            database.execute(f"attach if not exists ':memory:' as {catalog}")
            database.execute(f"create schema {catalog}.{schema}")
        for name, (relation, columns) in self.raw.items():
            typed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            database.execute(f"create table {relation} ({typed})")
            written = list(rows.get(name, ()))
            if written:
                table = pa.table({column: [None if row.get(column) is None else str(row[column]) for row in written]
                                  for column in columns})
                cast = ", ".join(f'cast("{column}" as {kind})' for column, kind in columns.items())
                database.register("written", table)
                database.execute(f"insert into {relation} select {cast} from written")
        if unknown := set(rows) - set(self.raw):
            raise LookupError(f"there is no raw table {', '.join(sorted(unknown))}")
        return database

    def build(self, database: duckdb.DuckDBPyConnection, days: int) -> None:
        """Every model, as of so many days after the first."""
        for model in self.models:
            database.execute(f"create or replace table {model.relation} as {moved(model.sql, days)}")


def moved(sql: str, days: int) -> str:
    """Compiled SQL as it would be so many days later."""
    return MOMENT.sub(lambda found: f"cast('{date.fromisoformat(found[1]) + timedelta(days=days)}{found[2]}' "
                                    f"as {found[3]})", sql)


def read(manifest: Mapping[str, Any], wanted: Iterable[str]) -> World:
    """The wanted models of a compiled manifest, and all that they are built from."""
    nodes = {**manifest["nodes"], **manifest.get("sources", {})}
    by_name = {node["name"]: key for key, node in nodes.items() if node["resource_type"] == "model"}
    needed = _upstream({by_name[name] for name in wanted}, nodes)
    order = TopologicalSorter({key: nodes[key].get("depends_on", {}).get("nodes", ()) for key in sorted(needed)})
    seeds = {node["name"]: node for node in nodes.values() if node["resource_type"] == "seed"}
    raw, models = {}, []
    for node in (nodes[key] for key in order.static_order()):
        if node["resource_type"] == "model":
            models.append(Model(node["name"], node["relation_name"], node["compiled_code"]))
        else:  # a source says where a table is, and the seed that stands in for it says of which types
            seed = seeds[node.get("identifier") or node["name"]]
            raw[seed["name"]] = (seed["relation_name"], seed["config"]["column_types"])
    return World(raw, tuple(models))


def reasons(sql: str) -> str | None:
    """The query for who was considered and why not chosen, of an audience that has a CTE `judged`.

    Some judge accounts, and are answered by those.
    """
    query = sqlglot.parse_one(sql, dialect="duckdb")
    judged = next((cte.this for cte in query.ctes if cte.alias == "judged"), None)
    if judged is None:
        return None
    key = "account_id" if judged.expressions[0].output_name == "account_id" else "person_id"
    told = exp.select(key, "excluded").from_("judged").where("excluded is not null")
    told.set("with_", query.args["with_"])
    return told.sql(dialect="duckdb")


def _upstream(found: set[str], nodes: Mapping[str, Any]) -> set[str]:
    further = {above for key in found for above in nodes[key].get("depends_on", {}).get("nodes", ())}
    return found if further <= found else _upstream(found | further, nodes)

