"""The same schedules on a real PostgreSQL server, which now and then ends a connection by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pipelines.warehouse.postgres import Postgres, PostgresServer
from pipelines.warehouse.protocol import Warehouse
from tests.postgres import Server, running
from tests.sim.levels import play
from tests.sim.scenario import scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class PostgresMemory:
    """One database of the server; each opening is a connection of its own."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._keeper = PostgresServer(conninfo, "the tests' server")()
        self.kept = self._keeper.__enter__()
        self.kept.execute("create schema main")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("alter database " + connection.info.dbname + " set search_path = main, public")
        self.kept.execute("set search_path = main, public")

    @contextmanager
    def open(self, rewrite: Callable[[str], str] = str) -> Iterator[Warehouse]:
        with PostgresServer(self.conninfo, "the tests' server")() as warehouse:
            yield Rewriting(warehouse._connection, rewrite)

    def close(self) -> None:
        self._keeper.__exit__(None, None, None)


class Rewriting(Postgres):
    """A connection through which statements may be changed on their way."""

    def __init__(self, connection: psycopg.Connection, rewrite: Callable[[str], str]) -> None:
        super().__init__(connection)
        self._rewrite = rewrite

    def _run(self, sql: str, parameters: object) -> object:
        return super()._run(self._rewrite(sql), parameters)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


def test_twenty_schedules_hold_on_a_server(server: Server) -> None:
    figures = play("postgres", (scenario(seed) for seed in range(20)), lambda: PostgresMemory(server.database()))
    assert (figures.schedules, figures.violations) == (20, 0)
