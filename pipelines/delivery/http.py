"""The transport over HTTP: requests sessions on daemon threads, with one deadline for a whole answer.

requests' own timeout is per read, so a server that sends a byte a second would never time out; here the waiting side
gives up at the deadline and calls the answer lost. Redirects are not followed; which addresses are called, and that
certificates are verified, is `connect`'s. The proxies of the environment are honoured; a .netrc is not, for it would
replace the connection's credentials.
"""

from __future__ import annotations

import queue
import threading
import time

import requests
from requests.utils import get_environ_proxies

from destinations.addresses import objection
from destinations.protocol import Request, Response
from pipelines.delivery.carriers import Carriers, is_foreign
from pipelines.delivery.connect import Unsent, open_session
from pipelines.delivery.lanes import WIDEST
from pipelines.delivery.ports import Answer, Lost

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
DEADLINE = 60.0
LARGEST_BODY = 5_000_000
UNSENDABLE = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema,
              requests.exceptions.InvalidHeader)
"""Raised before anything leaves."""


class HttpTransport:
    """Up to `width` requests at once."""

    def __init__(self, width: int = WIDEST, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._todo: queue.SimpleQueue[tuple[int, Request] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
        self._due: dict[int, float] = {}
        self._workers = 0
        self._width = width

    def start(self, ticket: int, request: Request) -> None:
        self._due[ticket] = time.monotonic() + self._deadline
        self._todo.put((ticket, request))
        if self._workers < min(self._width, len(self._due)):
            self._hire()

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        give_up = None if seconds is None else time.monotonic() + seconds
        while True:
            now = time.monotonic()
            late = [ticket for ticket, due in self._due.items() if due <= now]
            if late:
                del self._due[late[0]]
                self._hire()
                return late[0], Lost(f"no answer within {self._deadline:g} s", sent=True)
            limits = [*self._due.values(), *([give_up] if give_up is not None else [])]
            try:
                ticket, answer = self._done.get(timeout=max(0.0, min(limits) - now) if limits else None)
            except queue.Empty:
                if give_up is not None and time.monotonic() >= give_up:
                    return None
                continue
            if self._due.pop(ticket, None) is not None:
                return ticket, answer

    def close(self) -> None:
        for _ in range(self._workers):
            self._todo.put(None)

    def _hire(self) -> None:
        self._workers += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        sessions: dict[frozenset[str], requests.Session] = {}
        with Carriers() as carriers:
            while (job := self._todo.get()) is not None:
                ticket, request = job
                if is_foreign(request):
                    self._done.put((ticket, carriers.carry(request)))
                    continue
                if request.allow_hosts not in sessions:
                    sessions[request.allow_hosts] = open_session(request.allow_hosts)
                self._done.put((ticket, _send(sessions[request.allow_hosts], request)))
        for session in sessions.values():
            session.close()


def _send(session: requests.Session, request: Request) -> Answer:
    if reason := objection(request.url, request.allow_hosts):
        return Lost(f"never sent: the address {reason}", sent=False)
    try:
        with session.request(
            request.method, request.url, headers={"User-Agent": "tailrace", **request.headers}, data=request.body,
            timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True,
            proxies=get_environ_proxies(request.url),
        ) as answer:
            return _read(answer)
    except Unsent as unsent:
        return Lost(f"never sent: {unsent}", sent=False)
    except UNSENDABLE as error:
        return Lost(f"never sent: {_kind(error)}", sent=False)
    except Exception as error:  # a thread that died would answer nobody
        return Lost(f"lost: {_kind(error)}", sent=True)


def _read(answer: requests.Response) -> Answer:
    """The answer whole, unpacked in pieces so that a small one cannot become a huge one."""
    if answer.status_code < 200:
        return Lost(f"an answer that is none (HTTP {answer.status_code})", sent=True)
    body = b""
    for chunk in answer.iter_content(65_536):
        body += chunk
        if len(body) > LARGEST_BODY:
            return Lost(f"an answer of more than {LARGEST_BODY:,} bytes", sent=True)
    return Response(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def _kind(error: Exception) -> str:
    """The kind of a failure; its text may carry the query of the URL."""
    return type(error).__name__
