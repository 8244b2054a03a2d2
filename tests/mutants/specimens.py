"""dbt's unit tests as they were compiled, run straight in DuckDB: fixtures are tables, a query runs many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from tests.mutants.changes import FIXTURE

Rows = Counter[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One unit test of one model."""

    name: str
    schema: str
    """Where its fixtures stand."""
    query: exp.Expression
    """The model's query over the fixtures."""
    columns: tuple[str, ...]
    """Those that the test speaks of."""
    expected: Rows

    def notices(self, query: exp.Expression, database: duckdb.DuckDBPyConnection) -> bool:
        """Whether the test fails for that query."""
        database.execute(f"set schema = '{self.schema}'")
        try:
            return run(database, query, self.columns) != self.expected
        except duckdb.Error:
            return True


def specimens(
    manifest: Any, target: Path, database: duckdb.DuckDBPyConnection, wanted: set[str]
) -> Iterator[tuple[str, Specimen]]:
    """Model → each of its unit tests, for models of those names or tags; dbt must have run the tests into `target`."""
    models = {node.name for node in manifest.nodes.values()
              if node.resource_type == "model" and wanted & {node.name, *node.tags}}
    for number, test in enumerate(sorted(manifest.unit_tests.values(), key=lambda test: test.unique_id)):
        if test.model in models:
            file = Path(test.original_file_path)
            compiled = target / "run" / test.package_name / file / file.parent / f"{test.name}.sql"
            yield test.model, _prepare(test.name, f"specimen_{number}", compiled.read_text("utf-8"), database)


def run(database: duckdb.DuckDBPyConnection, query: exp.Expression, columns: tuple[str, ...]) -> Rows:
    """What the query says of those columns, in no order."""
    chosen = ", ".join(f'"{column}"' for column in columns)
    return Counter(database.execute(f"select {chosen} from ({query.sql(dialect='duckdb')}) as answer").fetchall())


def _prepare(name: str, schema: str, text: str, database: duckdb.DuckDBPyConnection) -> Specimen:
    whole = sqlglot.parse_one(text, dialect="duckdb")
    parts = {cte.alias: cte.this for cte in whole.ctes}
    actual = parts["dbt_internal_unit_test_actual"]
    expected = parts["dbt_internal_unit_test_expected"]
    query = actual.args["from_"].this.this
    columns = tuple(column.name for column in actual.expressions if isinstance(column, exp.Column))
    database.execute(f"create schema {schema}")
    for cte in list(query.ctes):
        if cte.alias.startswith(FIXTURE):
            database.execute(f'create table {schema}."{cte.alias}" as {cte.this.sql(dialect="duckdb")}')
            cte.pop()
    if not query.ctes:
        query.set("with_", None)
    database.execute(f"set schema = '{schema}'")
    return Specimen(name, schema, query, columns, run(database, expected.args["from_"].this.this, columns))
