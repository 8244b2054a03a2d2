"""The only part of the sandbox that knows sockets: HTTP/1.1 with keep-alive on 127.0.0.1, no 40 ms delays.

One thread a connection. `stop` closes the connections that are open, so that a stopped sandbox answers nobody.
"""

from __future__ import annotations

import errno
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol

from destinations.sandbox.channel import Call, Reply, read_call

HOST = "127.0.0.1"
BODY_BYTES = 64_000_000
OWN_NAMES = ("127.0.0.1", "localhost")


class Desk(Protocol):
    """What answers behind the door."""

    def deliver(self, name: str, call: Call) -> Reply | None: ...

    def page(self, call: Call) -> Reply: ...

    def holds(self, name: str) -> bool: ...


class Handler(BaseHTTPRequestHandler):
    """Reads a request whole, hands it on, writes the answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_version = "tailrace-sandbox"
    sys_version = ""
    server: Door

    def _exchange(self) -> None:
        body = self._read()
        if body is None:
            return
        name, _, rest = self.path.removeprefix("/").partition("/")
        name, question, query = name.partition("?")
        target = f"/{rest}" if rest or not question else f"/?{query}"
        root = f"{self.server.url}/{name}"
        if self.server.desk.holds(name):
            reply = self.server.desk.deliver(name, read_call(self.command, target, dict(self.headers), body, root))
        else:
            reply = self.server.desk.page(read_call(self.command, self.path, dict(self.headers), body, self.server.url))
        self._write(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _exchange  # noqa: N815 (names given by http.server)

    def _read(self) -> bytes | None:
        if self.headers.get("Host", HOST).partition(":")[0] not in OWN_NAMES:
            # A page in a browser whose name was rebound to loopback must not read what the channels hold.
            self.close_connection = True
            self._write(Reply(421, {"error": f"the sandbox answers as {' or '.join(OWN_NAMES)} only"}))
            return None
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > BODY_BYTES:
            self.close_connection = True
            self._write(Reply(411 if "Transfer-Encoding" in self.headers else 413))
            return None
        return self.rfile.read(int(length))

    def _write(self, reply: Reply | None) -> None:
        if reply is None:
            self._drop()
            return
        body = _encode(reply.body)
        headers = {"Content-Type": "application/json", **reply.headers}
        self.send_response(reply.status)
        for name, value in headers.items() if body else reply.headers.items():
            if body or name.lower() != "content-type":
                self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drop(self) -> None:
        """Close without an answer: the peer sees a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths may carry persons and tokens."""


class Door(ThreadingHTTPServer):
    """The listening socket, its thread and the connections that are open."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address: ClassVar[bool] = True  # type: ignore[misc]

    def __init__(self, port: int, desk: Desk) -> None:
        super().__init__((HOST, port), Handler)
        self.desk = desk
        self.url = f"http://{HOST}:{self.server_address[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="sandbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            _close(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def listen(port: int, desk: Desk) -> Door:
    """A door that is open. Raises OSError with the port where it is taken."""
    try:
        door = Door(port, desk)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                errno.EADDRINUSE, f"port {port} is taken: stop what listens there or choose another port"
            ) from None
        raise
    door.start()
    return door


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _encode(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
