"""Faults a test or a person can ask for: what goes wrong, on which calls, and whether they are applied all the same."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

KINDS = {
    "throttle": "the channel's own refusal for too many calls; retry_after (seconds) or null for none",
    "error": "the status given (500), before or after the call is applied",
    "reset": "the connection is closed without an answer, before or after the call is applied",
    "slow": "the answer comes `seconds` late; applied=false applies the call only after the wait",
    "garbage": "200 with a body that means nothing, before or after the call is applied",
    "token_expired": "the credential is good no longer",
    "partial": "every nth row is refused in the channel's own way",
    "job_slow": "a job (an import, an ingestion) takes `seconds` longer",
    "job_failed": "a job fails; a Klaviyo import is cancelled, with applied=true after its rows were written",
}
JOBS = ("/profile-bulk-import-jobs", "/audienceMembers:ingest", "/audienceMembers:remove")
"""Ends of the paths that start a job."""
CARRIED = frozenset({"partial", "job_slow", "job_failed"})
"""Kinds that the channel acts out while it answers."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the first `after` matching calls go well, the next `times` do not."""

    channel: str
    kind: str
    times: int = 1
    after: int = 0
    status: int = 500
    applied: bool = False
    seconds: float = 0
    retry_after: float | None = None
    every: int = 2
    method: str = ""
    """Only calls of this HTTP method."""
    path: str = ""
    """Only calls whose path contains this."""

    def suits(self, channel: str, method: str, path: str) -> bool:
        if self.channel != channel or self.path not in path or self.method not in ("", method):
            return False
        if self.kind.startswith("job_"):
            return method == "POST" and path.endswith(JOBS)
        return self.kind != "partial" or method != "GET"


def read_fault(document: Any, channels: tuple[str, ...]) -> Fault:
    """A fault from JSON. Raises ValueError or TypeError with what would be right."""
    if not isinstance(document, Mapping):
        raise TypeError('a fault is an object such as {"channel": "klaviyo", "kind": "error"}')
    known = {field.name: field for field in fields(Fault)}
    for name in document:
        if name not in known:
            raise ValueError(f"a fault has no field {name!r}{_guess(str(name), tuple(known))}")
    for name, choices in (("channel", channels), ("kind", tuple(KINDS))):
        if document.get(name) not in choices:
            raise ValueError(f"{name} {document.get(name)!r} is not one of {', '.join(choices)}")
    fault = Fault(**document)
    if fault.times < 1 or fault.after < 0 or fault.every < 1 or fault.seconds < 0:
        raise ValueError("times and every are at least 1, after and seconds at least 0")
    return fault


def _guess(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, 1)
    return f" (did you mean {near[0]}?)" if near else f": it has {', '.join(known)}"


class Faults:
    """The faults that wait, oldest first; a call meets the first that suits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append((fault, [fault.after, fault.times]))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        with self._lock:
            return [fault for fault, _ in self._waiting]

    def take(self, channel: str, method: str, path: str) -> Fault | None:
        """The fault this call meets, if any; counts it."""
        with self._lock:
            for entry in self._waiting:
                fault, left = entry
                if not fault.suits(channel, method, path):
                    continue
                if left[0] > 0:
                    left[0] -= 1
                    return None
                left[1] -= 1
                if left[1] == 0:
                    self._waiting.remove(entry)
                return fault
        return None
