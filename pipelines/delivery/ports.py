"""What delivery needs of the world, as arguments: a clock, a transport, a journal. The simulator hands in its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from destinations.protocol import Request, Response


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. `sent` tells whether the request may have reached the channel."""

    reason: str
    sent: bool


Answer = Response | Lost


class Clock(Protocol):
    """Time of the run. Ledgers are ordered by epoch and place, never by this."""

    def now(self) -> datetime:
        """UTC without zone, as the tables keep it."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None: ...


class Transport(Protocol):
    """Sends requests, several at once."""

    def start(self, ticket: int, request: Request) -> None:
        """Begin to send; the answer comes out of `wait` under this ticket."""

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        """The next answer; None when none came within `seconds`."""

    def close(self) -> None: ...


def unix_time(clock: Clock) -> float:
    """Unix time of a clock that speaks UTC."""
    return clock.now().replace(tzinfo=UTC).timestamp()


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC).replace(tzinfo=None)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
