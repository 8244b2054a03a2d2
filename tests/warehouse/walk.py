"""The statements of three walks, as the engine says them: recorded on DuckDB, with their values and what came of them.

`python -m tests.warehouse.walk` writes them to `rendered/statements.sql` anew, and what each dialect makes of them to
the files beside it.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot

from pipelines.warehouse.dialect import spell_stars
from pipelines.warehouse.dialects import DIALECTS, render
from pipelines.warehouse.duckdb import DuckDB
from tests.engine.engines import DuckFile
from tests.engine.world import World

FOLDER = Path(__file__).parent / "rendered"
TABLES = ("op", "receipt", "membership", "ledger_base", "desired", "snapshot", "spared", "drawn", "run_log")
LEFT_OUT = ("fingerprint",)
"""Each engine's own."""


@dataclass
class Recorded:
    """What was said, in order, and the tables at the end."""

    said: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    @property
    def statements(self) -> list[str]:
        return list(dict.fromkeys(sql for sql, _ in self.said))


class Recording(DuckDB):
    """DuckDB that remembers what it is told."""

    def __init__(self, inner: DuckDB, recorded: Recorded) -> None:
        super().__init__(inner._connection)
        self._recorded = recorded

    def execute(self, sql: str, parameters: Any = ()) -> None:
        self._note(sql, parameters)
        super().execute(sql, parameters)

    def query(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        self._note(sql, parameters)
        return super().query(sql, parameters)

    def arrow(self, sql: str, parameters: Any = ()) -> Iterator[pa.RecordBatch]:
        self._note(sql, parameters)
        yield from super().arrow(sql, parameters)

    def _note(self, sql: str, parameters: Any) -> None:
        if sql.startswith(("describe", "begin", "commit", "rollback")):
            return
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        spell_stars(tree, "duckdb", super().columns)
        named = parameters if isinstance(parameters, Mapping) else {str(n): each for n, each in enumerate(parameters)}
        self._recorded.said.append((tree.sql("duckdb"), dict(named)))


class RecordedFile(DuckFile):
    """A file whose every statement is remembered."""

    def __init__(self, path: Path, recorded: Recorded) -> None:
        super().__init__(path)
        self._recorded, plain = recorded, self.opener

        @contextmanager
        def opener() -> Iterator[DuckDB]:
            with plain() as warehouse:
                yield Recording(warehouse, recorded)

        self.opener = opener

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        placed = re.sub(r"\b(table|exists|into) (cart|spared)", r"\1 main.\2", statement)
        self._recorded.said.append((placed, {str(place): value for place, value in enumerate(values)}))
        return super().sql(statement, values)


def record() -> Recorded:
    """Three walks: people enter, change, leave and are spared; an answer is lost; messages go out."""
    recorded = Recorded()
    with tempfile.TemporaryDirectory() as folder:
        engine = RecordedFile(Path(folder) / "shop.duckdb", recorded)
        world = World(Path(folder), engine=engine, send=["value"],
                      trigger={"when": "enters", "event": "welcome", "max_age": "48h"})
        world.holdout = 0.1
        people = ("ada", "ben", "cleo", "dan"), ("ada", "cleo", "dan", "fay"), ("ada", "cleo", "dan", "fay")
        for day, names in enumerate(people):
            # All values change each day: which rows are rendered again hangs on fingerprints, which are not recorded.
            world.people(*((name, f"{name}@x.io", day) for name in names))
            if day == 1:
                world.spare("dan")
                world.channel.faults = ["lost"]
            world.run(day)
        said = list(recorded.said)
        for table in TABLES:
            names = [str(name) for name, *_ in world.sql(f"describe select * from activation.{table}")
                     if name not in LEFT_OUT]
            listed = ", ".join(f'"{name}"' for name in names)
            recorded.columns[table] = names
            recorded.rows[table] = world.sql(f"select {listed} from activation.{table}")
        recorded.said = said
    return recorded


def rendered(name: str, statements: Sequence[str]) -> str:
    """A dialect's file: each statement, then a line."""
    return ";\n".join(render(sql, name, lambda _: None) for sql in statements) + ";\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    statements = [" ".join(sql.split()) for sql in record().statements]
    (FOLDER / "statements.sql").write_text(";\n".join(statements) + ";\n", encoding="utf-8")
    for name in DIALECTS:
        (FOLDER / f"{name}.sql").write_text(rendered(name, statements), encoding="utf-8")
    from tests.warehouse import test_macros, test_rendered

    for file, texts in (("words", test_rendered.words()),
                        ("macros", {adapter: test_macros.said(adapter) for adapter in test_macros.ADAPTERS})):
        (FOLDER / f"{file}.json").write_text(f"{json.dumps(texts, indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
