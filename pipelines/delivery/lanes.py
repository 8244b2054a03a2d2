"""Lanes: several exchanges at once on one thread. An exchange is a generator of `Send` and `Pause`; only the transport
has threads, so the simulator drives the very same code in virtual time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator
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


def run(lanes: Iterator[Lane], transport: Transport, clock: Clock, width: int, keep: Callable[[], None]) -> None:
    """Run all lanes, at most `width` at once. `keep` puts on the disk what they wrote down: it comes before each start
    of requests, and one serves all whose lanes went on together. What a lane raises stops them all: those in flight are
    closed, and what they had claimed stays claimed."""
    tickets, flying, sleeping = count(), dict[int, Lane](), list[tuple[float, int, Lane]]()
    ready: list[tuple[Lane, Request]] = []

    def step(lane: Lane, answer: Answer | None) -> None:
        try:
            wish = lane.send(answer)
        except StopIteration:
            return
        if isinstance(wish, Pause):
            heapq.heappush(sleeping, (clock.monotonic() + wish.seconds, next(tickets), lane))
        else:
            ready.append((lane, wish.request))

    try:
        while True:
            while len(ready) + len(flying) + len(sleeping) < width and (lane := next(lanes, None)) is not None:
                step(lane, None)
            keep()
            while ready:
                ticket, (lane, request) = next(tickets), ready.pop(0)
                flying[ticket] = lane
                transport.start(ticket, request)
            if not flying and not sleeping:
                return
            for lane, answer in _events(flying, sleeping, transport, clock):
                step(lane, answer)
    finally:
        for lane in (*flying.values(), *(entry[2] for entry in sleeping), *(lane for lane, _ in ready)):
            lane.close()


def _events(
    flying: dict[int, Lane], sleeping: list[tuple[float, int, Lane]], transport: Transport, clock: Clock
) -> Iterator[tuple[Lane, Answer | None]]:
    """Lanes that can go on: the next one, and with it those whose answers are there too."""
    lane, answer = _next_event(flying, sleeping, transport, clock)
    if lane is not None:
        yield lane, answer
    while flying and (found := transport.wait(0)) is not None:
        yield flying.pop(found[0]), found[1]


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
