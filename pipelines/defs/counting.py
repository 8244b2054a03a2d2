"""Requests as they were sent: plans only estimate them."""

from __future__ import annotations

from collections.abc import Callable

from destinations.protocol import Request
from pipelines.delivery.ports import Answer, Transport


class Counter:
    """Hands out transports in the order of the walk's syncs and counts what goes through each."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self.counts: list[int] = []
        """Requests of each sync so far."""

    def __call__(self) -> Transport:
        self.counts.append(0)
        return _Counted(self._make(), self, len(self.counts) - 1)


class _Counted:
    """A transport that tells its counter of each request."""

    def __init__(self, inner: Transport, counter: Counter, place: int) -> None:
        self._inner, self._counter, self._place = inner, counter, place

    def start(self, ticket: int, request: Request) -> None:
        self._counter.counts[self._place] += 1
        self._inner.start(ticket, request)

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        return self._inner.wait(seconds)

    def close(self) -> None:
        self._inner.close()
