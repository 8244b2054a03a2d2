"""Run by a Python that has an engine's emulation: statements come in as JSON, the tables at the end go out."""

from __future__ import annotations

import json
import sys

SETTINGS = ("join_use_nulls=1", "prefer_column_name_to_alias=1", "mutations_sync=2", "lightweight_deletes_sync=2",
            "cast_keep_nullable=1", "data_type_default_nullable=1")
"""ClickHouse, as the engine needs it: nulls in joins, and changes that are there when the statement ends."""


def clickhouse(told: dict) -> dict:
    from chdb import session

    with session.Session() as engine:
        for statement in (*(f"set {setting}" for setting in SETTINGS), "create database main",
                          "create database activation_scratch", *told["statements"]):
            engine.query(statement)
        found = {}
        for table, names in told["columns"].items():
            listed = ", ".join(f"toString(`{name}`)" for name in names)
            lines = str(engine.query(f"select {listed} from activation.{table} format JSONCompactEachRow")).splitlines()
            found[table] = [json.loads(line) for line in lines if line]
        return found


def snowflake(told: dict) -> dict:
    import fakesnow
    import snowflake.connector

    with fakesnow.patch():
        cursor = snowflake.connector.connect(database="shop", schema="main").cursor()
        for statement in ("create schema if not exists main", "create schema activation_scratch", *told["statements"]):
            cursor.execute(statement).fetchall()
        return {table: [[None if cell is None else str(cell) for cell in row] for row in cursor.execute(
                    f"""select {', '.join('"LEFT"' if name == 'left' else name for name in names)}
                    from activation.{table}""").fetchall()] for table, names in told["columns"].items()}


if __name__ == "__main__":
    print("\n" + json.dumps({"clickhouse": clickhouse, "snowflake": snowflake}[sys.argv[1]](json.load(sys.stdin))))
