"""Write the seeds ×N as Parquet, for the benchmarks: a table a file, in pieces, so that memory stays flat."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tables import COLUMNS, Row, as_text

PIECE = 50_000
"""Rows held in memory for each table"""


def write_parquet(rows: Iterable[Row], folder: Path) -> dict[str, int]:
    """Rows written by table. Columns are text, as the CSVs have them; empty is null."""
    import pyarrow as arrow  # only here: the generator itself needs the standard library alone
    import pyarrow.parquet as parquet

    folder.mkdir(parents=True, exist_ok=True)
    schemas = {
        table: arrow.schema([(column, arrow.string()) for column in columns]) for table, columns in COLUMNS.items()
    }
    writers = {table: parquet.ParquetWriter(folder / f"{table}.parquet", schema) for table, schema in schemas.items()}
    written: dict[str, int] = dict.fromkeys(COLUMNS, 0)
    waiting: dict[str, list[tuple[str, ...]]] = defaultdict(list)

    def flush(table: str) -> None:
        columns = [
            arrow.array([text or None for text in column], arrow.string())
            for column in zip(*waiting[table], strict=True)
        ]
        if columns:
            writers[table].write_table(arrow.Table.from_arrays(columns, schema=schemas[table]))
        written[table] += len(waiting.pop(table, ()))

    for table, values in rows:
        waiting[table].append(as_text(table, values))
        if len(waiting[table]) >= PIECE:
            flush(table)
    for table, writer in writers.items():
        flush(table)
        writer.close()
    return written
