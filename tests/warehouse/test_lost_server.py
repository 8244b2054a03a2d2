"""A connection that ends, or a backend that is killed, at any COMMIT of a run: nobody is lost and nobody told twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from pipelines.errors import TailraceError
from pipelines.warehouse.postgres import Postgres, PostgresServer
from tests.engine.engines import PostgresDatabase
from tests.engine.world import World
from tests.postgres import Server, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PEOPLE = [("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3), ("dan", "dan@x.io", 4)]
TRIGGER = {"when": "enters", "event": "welcome", "send": ["value"], "max_age": "9d"}


class Dying(Postgres):
    """A connection that is ended in front of a COMMIT."""

    def __init__(self, inner: Postgres, end: Callable[[int], None]) -> None:
        super().__init__(inner._connection)
        self._end = end

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self._end(self._connection.info.backend_pid)


class Deadly:
    """Opens the database; the n-th transaction of all is not committed. `n` = 0: none is ended."""

    def __init__(self, inner: PostgresServer, kill: Callable[[PostgresServer, int], None]) -> None:
        self._inner, self._kill, self.n, self.seen = inner, kill, 0, 0

    @contextmanager
    def __call__(self) -> Iterator[Postgres]:
        with self._inner() as warehouse:
            yield Dying(warehouse, self._end)

    def _end(self, process: int) -> None:
        self.seen += 1
        if self.seen == self.n:
            self._kill(self._inner, process)


def terminate(server: PostgresServer, process: int) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s)", [process])


def kill(server: PostgresServer, process: int) -> None:
    """SIGKILL: the server ends all connections and recovers from its log."""
    os.kill(process, signal.SIGKILL)
    for _ in range(100):
        time.sleep(0.1)
        try:
            psycopg.connect(server.conninfo).close()
        except psycopg.OperationalError:
            continue
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.mark.parametrize(("end", "every"), [(terminate, 1), (kill, 4)])
def test_a_run_that_loses_its_server_at_a_commit_is_made_good_by_the_next(
    server: Server, tmp_path: Path, end: Callable[[PostgresServer, int], None], every: int
) -> None:
    lost = at = 0
    while True:
        at += every
        engine = PostgresDatabase(server.database())
        folder = tmp_path / str(at)
        folder.mkdir()
        world = World(folder, engine=engine, send=["value"], trigger=TRIGGER, first_sync="live")
        world.people(*PEOPLE)
        engine.opener = opener = Deadly(engine.opener, end)
        opener.n = at
        with suppress(TailraceError):
            world.run()
        if opener.seen < at:
            break
        lost += 1
        opener.n = 0
        world.people(*PEOPLE[1:])
        for day in (1, 2, 3):
            world.run(day)
        assert set(world.channel.members) == {"ben@x.io", "cleo@x.io", "dan@x.io"} == world.ledger(), at
        told = [message["email"] for message in world.channel.messages]
        assert len(told) == len(set(told)), (at, told)
        assert {"ben@x.io", "cleo@x.io", "dan@x.io"} <= set(told), at
    assert lost >= (4 if every == 1 else 1)
