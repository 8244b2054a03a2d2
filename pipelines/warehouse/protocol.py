"""What the core asks of a warehouse: a few verbs, so that an engine is one short module.

SQL is written once, in the DuckDB dialect and as portable as it can be; a warehouse of another dialect renders it with
sqlglot. Where engines really differ (a row's fingerprint, a stable bucket) there is a verb that answers SQL text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa
from sqlglot import exp

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]
"""Values for `?` in order, or for `$name` by name."""


class Warehouse(Protocol):
    """One open connection. Nothing here is held while the network is talked to."""

    shared: bool
    """Whether others may write between two transactions of this connection."""

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Run a statement for its effect."""

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query, as tuples."""

    def arrow(self, sql: str, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        """Rows of a query as Arrow batches of at most 50,000 rows. Read them to the end before the next statement."""

    def insert(self, table: str, rows: Mapping[str, Sequence[Any]]) -> None:
        """Append rows to a table: column name → values, all of one length."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end, roll back on an exception."""

    def columns(self, relation: str) -> dict[str, str] | None:
        """Column name → type of a relation, in order; None when it does not exist."""

    def fingerprint(self, columns: Sequence[str]) -> str:
        """SQL of a BIGINT that changes when one of the columns does. Only ever compared on this engine and version:
        it finds rows worth rendering again; what was delivered is compared by a hash of our own."""

    def entries(self, query: str, column: str) -> str:
        """SQL of (name, value) for each entry of the JSON objects of texts in `column` of `query`."""

    def bucket(self, text: str) -> str:
        """SQL of an integer 0…9,999 from a text expression: the first 8 hex digits of its md5, modulo 10,000."""


class Opener(Protocol):
    """Opens the warehouse. Waits for another process to let go of it, within limits."""

    def __call__(self) -> AbstractContextManager[Warehouse]: ...


def quote(name: str) -> str:
    """A name as a quoted identifier."""
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def literal(value: str) -> str:
    """A text as an SQL literal."""
    return exp.Literal.string(value).sql("duckdb")
