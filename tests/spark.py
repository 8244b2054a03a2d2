"""Spark for tests: the server that pip installs (Sail, which speaks Spark Connect)."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipelines.warehouse.spark_session import SparkSession

_names = count()


@contextmanager
def connected() -> Iterator[str]:
    """The address of a server for as long as the block lasts. Skips the test where the packages are missing."""
    pytest.importorskip("pysail", reason="pip install pysail brings a server")
    port = _free()
    with tempfile.TemporaryDirectory(prefix="tailrace-sail-", ignore_cleanup_errors=True) as own:  # where tables go
        sail = [Path(sys.executable).with_name("sail"), "spark", "server", "--port", str(port)]
        with _client(), _process(sail, Path(own), port):
            yield f"sc://127.0.0.1:{port}"


@contextmanager
def _client() -> Iterator[None]:
    """PySpark's client in this process, at no server before and after."""
    with warnings.catch_warnings(action="ignore"):  # of pandas, which is not used here
        pytest.importorskip("pyspark", reason="pip install 'tailrace[spark]' brings Spark's client")
        if not hasattr(main := sys.modules["__main__"], "__file__"):
            main.__file__ = __file__  # a worker of pytest has none; PySpark takes such a process for its own doctests
        from pyspark.sql import SparkSession as Session
        from pyspark.sql.connect.session import SparkSession as _  # noqa: F401 (dbt imports it, and warnings with it)
    _leave(Session)
    try:
        yield
    finally:
        _leave(Session)  # else it looks for the server at the end of the process


def _leave(sessions: Any) -> None:
    if session := sessions.getActiveSession():
        session.stop()


@contextmanager
def _process(command: list[str | Path], folder: Path, port: int) -> Iterator[None]:
    """A server for as long as the block lasts, from when it listens."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        while server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(60)


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def opener(folder: Path, remote: str) -> SparkSession:
    """A session with a state of its own."""
    with warnings.catch_warnings(action="ignore"):
        found = SparkSession(folder / f"state{next(_names)}", remote)
        found.session()
    return found
