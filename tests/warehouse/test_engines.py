"""Which engine a target means, and what is said of one that there is no module for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import WarehouseError
from pipelines.profiles import WarehouseTarget
from pipelines.warehouse.engines import opener_of


@pytest.mark.parametrize(("kind", "settings", "place"), [
    ("duckdb", {"path": "/srv/shop.duckdb"}, "DuckDBFile"),
    ("postgres", {"host": "db.example", "dbname": "shop"}, "PostgresServer"),
    ("spark", {"method": "session"}, "SparkSession")])
def test_a_target_opens_its_engine(kind: str, settings: dict[str, str], place: str, tmp_path: Path) -> None:
    assert type(opener_of(WarehouseTarget(kind, "prod", settings), tmp_path, {})).__name__ == place


@pytest.mark.parametrize(("kind", "settings", "said"), [
    ("snowflake", {}, "target prod is of type snowflake: its statements are rendered and tested as text, and nothing "
                      "here connects to it yet; the warehouse may be a file of DuckDB"),
    ("oracle", {}, "target prod is of type oracle: nothing here knows it; the warehouse may be"),
    ("duckdb", {"path": ":memory:"}, "target prod is of type duckdb: write a path: to a file; the warehouse"),
    ("spark", {"method": "thrift"}, "a spark target with method thrift: .* write method: session")])
def test_what_cannot_be_opened_says_which_engine_and_what_would_do(
    kind: str, settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WarehouseError, match=said):
        opener_of(WarehouseTarget(kind, "prod", settings), tmp_path, {})


def test_a_state_on_a_shared_folder_and_a_server_are_what_the_profile_says(tmp_path: Path) -> None:
    settings = {"method": "session", "server_side_parameters": {"spark.tailrace.state": "/shared/state"}}
    session = opener_of(WarehouseTarget("spark", "prod", settings), tmp_path, {"SPARK_REMOTE": "sc://spark:15002"})
    assert (str(session), session.folder) == ("sc://spark:15002", Path("/shared/state"))
