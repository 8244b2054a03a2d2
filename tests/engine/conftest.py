"""Worlds for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.desk import at_desk
from tests.engine.engines import DuckFile, Engine, PostgresDatabase
from tests.engine.world import World
from tests.postgres import Server, running

__all__ = ["at_desk"]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """The same suite on each engine; the slow level has them all."""
    skip_where_marked(request)
    return open_engine(request, tmp_path)


def skip_where_marked(request: pytest.FixtureRequest) -> None:
    """Skip what the engine cannot pass, with the reason."""
    for word in ("notimpl", "notyet", "never"):
        for mark in request.node.iter_markers(word):
            if request.param in mark.args:
                pytest.skip(f"{word} on {request.param}: {mark.kwargs['reason']}")


def open_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database of the engine that is asked for."""
    if request.param == "duckdb":
        return DuckFile(tmp_path / "shop.duckdb")
    return PostgresDatabase(request.getfixturevalue("server").database())


@pytest.fixture
def make_world(tmp_path: Path, engine: Engine) -> Callable[..., World]:
    return lambda *args, **sync: World(tmp_path, *args, engine=engine, **sync)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(send=["value"])
