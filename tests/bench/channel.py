"""A channel that costs nothing: takes any batch and says yes, after a latency of its own, in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from destinations.answers import unaccepted
from destinations.protocol import Batch, Capabilities, Destination, Exchange, Limits, Operation, Request, Verdict, every

YES = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Bulk(Destination):
    """Members by e-mail, as many a request as `limits` say."""

    limits = Limits(rows=500)

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return Capabilities(dict.fromkeys((Operation.ADD, Operation.UPDATE, Operation.REMOVE), self.limits), ("email",))

    def deliver(self, batch: Batch) -> Exchange:
        answer = yield self.request_of(batch)
        return every(batch, Verdict.ACCEPTED) if answer.ok else unaccepted(batch, answer)

    def request_of(self, batch: Batch) -> Request:
        rows = [{"email": m.identifiers["email"], **m.attributes} for m in batch.members]
        body = json.dumps({"do": batch.operation, "rows": rows}).encode()
        return Request("POST", f"{self.settings.base_url}/batch", body=body)


class Ready(Bulk):
    """Builds each request once: a batch that is delivered again is sent as the same bytes."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.built: dict[str, tuple[Batch, Request]] = {}
        """Id of a batch's first member → the batch and its request."""

    def request_of(self, batch: Batch) -> Request:
        key = batch.members[0].id
        if key not in self.built:
            self.built[key] = batch, super().request_of(batch)
        return self.built[key][1]


@contextmanager
def listening(latency: float = 0.0) -> Iterator[str]:
    """The address of such a channel."""
    context = multiprocessing.get_context("fork")
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    process = context.Process(target=_serve, args=(server, latency), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        process.terminate()
        process.join()
        server.close()


def _serve(server: socket.socket, latency: float) -> None:
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection, latency), daemon=True).start()


def _talk(connection: socket.socket, latency: float) -> Any:
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline():
            length = 0
            while (line := lines.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            lines.read(length)
            if latency:
                time.sleep(latency)
            connection.sendall(YES)
