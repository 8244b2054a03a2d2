"""Which engine a target of dbt's profile means. Each is imported when it is needed: none is needed by all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import WarehouseError
from pipelines.profiles import WarehouseTarget
from pipelines.warehouse.dialects import DIALECTS
from pipelines.warehouse.protocol import Opener


def opener_of(target: WarehouseTarget, folder: Path, environ: Mapping[str, str]) -> Opener:
    """Opens the warehouse of a target; `folder` is for the state of one that has no place of its own for it.

    Raises WarehouseError for an engine that there is no module for.
    """
    if target.type == "postgres":
        from pipelines.warehouse.postgres import server_of

        return server_of(target.settings)
    if target.type == "spark":
        from pipelines.warehouse.spark_session import session_of

        return session_of(target.settings, folder, environ)
    if target.path is not None:
        from pipelines.warehouse.duckdb import DuckDBFile

        return DuckDBFile(target.path)
    known = "nothing here knows it"
    if target.type == "duckdb":
        known = "write a path: to a file"
    elif target.type in DIALECTS:
        known = "its statements are rendered and tested as text, and nothing here connects to it yet"
    raise WarehouseError(f"target {target.name} is of type {target.type or 'nothing'}: {known}; the warehouse may be a "
                         "file of DuckDB (type: duckdb, path: …), PostgreSQL (type: postgres) or Spark (type: spark)")
