"""A table in a second database, PostgreSQL or DuckDB, that holds who is in an audience now: one row a member.

Sources: PostgreSQL's pages on INSERT … ON CONFLICT, identifiers and error codes; DuckDB's on INSERT and ALTER TABLE.
The audience changes by difference, so rows are put in or changed, and deleted, by their key: each is the same when it
comes twice, and readers see every batch whole or not at all. A value that the table does not take refuses its batch,
which the driver halves.

A request carries SQL statements and their values, which the SQL carrier runs in one transaction; it answers with rows,
or 422 and an SQLSTATE (DuckDB's errors are given theirs). Values go as text, cast by the database to the types of
a table you made yourself; columns that a table lacks are added as text, double precision, boolean or json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from destinations.answers import code, unaccepted
from destinations.http import Json, Request, Response, basic_auth, send_json, walk
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
    every,
)

_ROWS = Limits(rows=500)
_PAGE = 10_000
_NO_TABLE, _NO_COLUMN, _NO_KEY, _NO_DATABASE = "42P01", "42703", "42P10", "3D000"
_KINDS = ("account", "email", "phone")
Statement = tuple[str, Sequence[Json]]


class TableSettings(Settings):
    """A database and the table in it."""

    base_url: str = Field(default="", pattern="^((postgresql|duckdb)://.+)?$", description="instead of database")
    database: str = Field(default="", pattern="^((postgresql|duckdb)://.+)?$",
                          description="postgresql://user@host:5432/database or duckdb:///path/of/a/file.duckdb")
    password: SecretStr | None = Field(default=None, description="password of the user in database")
    table: str = Field(default="", description="schema.table, which exists; unset: made, called as the audience")
    schema_name: str = Field(default="audiences", min_length=1, description="the schema that tables are made in")
    key_column: str = Field(default="person_id", min_length=1, description="the column of the warehouse's key")

    @field_validator("database", "base_url")
    @classmethod
    def _open(cls, url: str) -> str:
        if urlsplit(url).password is not None:
            raise ValueError("must not hold the password: give it as password")
        if url.startswith("duckdb://") and not url.startswith("duckdb:///"):
            raise ValueError("must be duckdb:/// and the whole path of a file")
        return url


class Table(Destination):
    """Keeps a table equal to an audience."""

    settings_type = TableSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _ROWS, Operation.UPDATE: _ROWS, Operation.REMOVE: _ROWS},
        identifiers=("person", "account", "email", "phone"),
        needs_target=True,
        readback=True,
        target="table",
    )

    def deliver(self, batch: Batch) -> Exchange:
        if not batch.target:
            return every(batch, Verdict.REJECTED, "no table to write to")
        if batch.operation is Operation.REMOVE:
            marks = ", ".join([self._mark] * len(batch.members))
            sql = f"delete from {self._table(batch.target)} where {self._name(self.settings.key_column)} in ({marks})"
            response = yield self._ask([(sql, [member.person for member in batch.members])])
            return self._read(batch, response)
        response = yield self._ask([self._upsert(batch)])
        if sqlstate(response) == _NO_COLUMN:
            response = yield self._ask([*self._columns(batch), self._upsert(batch)])
        return self._read(batch, response)

    def _upsert(self, batch: Batch) -> Statement:
        rows = rows_of(batch, self.settings.key_column)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        names = [self._name(name) for name in columns]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        row = f"({', '.join([self._mark] * len(columns))})"
        on_conflict = f"on conflict ({names[0]}) do {f'update set {changes}' if changes else 'nothing'}"
        sql = (f"insert into {self._table(str(batch.target))} ({', '.join(names)}) "
               f"values {', '.join([row] * len(rows))} {on_conflict}")
        return sql, [written(row.get(name)) for row in rows for name in columns]

    def _columns(self, batch: Batch) -> list[Statement]:
        """Add what the table lacks; a column of nulls only comes with the first value."""
        types = {name: type_of(value) for row in reversed(rows_of(batch, self.settings.key_column))
                 for name, value in row.items() if value is not None}
        nulls = {name: "text" for row in rows_of(batch, self.settings.key_column) for name in row if name not in types}
        table = self._table(str(batch.target))
        return [(f"alter table {table} add column if not exists {self._name(name)} {kind}", [])
                for name, kind in sorted({**types, **nulls}.items())]

    def _read(self, batch: Batch, response: Response) -> list[Outcome]:
        if response.status == 200 and isinstance(response.get("rows"), list):
            return every(batch, Verdict.ACCEPTED)
        self._blame(response, str(batch.target))
        return unaccepted(batch, response, sqlstate(response))

    def prepare(self, name: str) -> Preparation:
        target = f"{self.settings.schema_name}.{name}"
        key = f"{self._name(self.settings.key_column)} text primary key"
        response = yield self._ask([(f"create schema if not exists {self._name(self.settings.schema_name)}", []),
                                    (f"create table if not exists {self._table(target)} ({key})", [])])
        if response.status != 200 or not isinstance(response.get("rows"), list):
            self._blame(response, target)
            raise Refused(f"cannot make the table {target} (HTTP {response.status} {sqlstate(response)}): check the "
                          "rights of this user, or make the table and name it in table")
        return target

    def members(self, target: str) -> Reading:
        found, last, key = list[str](), "", self._name(self.settings.key_column)
        while True:
            sql = (f"select {key} from {self._table(target)} where {key} > {self._mark} order by {key} limit {_PAGE}")
            response = yield self._ask([(sql, [last])], reads=True)
            rows = response.get("rows")
            if response.status != 200 or not isinstance(rows, list):
                self._blame(response, target)
                raise Refused(f"cannot read the table {target} (HTTP {response.status} {sqlstate(response)})")
            keys = [str(walk(row, 0)) for row in rows]
            found += keys
            if len(keys) < _PAGE or keys[-1] <= last:
                return found
            last = keys[-1]

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask([("select 1", [])], reads=True)
        if response.status != 200 or not isinstance(response.get("rows"), list):
            self._blame(response, "of this connection")
            raise Refused(f"cannot use the database (HTTP {response.status} {sqlstate(response)})")

    def refused(self, response: Response) -> str | None:
        return "the database refused this user: check the user in database, and password" if response.status in (
            401, 403) else None

    def _blame(self, response: Response, target: str) -> None:
        """Raise Refused for what only the operator can put right."""
        why = {
            _NO_TABLE: f"there is no table {target}: make it, or leave table out to have one made under another name",
            _NO_KEY: f"the table {target} has no primary key or unique index on {self.settings.key_column}: add one",
            _NO_DATABASE: "there is no such database: make it, or correct database in connections.yml",
            "42501": f"this user may not write to the table {target}: grant insert, update, delete and select",
        }.get(sqlstate(response) if response.status == 422 else "")
        if why:
            raise Refused(why)

    def _ask(self, statements: Sequence[Statement], reads: bool = False) -> Request:
        url = self.settings.root(self.settings.database)
        password = self.settings.password.get_secret_value() if self.settings.password else ""
        login = basic_auth(urlsplit(url).username or "", password) if password else {}
        body: Json = {"statements": [{"sql": sql, "values": values} for sql, values in statements]}
        return send_json("SQL", url, body, login, reads=reads)

    @property
    def _mark(self) -> str:
        """What stands for a value, in the words of the database's driver."""
        return "?" if self._duckdb else "%s"

    @property
    def _duckdb(self) -> bool:
        return bool(self.settings.root(self.settings.database).startswith("duckdb://"))

    def _name(self, name: str) -> str:
        """A quoted identifier. Raises Refused for one that no database takes."""
        if not name or "\0" in name:
            raise Refused("the name of a table or column is empty or holds a zero byte")
        quoted = '"' + name.replace('"', '""') + '"'
        return quoted if self._duckdb else quoted.replace("%", "%%")

    def _table(self, target: str) -> str:
        return ".".join(self._name(part) for part in target.split(".", 1))


def rows_of(batch: Batch, key: str) -> list[dict[str, Json]]:
    """The key, then identifiers, then columns; a column that is called as one of the former is not sent twice."""
    kinds = [kind for kind in _KINDS if any(kind in member.identifiers for member in batch.members)]
    return [{key: member.person, **{kind: member.identifiers.get(kind) for kind in kinds},
             **{name: value for name, value in member.attributes.items() if name not in (key, *kinds)}}
            for member in batch.members]


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


def sqlstate(response: Response) -> str:
    """The SQLSTATE of a refusal."""
    found: Any = response.get("code")
    return found if isinstance(found, str) and re.fullmatch("[0-9A-Z]{5}", found) else code(found)
