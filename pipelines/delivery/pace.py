"""Pace: how often a credential may be used, shared by all syncs of this process.

A window (n, seconds) is kept as a log of the last n starts: the next may start when the oldest is `seconds` old. That is
never more than a vendor's own count, whether its windows slide or stand, and it uses what is allowed to the full.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

Rates = Sequence[tuple[int, float]]
MARGIN = 1.02
"""Windows are taken 2 % longer: requests may arrive closer together than they were sent."""


class Pace:
    """Start times per credential and rate class."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts: dict[tuple[str, int, float], deque[float]] = {}
        self._held: dict[str, float] = {}

    def delay(self, name: str, rates: Rates, now: float) -> float:
        """Seconds until the next request of this class may start; 0 takes the place."""
        with self._lock:
            waits = [self._held.get(name, 0.0) - now]
            logs = [self._starts.setdefault((name, n, seconds), deque(maxlen=n)) for n, seconds in rates]
            waits += [log[0] + seconds * MARGIN - now
                      for log, (n, seconds) in zip(logs, rates, strict=True) if len(log) == n]
            if (wait := max(waits)) > 0:
                return wait
            for log in logs:
                log.append(now)
            return 0.0

    def hold(self, name: str, until: float) -> None:
        """Start nothing of this class before `until`: the channel asked for it."""
        with self._lock:
            self._held[name] = max(until, self._held.get(name, 0.0))
