"""Draw values by hash, so that adding an entity or a field never changes any other value.

Every value is a function of seed|entity|field alone. There is no stream to advance, hence no order to keep: the
generator may be cut, reordered or extended and the rows that stay keep their bytes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b, md5
from typing import TypeVar

SEED = "tailrace-1"
T = TypeVar("T")


def draw(entity: str, field: str) -> int:
    """A whole number of 64 bits that belongs to this entity and field."""
    return int.from_bytes(blake2b(f"{SEED}|{entity}|{field}".encode(), digest_size=8).digest())


def share(entity: str, field: str) -> float:
    """A number in [0, 1)."""
    return (draw(entity, field) >> 11) / (1 << 53)


def chance(entity: str, field: str, rate: float) -> bool:
    return share(entity, field) < rate


def between(entity: str, field: str, low: int, high: int) -> int:
    """A whole number in [low, high], both ends included."""
    return low + draw(entity, field) % (high - low + 1)


def pick(entity: str, field: str, choices: Sequence[T]) -> T:
    return choices[draw(entity, field) % len(choices)]


def moment(entity: str, field: str, first: datetime, last: datetime) -> datetime:
    """A whole second in [first, last)."""
    return first + timedelta(seconds=draw(entity, field) % max(1, int((last - first).total_seconds())))


def code(*parts: object) -> str:
    """A short text id made of what it identifies."""
    return blake2b("|".join(map(str, (SEED, *parts))).encode(), digest_size=5).hexdigest()


def bucket(audience: str, person_id: str) -> int:
    """The engine's sticky holdout bucket, 0 … 9999; a person is held out below holdout × 10000."""
    return int(md5(f"{audience}|{person_id}".encode()).hexdigest()[:8], 16) % 10_000
