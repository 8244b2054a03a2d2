"""Pace: how often a credential may be used, by all syncs of this process and, with a file, of this machine. A shard
that may have others beside it on machines that it knows nothing of takes its part of what is allowed and no more.

A window (n, seconds) is kept as a log of the last n starts: the next may start when the oldest is `seconds` old. That
is never more than a vendor's own count, whether its windows slide or stand, and it uses what is allowed to the full.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from destinations.protocol import Destination

Rates = Sequence[tuple[int, float]]
AHEAD = 60.0
"""Starts so far in the future are of a clock that was set back; they are forgotten."""
MARGIN = 1.02
"""Windows are taken 2 % longer: requests may arrive closer together than they were sent."""


class Pace(Protocol):
    """Start times per name, which is a credential and a rate class. `now` is unix time."""

    def delay(self, name: str, rates: Rates, now: float) -> float:
        """Seconds until the next request of this name may start; 0 takes the place."""

    def hold(self, name: str, until: float) -> None:
        """Start nothing of this name before `until`: the channel asked for it."""


class LocalPace:
    """Pace of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts: dict[tuple[str, int, float], deque[float]] = {}
        self._held: dict[str, float] = {}

    def delay(self, name: str, rates: Rates, now: float) -> float:
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
        with self._lock:
            self._held[name] = max(until, self._held.get(name, 0.0))


class SharedPace:
    """Pace of all processes of a machine that share a file (SQLite; losing it only forgets the last minutes).

    A place costs about 50 µs, so windows of a second with hundreds of requests stay usable.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        path.chmod(0o600)
        for statement in ("pragma journal_mode = wal", "pragma synchronous = off",
                          "create table if not exists start (name text, at real)",
                          "create index if not exists start_at on start (name, at)",
                          "create table if not exists held (name text primary key, until real)"):
            self._db.execute(statement).fetchall()

    def delay(self, name: str, rates: Rates, now: float) -> float:
        if not rates and not self._held(name, now):
            return 0.0
        with self._lock:
            self._db.execute("begin immediate")
            try:
                self._db.execute("delete from start where name = ? and at > ?", [name, now + AHEAD])
                wait = self._wait(name, rates, now)
                if wait <= 0:
                    self._db.execute("insert into start values (?, ?)", [name, now])
                    oldest = now - max((seconds for _, seconds in rates), default=0.0) * MARGIN
                    self._db.execute("delete from start where name = ? and at < ?", [name, oldest])
            finally:
                self._db.execute("commit")
        return max(0.0, wait)

    def hold(self, name: str, until: float) -> None:
        with self._lock:
            self._db.execute("insert into held values (?, ?) on conflict (name) do update set until = max(until, ?)",
                             [name, until, until])

    def close(self) -> None:
        self._db.close()

    def _wait(self, name: str, rates: Rates, now: float) -> float:
        waits = [self._held(name, now)]
        for n, seconds in rates:
            row = self._db.execute("select at from start where name = ? order by at desc limit 1 offset ?",
                                   [name, n - 1]).fetchone()
            if row:
                waits.append(row[0] + seconds * MARGIN - now)
        return max(waits)

    def _held(self, name: str, now: float) -> float:
        row = self._db.execute("select until from held where name = ?", [name]).fetchone()
        return float(row[0]) - now if row and row[0] > now else 0.0


class PartOfPace:
    """The pace of one shard of several that are anywhere: its part of each rate, inside the pace of this machine."""

    def __init__(self, whole: Pace, number: int, shards: int) -> None:
        self._whole, self._shards, self._name = whole, shards, f"{number} of {shards}"
        self._places: set[str] = set()
        """Names of which its own pace has given a place that the machine's has not given yet."""

    def delay(self, name: str, rates: Rates, now: float) -> float:
        if name not in self._places:
            if (wait := self._whole.delay(f"{name}/{self._name}", part_of(rates, self._shards), now)) > 0:
                return wait
            self._places.add(name)
        if (wait := self._whole.delay(name, rates, now)) > 0:
            return wait
        self._places.discard(name)
        return 0.0

    def hold(self, name: str, until: float) -> None:
        self._whole.hold(name, until)


def part_of(rates: Rates, parts: int) -> list[tuple[int, float]]:
    """Rates of which so many together make up the given ones: fewer requests a window, or one in a longer one."""
    return [(n // parts, seconds) if n >= parts else (1, seconds * parts / n) for n, seconds in rates]


def credential_of(destination: Destination) -> str:
    """A short digest of whom the channel sees: kind of channel, address and secrets."""
    settings = destination.settings
    secrets = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    parts = [type(destination).__qualname__, settings.base_url, *secrets]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
