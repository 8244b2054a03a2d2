"""What stands in the files: rows as CSV or Parquet and back, and the manifest beside them.

A text cell of a CSV that begins with = + - @, a tab or a carriage return gets ' before it, as spreadsheets would run
it; a plain signed number, such as a phone in E.164, is left as it is: it runs nothing, and readers need it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Operation
from destinations.tables import kinds_of, read_csv, rows_of, write_csv

KEY = "person_id"
_RUNS = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")
Row = dict[str, Any]


def rows_to_write(batch: Batch, form: str) -> list[Row]:
    """Key, identifiers and columns; of who leaves only the former."""
    rows = rows_of(batch, KEY)
    if batch.operation is Operation.REMOVE:
        kept = (KEY, *kinds_of(batch))
        rows = [{name: row[name] for name in kept} for row in rows]
    return [{name: cell(value, form) for name, value in row.items()} for row in rows]


def cell(value: Json, form: str) -> Any:
    """A value as it stands in the file."""
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    if form == "parquet":
        return value
    if isinstance(value, str):
        return harmless(value)
    return "" if value is None else str(value) if type(value) is int else json.dumps(value)


def harmless(text: str) -> str:
    """A text that no spreadsheet runs."""
    return f"'{text}" if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


def merge(batch: Batch, held: Sequence[Row], form: str) -> list[Row]:
    """What the file is to hold."""
    rows = {row[KEY]: row for row in held}
    for row in rows_to_write(batch, form):
        if batch.operation is Operation.REMOVE:
            rows.pop(row[KEY], None)
        else:
            rows[row[KEY]] = row
    return list(rows.values())


def manifest(batch: Batch, rows: Sequence[Row], mode: str, name: str, size: int, sha: str) -> bytes:
    """What a reader of the folder needs to know of a file."""
    columns: list[Json] = [*dict.fromkeys(chain.from_iterable(rows))]
    facts: Json = {"file": name, "rows": len(rows), "bytes": size, "sha256": sha, "columns": columns,
                   "audience": batch.audience, "mode": mode,
                   "written_at": batch.at.isoformat() if batch.at else None}
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()


def read_rows(body: bytes, form: str) -> Sequence[Row] | None:
    """The rows of a file that has our key; None when it is no such table."""
    if form == "parquet":
        return read_parquet(body)
    table = read_csv(body)
    return table[1] if table and KEY in table[0] else None


def write_rows(rows: Sequence[Row], form: str) -> bytes:
    """The file of these rows."""
    return write_parquet(rows) if form == "parquet" else write_csv(rows, () if rows else (KEY,))


def read_parquet(body: bytes) -> Sequence[Row] | None:
    """The rows of a Parquet file that has our key."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(body))
    except (pa.ArrowException, OSError, ValueError):
        return None
    rows: list[Row] = table.to_pylist() if KEY in table.column_names else []
    return rows if KEY in table.column_names else None


def write_parquet(rows: Sequence[Row]) -> bytes:
    """Rows as Parquet; a column whose values are of several types is text."""
    import pyarrow as pa
    from pyarrow import parquet

    def column(name: str) -> Any:
        values = [row.get(name) for row in rows]
        try:
            found = pa.array(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return pa.array([value if value is None else str(value) for value in values])
        return found.cast(pa.string()) if pa.types.is_null(found.type) else found

    names = list(dict.fromkeys(chain.from_iterable(rows))) or [KEY]
    text = io.BytesIO()
    parquet.write_table(pa.table({name: column(name) for name in names}), text)
    return text.getvalue()
