"""Lanes: several exchanges at once on one thread. An exchange is a generator of `Send` and `Pause`; only the transport
has threads, so the simulator drives the very same code in virtual time.
"""

from __future__ import annotations

import heapq
import math
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
Flight = tuple[Lane, float]
"""A lane that waits for an answer, and since when."""
WIDEST = 32
"""Never more requests under way at once, however slow the channel is."""


@dataclass(slots=True)
class Width:
    """How many requests are under way at once: as many as a rate allows in the time that an answer takes, and some for
    answers that take longer. 50 a second of 100 ms each need six, of 400 ms each twenty-one."""

    least: int = 8
    rate: float = 0.0
    """Requests that the channel takes in a second; 0: it names no limit."""
    answer: float = 0.0
    """Seconds that an answer takes, the latest counted most."""

    def note(self, seconds: float) -> None:
        """An answer took so long."""
        self.answer += (seconds - self.answer) / (8 if self.answer else 1)

    @property
    def now(self) -> int:
        return max(self.least, min(WIDEST, math.ceil(1.5 * self.rate * self.answer) + 1))


def run(lanes: Iterator[Lane], transport: Transport, clock: Clock, width: Width, keep: Callable[[], None]) -> None:
    """Run all lanes, at most `width` at once. `keep` puts on the disk what they wrote down: it comes before each start
    of requests, and one serves all whose lanes went on together. What a lane raises stops them all: those in flight are
    closed, and what they had claimed stays claimed."""
    tickets, flying, sleeping = count(), dict[int, Flight](), list[tuple[float, int, Lane]]()
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
            while len(ready) + len(flying) + len(sleeping) < width.now and (lane := next(lanes, None)) is not None:
                step(lane, None)
            keep()
            while ready:
                ticket, (lane, request) = next(tickets), ready.pop(0)
                flying[ticket] = lane, clock.monotonic()
                transport.start(ticket, request)
            if not flying and not sleeping:
                return
            for lane, answer in _events(flying, sleeping, transport, clock, width):
                step(lane, answer)
    finally:
        for lane in (*(lane for lane, _ in flying.values()), *(lane for *_, lane in sleeping),
                     *(lane for lane, _ in ready)):
            lane.close()


def _events(
    flying: dict[int, Flight], sleeping: list[tuple[float, int, Lane]], transport: Transport, clock: Clock, width: Width
) -> Iterator[tuple[Lane, Answer | None]]:
    """Lanes that can go on: the next one, and with it those whose answers are there too."""
    patience: float | None = max(0.0, sleeping[0][0] - clock.monotonic()) if sleeping else None
    if not flying and patience:
        clock.sleep(patience)
    while flying and (found := transport.wait(patience)) is not None:
        lane, begun = flying.pop(found[0])
        width.note(clock.monotonic() - begun)
        yield lane, found[1]
        patience = 0
    if sleeping and sleeping[0][0] <= clock.monotonic():
        yield heapq.heappop(sleeping)[2], None
