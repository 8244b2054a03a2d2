"""Write a DuckDB file anew: what was deleted can remain as bytes in free pages, and only a fresh copy has none.

The copy is compared table by table, then takes the file's place while the old one is still locked, so that no other
process writes in between. It takes as much room again as the file and the time to copy it.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import WarehouseError
from pipelines.warehouse.duckdb import DuckDB, DuckDBFile
from pipelines.warehouse.protocol import Opener, literal, quote

RELATIONS = """
    select schema_name, table_name from duckdb_tables() where database_name = ? and not temporary
    union all
    select schema_name, view_name from duckdb_views() where database_name = ? and not internal order by 1, 2"""


def rewrite(file: Opener) -> None:
    """Replace the file by a copy that holds the same and nothing else; what is no file is left alone. Raises
    WarehouseError and changes nothing when the copy differs."""
    if not isinstance(file, DuckDBFile):
        return
    fresh = file.path.with_name(f"{file.path.name}.fresh")
    fresh.unlink(missing_ok=True)
    try:
        with file() as warehouse:
            warehouse.execute("checkpoint")
            [(name,)] = warehouse.query("select current_database()")
            warehouse.execute(f"attach {literal(str(fresh))} as _fresh")
            warehouse.execute(f"copy from database {quote(name)} to _fresh")
            _compare(warehouse, file.path, name)
            warehouse.execute("detach _fresh")
            fresh.chmod(file.path.stat().st_mode & 0o777)
            fresh.replace(file.path)
    finally:
        fresh.unlink(missing_ok=True)


def _compare(warehouse: DuckDB, path: Path, name: str) -> None:
    old, new = (warehouse.query(RELATIONS, [database, database]) for database in (name, "_fresh"))
    tables = warehouse.query("select schema_name, table_name from duckdb_tables() where database_name = ?"
                             " and not temporary", [name])
    differing = sorted({*old} ^ {*new}) + [
        (schema, table) for schema, table in tables if len({
            warehouse.query(f"select count(*) from {quote(database)}.{quote(schema)}.{quote(table)}")[0]
            for database in (name, "_fresh")}) > 1]
    if differing:
        raise WarehouseError(f"{path}: a fresh copy differs in {', '.join('.'.join(each) for each in differing)}; the "
                             "file was left as it is. Export it and import it into a new one instead")
