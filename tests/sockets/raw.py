"""A raw listening socket that plays one act for each request it hears, and keeps what it heard."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

OK = b'{"ok": true}'


class Talk:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket, server: Raw) -> None:
        self._connection, self._server = connection, server
        self.body = b""
        """Of the request that was heard last."""
        self.nth = 0
        """Requests heard on this connection."""

    def hear(self) -> bool:
        """Read one whole request; False where the client has gone."""
        text = b""
        while b"\r\n\r\n" not in text:
            if not (more := self._connection.recv(65_536)):
                return False
            text += more
        head, _, self.body = text.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(self.body) < int(lines.get(b"content-length", b"0")):
            self.body += self._connection.recv(65_536)
        self._server.heard.append(head.split(b"\r\n")[0].decode())
        self._server.bodies.append(self.body)
        self.nth += 1
        return True

    def say(self, *parts: bytes) -> None:
        self._connection.sendall(b"".join(parts))

    def answer(self, body: bytes = OK, status: str = "200 OK", *headers: str, length: int | None = None) -> None:
        """A whole answer, by itself with the right length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
        self.say("\r\n".join(lines).encode(), b"\r\n\r\n", body)

    def shut(self) -> None:
        """No more from our side; the other may still speak."""
        self._connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close so that the other side sees RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def pause(self, seconds: float) -> None:
        """Wait, or until the server is stopped."""
        if self._server.stopped.wait(seconds):
            raise OSError("stopped")


Act = Callable[[Talk], None]
"""What is done after a request was heard."""


class Raw:
    """The server. `act` is played for each request; the connection stays open unless the act closes it."""

    def __init__(self, act: Act, tls: ssl.SSLContext | None = None) -> None:
        self._act, self._tls = act, tls
        self.heard: list[str] = []
        """First lines of requests that arrived whole."""
        self.bodies: list[bytes] = []
        self.connections = 0
        self.stopped = threading.Event()

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client hung up, or no TLS came about
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                talk = Talk(connection, self)
                while talk.hear():
                    self._act(talk)
