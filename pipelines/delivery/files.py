"""Files: puts a file into a folder whole or not at all, and gets it back.

A file is written beside its place, made durable and renamed into it. Conditions (`If-Match`: the file still has this
sha256, or is not there; `If-File`: another one has it) are looked at and the file is put under one lock of the folder,
which holds for all processes of this machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer, Lost

_LOCK = threading.Lock()


class Carrier:
    """The file system of this machine."""

    def carry(self, request: Request) -> Answer:
        path = Path(unquote(urlsplit(request.url).path))
        try:
            if request.method == "HEAD":
                return Response(200 if path.is_dir() else 404)
            if request.method == "GET":
                return Response(200, {}, path.read_bytes())
            return _put(path, request)
        except FileNotFoundError:
            return Response(404)
        except PermissionError:
            return Response(403)
        except OSError as error:
            return Lost(f"never sent: {os.strerror(error.errno or 0)}", sent=False)

    def close(self) -> None:
        """Nothing is kept open."""


def _put(path: Path, request: Request) -> Response:
    body = request.body or b""
    with _alone(path.parent, bool(request.headers)):
        if not _holds(path, request):
            return Response(412)
        _write(path, body)
    sha = hashlib.sha256(body).hexdigest()
    return Response(201, {}, json.dumps({"sha256": sha, "bytes": len(body)}).encode())


def _holds(path: Path, request: Request) -> bool:
    """Whether the files are still as the request takes them to be."""
    wanted = request.headers.get("If-Match")
    sha, _, name = request.headers.get("If-File", "").partition(" ")
    return (wanted is None or wanted == _sha(path)) and (not sha or sha == _sha(path.with_name(unquote(name))))


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "none"


def _write(path: Path, body: bytes) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    with suppress(OSError):  # the file is in its place; some network folders cannot promise more
        os.fsync(folder)
    os.close(folder)


@contextmanager
def _alone(folder: Path, needed: bool) -> Iterator[None]:
    """Nobody else puts a file on conditions into this folder meanwhile."""
    if not needed:
        yield
        return
    with _LOCK:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
