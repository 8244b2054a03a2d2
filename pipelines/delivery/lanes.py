"""Lanes: several exchanges at once on one thread. An exchange is a generator of `Send` and `Pause`; only the transport
has threads, so the simulator drives the very same code in virtual time.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count

from destinations.protocol import Request
from pipelines.delivery.ports import Answer, Clock, Transport


@dataclass(frozen=True, slots=True)
class Send:
    """Send this and resume with the answer."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Resume after so many seconds."""

    seconds: float


Lane = Generator[Send | Pause, Answer | None, None]


def run(lanes: Iterator[Lane], transport: Transport, clock: Clock, width: int) -> None:
    """Run all lanes, at most `width` at once. What one raises stops them all: those in flight are closed, and what
    they had claimed stays claimed."""
    tickets, flying, sleeping = count(), dict[int, Lane](), list[tuple[float, int, Lane]]()
    try:
        while True:
            while len(flying) + len(sleeping) < width and (lane := next(lanes, None)) is not None:
                _step(lane, None, next(tickets), flying, sleeping, transport, clock)
            if not flying and not sleeping:
                return
            lane, answer = _next_event(flying, sleeping, transport, clock)
            if lane is not None:
                _step(lane, answer, next(tickets), flying, sleeping, transport, clock)
    finally:
        for lane in (*flying.values(), *(entry[2] for entry in sleeping)):
            lane.close()


def _step(
    lane: Lane, answer: Answer | None, ticket: int, flying: dict[int, Lane],
    sleeping: list[tuple[float, int, Lane]], transport: Transport, clock: Clock,
) -> None:
    try:
        wish = lane.send(answer)
    except StopIteration:
        return
    if isinstance(wish, Pause):
        heapq.heappush(sleeping, (clock.monotonic() + wish.seconds, ticket, lane))
    else:
        flying[ticket] = lane
        transport.start(ticket, wish.request)


def _next_event(
    flying: dict[int, Lane], sleeping: list[tuple[float, int, Lane]], transport: Transport, clock: Clock
) -> tuple[Lane | None, Answer | None]:
    patience = max(0.0, sleeping[0][0] - clock.monotonic()) if sleeping else None
    if flying:
        if (found := transport.wait(patience)) is not None:
            return flying.pop(found[0]), found[1]
    elif patience:
        clock.sleep(patience)
    if sleeping and sleeping[0][0] <= clock.monotonic():
        return heapq.heappop(sleeping)[2], None
    return None, None
