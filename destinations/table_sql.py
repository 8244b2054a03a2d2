"""SQL as PostgreSQL and DuckDB both speak it: rows put in or changed, deleted and read by their key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from destinations.http import Json
from destinations.protocol import Batch, Refused
from destinations.tables import rows_of

Statement = tuple[str, Sequence[Json]]
PAGE = 10_000
"""Keys read at once."""


@dataclass(frozen=True, slots=True)
class Sql:
    """The statements of one connection."""

    duckdb: bool
    key: str
    """The column of the warehouse's key."""

    def upsert(self, batch: Batch) -> Statement:
        """Put rows in, or change those that are there."""
        rows = rows_of(batch, self.key)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        names = [self._name(name) for name in columns]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        row = f"({', '.join([self._mark] * len(columns))})"
        on_conflict = f"on conflict ({names[0]}) do {f'update set {changes}' if changes else 'nothing'}"
        sql = (f"insert into {self._table(str(batch.target))} ({', '.join(names)}) "
               f"values {', '.join([row] * len(rows))} {on_conflict}")
        return sql, [written(row.get(name)) for row in rows for name in columns]

    def delete(self, batch: Batch) -> Statement:
        """Delete rows by their key."""
        marks = ", ".join([self._mark] * len(batch.members))
        sql = f"delete from {self._table(str(batch.target))} where {self._name(self.key)} in ({marks})"
        return sql, [member.person for member in batch.members]

    def new_columns(self, batch: Batch) -> list[Statement]:
        """Add what the table lacks; a column of nulls only comes with the first value."""
        rows = rows_of(batch, self.key)
        types = {name: type_of(value) for row in reversed(rows) for name, value in row.items() if value is not None}
        nulls = {name: "text" for row in rows for name in row if name not in types}
        table = self._table(str(batch.target))
        return [(f"alter table {table} add column if not exists {self._name(name)} {kind}", [])
                for name, kind in sorted({**types, **nulls}.items())]

    def new_table(self, schema: str, target: str) -> list[Statement]:
        """Make a table that holds the key, and its schema, where there is none."""
        return [(f"create schema if not exists {self._name(schema)}", []),
                (f"create table if not exists {self._table(target)} ({self._name(self.key)} text primary key)", [])]

    def page(self, target: str, last: str) -> Statement:
        """The keys after `last`."""
        key = self._name(self.key)
        return f"select {key} from {self._table(target)} where {key} > {self._mark} order by {key} limit {PAGE}", [last]

    @property
    def _mark(self) -> str:
        """What stands for a value, in the words of the database's driver."""
        return "?" if self.duckdb else "%s"

    def _name(self, name: str) -> str:
        """A quoted identifier. Raises Refused for one that no database takes."""
        if not name or "\0" in name:
            raise Refused("the name of a table or column is empty or holds a zero byte")
        quoted = '"' + name.replace('"', '""') + '"'
        return quoted if self.duckdb else quoted.replace("%", "%%")

    def _table(self, target: str) -> str:
        return ".".join(self._name(part) for part in target.split(".", 1))


def written(value: Json) -> str | None:
    """A value as text that a database casts to the type of its column."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def type_of(value: Json) -> str:
    """The type of a column that is added for this value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Mapping | list | tuple):
        return "json"
    return "double precision" if isinstance(value, int | float) else "text"
