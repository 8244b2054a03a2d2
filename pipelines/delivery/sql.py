"""SQL: runs the statements of a request in one transaction, on PostgreSQL or in a DuckDB file.

A PostgreSQL connection is kept between requests. Its certificate is verified by this machine's authorities unless the
server is on this machine or the address says otherwise (`?sslrootcert=FILE` for an authority of your own). A DuckDB
file is opened for each request and closed at once, so that others can read it. Of an error the SQLSTATE is handed on
and never the words, which repeat values.
"""

from __future__ import annotations

import base64
import importlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer, Lost
from pipelines.errors import WarehouseError, WarehouseLocked

PATIENCE = 20.0
"""Seconds to wait for another process to close a DuckDB file."""
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 45
_LOOPBACK = frozenset({"", "127.0.0.1", "localhost", "::1"})
_LATER = re.compile("40...|53...|55P03|57014")
"""Codes of a transaction that was undone for a reason of the moment."""
_LOGIN = re.compile(r'authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf entry')
_DUCKDB = {"CatalogException": "42P01", "BinderException": "42703", "ConversionException": "22P02",
           "ConstraintException": "23000", "ParserException": "42601", "OutOfRangeException": "22003",
           "InvalidInputException": "22023", "TransactionException": "40001", "NotImplementedException": "0A000"}


class Carrier:
    """Databases; PostgreSQL's connections stay open."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, str], Any] = {}

    def carry(self, request: Request) -> Answer:
        statements = [(one["sql"], one["values"]) for one in json.loads(request.body or b"{}")["statements"]]
        if request.url.startswith("duckdb:"):
            return _in_file(Path(unquote(urlsplit(request.url).path)), statements)
        return self._on_server(request, statements)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def _on_server(self, request: Request, statements: list[tuple[str, list[Any]]]) -> Answer:
        psycopg = importlib.import_module("psycopg")  # an extra: only this channel needs it
        key = (request.url, request.headers.get("Authorization", ""))
        try:
            server = self._servers.get(key) or _connect(request)
        except psycopg.OperationalError as error:
            return _not_connected(str(error))
        self._servers[key] = server
        rows: list[Any] = []
        try:
            with server.transaction(), server.cursor() as cursor:
                for sql, values in statements:
                    cursor.execute(sql, values, prepare=False)
                    rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if error.sqlstate is None or server.closed:
                self._servers.pop(key).close()
                return Lost(f"lost: {type(error).__name__}", sent=True)
            return _told(error.sqlstate)
        return Response(200, {}, json.dumps({"rows": rows}, default=str).encode())


def _connect(request: Request) -> Any:
    psycopg = importlib.import_module("psycopg")
    parts = urlsplit(request.url)
    login = request.headers.get("Authorization", "").removeprefix("Basic ")
    _, _, password = base64.b64decode(login).decode().partition(":")
    written = dict(parse_qsl(parts.query))
    if (parts.hostname or "") not in _LOOPBACK:
        written = {"sslmode": "verify-full", **({} if "sslmode" in written else {"sslrootcert": "system"}), **written}
    given = {"host": parts.hostname, "port": parts.port, "user": unquote(parts.username or "") or None,
             "password": password or None, "dbname": unquote(parts.path.lstrip("/")) or None, **written}
    return psycopg.connect(
        **{name: value for name, value in given.items() if value is not None}, autocommit=True,
        connect_timeout=CONNECT_SECONDS, options=f"-c statement_timeout={STATEMENT_SECONDS}s -c timezone=UTC")


def _not_connected(words: str) -> Answer:
    """Why a server let nobody in: it says so in words only."""
    if _LOGIN.search(words):
        return Response(401)
    if re.search(r'database ".*" does not exist', words):
        return _told("3D000")
    return Lost("never sent: no connection to the database", sent=False)


def _in_file(path: Path, statements: list[tuple[str, list[Any]]]) -> Answer:
    from pipelines.warehouse.duckdb import DuckDBFile

    if not path.exists():
        return _told("3D000")
    try:
        with DuckDBFile(path, patience=PATIENCE)() as database, database.transaction():
            rows: list[Any] = []
            for sql, values in statements:
                rows = database.query(sql, values)
    except WarehouseLocked:
        return _told("55P03")
    except WarehouseError:
        return Lost("never sent: the file cannot be opened", sent=False)
    except Exception as error:
        return _told(_code_of(error))
    return Response(200, {}, json.dumps({"rows": rows}, default=str).encode())


def _code_of(error: Exception) -> str:
    """The SQLSTATE that PostgreSQL has for such an error of DuckDB; raises the error itself where it has none."""
    found = next((_DUCKDB[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _DUCKDB), None)
    if found is None:
        raise error
    if found == "42703" and "UNIQUE" in str(error):
        return "42P10"
    return found


def _told(sqlstate: str) -> Response:
    """A refusal: for now where the transaction was undone for a reason of the moment."""
    return Response(429 if _LATER.fullmatch(sqlstate) else 422, {}, json.dumps({"code": sqlstate}).encode())
