"""Table: one row for each who is in an audience now, in a second database, PostgreSQL or DuckDB.

Sources: PostgreSQL's pages on INSERT … ON CONFLICT, identifiers and error codes; DuckDB's on INSERT and ALTER TABLE.

The audience changes by difference, so rows are put in or changed, and deleted, by their key: each is the same when it
comes twice, and readers see every batch whole or not at all. A value that the table does not take refuses its batch,
which the driver halves.

A request carries SQL statements and their values, which the SQL carrier runs in one transaction; it answers with rows,
or 422 and an SQLSTATE (DuckDB's errors are given theirs). Values go as text, cast by the database to the types of
a table you made yourself; columns that a table lacks are added as text, double precision, boolean or json.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from destinations.answers import unaccepted
from destinations.api import revealed
from destinations.http import Json, Request, Response, basic_auth, send_json, walk
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Gone,
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
from destinations.table_answers import NO_COLUMN, is_gone, remedy, sqlstate
from destinations.table_sql import PAGE, Sql, Statement

_ROWS = Limits(rows=500)


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

    settings: TableSettings
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
            response = yield self._ask([self._sql.delete(batch)])
            return self._read(batch, response)
        response = yield self._ask([self._sql.upsert(batch)])
        if sqlstate(response) == NO_COLUMN:
            response = yield self._ask([*self._sql.new_columns(batch), self._sql.upsert(batch)])
        return self._read(batch, response)

    def _read(self, batch: Batch, response: Response) -> Sequence[Outcome]:
        if response.status == 200 and isinstance(response.get("rows"), list):
            return every(batch, Verdict.ACCEPTED)
        self._blame(response, str(batch.target))
        return unaccepted(batch, response, sqlstate(response))

    def prepare(self, name: str) -> Preparation:
        target = f"{self.settings.schema_name}.{name}"
        response = yield self._ask(self._sql.new_table(self.settings.schema_name, target))
        if response.status != 200 or not isinstance(response.get("rows"), list):
            self._blame(response, target)
            raise Refused(f"cannot make the table {target} (HTTP {response.status} {sqlstate(response)}): check the "
                          "rights of this user, or make the table and name it in table")
        return target

    def members(self, target: str) -> Reading:
        found, last = list[str](), ""
        while True:
            response = yield self._ask([self._sql.page(target, last)], reads=True)
            rows = response.get("rows")
            if response.status != 200 or not isinstance(rows, list):
                self._blame(response, target)
                raise Refused(f"cannot read the table {target} (HTTP {response.status} {sqlstate(response)})")
            keys = [str(walk(row, 0)) for row in rows]
            found += keys
            if len(keys) < PAGE or keys[-1] <= last:
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
        if why := remedy(response, target, self.settings.key_column):
            raise (Gone if is_gone(response) else Refused)(why)

    def _ask(self, statements: Sequence[Statement], reads: bool = False) -> Request:
        url = self.settings.root(self.settings.database)
        password = revealed(self.settings.password)
        login = basic_auth(urlsplit(url).username or "", password) if password else {}
        body: Json = {"statements": [{"sql": sql, "values": values} for sql, values in statements]}
        return send_json("SQL", url, body, login, reads=reads)

    @property
    def _sql(self) -> Sql:
        return Sql(self.settings.root(self.settings.database).startswith("duckdb://"), self.settings.key_column)
