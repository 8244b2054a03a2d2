"""Spark for tests: the server that pip installs (Sail, which speaks Spark Connect), and Spark itself where it is."""

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

import pytest

from pipelines.warehouse.spark_session import SparkSession

_names = count()


@contextmanager
def connected() -> Iterator[str]:
    """The address of a server for as long as the block lasts. Skips the test where the packages are missing."""
    pytest.importorskip("pyspark", reason="pip install 'tailrace[spark]' brings Spark's client")
    pytest.importorskip("pysail", reason="pip install pysail brings a server")
    if not hasattr(main := sys.modules["__main__"], "__file__"):
        main.__file__ = __file__  # a worker of pytest has none, and PySpark takes such a process for its own doctests
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = tempfile.TemporaryDirectory(prefix="tailrace-sail-", ignore_cleanup_errors=True)  # where tables go
    server = subprocess.Popen([Path(sys.executable).with_name("sail"), "spark", "server", "--port", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=own.name)
    try:
        while server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"sc://127.0.0.1:{port}"
    finally:
        from pyspark.sql import SparkSession as Session

        if session := Session.getActiveSession():  # else it looks for the server at the end of the process
            session.stop()
        server.terminate()
        server.wait(30)
        own.cleanup()


def opener(folder: Path, remote: str) -> SparkSession:
    """A session with a state of its own."""
    with warnings.catch_warnings(action="ignore"):
        found = SparkSession(folder / f"state{next(_names)}", remote)
        found.session()
    return found
