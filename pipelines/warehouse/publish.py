"""A copy for those who only read: BI opens it at any time, whatever the pipeline is doing to the warehouse's file.

DuckDB lets one process at a time write a file and nobody read meanwhile. So what BI may rely on is copied, in one
transaction, into a file of its own and into Parquet, and each takes its place by one rename: a reader sees the old
state or the new one, never a lock and never half of it. The file is written in a format that DuckDB 1.2 and later can
read, since BI tools embed older versions than ours.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import WarehouseError
from pipelines.warehouse.duckdb import DuckDB, DuckDBFile
from pipelines.warehouse.protocol import literal, quote

READABLE_SINCE = "v1.2.0"
"""The oldest DuckDB that can read the copy."""
FILE, PARQUET = "bi.duckdb", "parquet"
KEPT = 2
"""Versions of the Parquet folder that stay: the newest, and the one that a reader may be in the middle of."""


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A table or view that is copied, by schema and name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"


@dataclass(frozen=True, slots=True)
class Published:
    """What was copied."""

    file: Path
    parquet: Path
    """A link to the folder of the newest version: `<schema>/<name>.parquet`."""
    relations: int
    rows: int
    seconds: float


def publish(file: DuckDBFile, relations: Sequence[Relation], folder: Path, *, kept: int = KEPT) -> Published:
    """Copy these relations into `folder`. Raises WarehouseError, and leaves the last copy, when one is not there.

    `kept`: versions of the Parquet that stay, this one counted.
    """
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    fresh, version = folder / f".{FILE}.fresh", folder / f".{PARQUET}-{time.time_ns()}"
    for leftover in folder.glob(f".{FILE}.fresh*"):
        leftover.unlink()
    try:
        with file() as warehouse:
            mode = file.path.stat().st_mode & 0o777
            rows = _copy(warehouse, relations, fresh, version)
        fresh.chmod(mode)
        fresh.replace(folder / FILE)
        _switch(folder, version, kept)
    except BaseException:
        fresh.unlink(missing_ok=True)
        shutil.rmtree(version, ignore_errors=True)
        raise
    return Published(folder / FILE, folder / PARQUET, len(relations), rows, round(time.monotonic() - begun, 3))


def _copy(warehouse: DuckDB, relations: Sequence[Relation], fresh: Path, version: Path) -> int:
    missing = [str(relation) for relation in relations if warehouse.columns(str(relation)) is None]
    if missing:
        raise WarehouseError(f"{', '.join(missing)}: not in the warehouse; build the models first (tailrace build)")
    rows = 0
    warehouse.execute(f"attach {literal(str(fresh))} as _bi (storage_version {literal(READABLE_SINCE)})")
    with warehouse.transaction():
        for relation in relations:
            part = version / relation.schema
            part.mkdir(parents=True, exist_ok=True)
            warehouse.execute(f"create schema if not exists _bi.{quote(relation.schema)}")
            warehouse.execute(f"create table _bi.{relation} as select * from {relation}")
            warehouse.execute(f"copy (select * from {relation}) to {literal(str(part / f'{relation.name}.parquet'))}"
                              " (format parquet, compression zstd)")
            [(count,)] = warehouse.query(f"select count(*) from _bi.{relation}")
            rows += count
    warehouse.execute("detach _bi")
    return rows


def _switch(folder: Path, version: Path, kept: int) -> None:
    """Let `parquet` point at the new version, in one rename."""
    link = folder / f".{PARQUET}.link"
    link.unlink(missing_ok=True)
    link.symlink_to(version.name, target_is_directory=True)
    link.replace(folder / PARQUET)
    for old in sorted(folder.glob(f".{PARQUET}-*"))[:-kept]:
        shutil.rmtree(old, ignore_errors=True)
