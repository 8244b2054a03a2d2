"""The numbers of all audiences together: sizes, channels, lift, leaks and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.audiences import Audience
from pipelines.errors import StateError
from pipelines.report import figures
from pipelines.report.figures import Figures
from pipelines.warehouse.protocol import Warehouse

OUTCOMES = ("ok", "accepted", "rejected", "unknown", "void", "suppressed", "stale")


@dataclass(frozen=True, slots=True)
class Channel:
    """A connection, over all audiences: operations and messages by how they last ended."""

    name: str
    outcomes: dict[str, int]
    messages: int


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Messages of a sync that wait for a person."""

    sync: str
    messages: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Leak:
    """Persons of a sync whom the channel should not have."""

    sync: str
    standing: str
    persons: int


@dataclass(frozen=True, slots=True)
class Board:
    """All that is on the page."""

    audiences: Sequence[Figures]
    channels: Sequence[Channel]
    unresolved: Sequence[Unresolved]
    leaks: Sequence[Leak] | None
    """None: not measured yet."""

    @property
    def newest(self) -> datetime:
        return max(each.now.taken_at for each in self.audiences)

    @property
    def persons(self) -> int:
        """Places in segments; a person may have several."""
        return sum(each.now.segment for each in self.audiences)

    @property
    def outcomes(self) -> list[str]:
        return [name for name in OUTCOMES if any(channel.outcomes.get(name) for channel in self.channels)]


def read(warehouse: Warehouse, audiences: Iterable[Audience]) -> Board:
    """The board. Raises StateError where nothing was ever recorded."""
    found = []
    for audience in audiences:
        try:
            found.append(figures.read(warehouse, audience))
        except StateError:
            continue  # declared, and never synced
    if not found:
        raise StateError("nothing is recorded yet; sync first (tailrace sync), then publish (tailrace publish)")
    return Board(found, list(_channels(warehouse)), _unresolved(warehouse), _leaks(warehouse))


def _channels(warehouse: Warehouse) -> Iterable[Channel]:
    rows = warehouse.query(
        """select connection, outcome, count(*), count(case when action = 'event' then 1 end)
        from (select *, row_number() over (partition by sync_id, op_id order by epoch desc, attempt desc) as newest
            from activation.receipts where action <> 'replace') as last
        where newest = 1 group by connection, outcome""")
    for name in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == name]
        yield Channel(name, {outcome: count for _, outcome, count, _ in own},
                      sum(messages for _, outcome, _, messages in own if outcome == "ok"))


def _unresolved(warehouse: Warehouse) -> list[Unresolved]:
    return [Unresolved(*row) for row in warehouse.query(
        """select sync_id, count(*), min(in_doubt_since) from activation.unresolved
        group by sync_id order by sync_id""")]


def _leaks(warehouse: Warehouse) -> list[Leak] | None:
    if warehouse.columns("measurement.leaks") is None:
        return None
    return [Leak(*row) for row in warehouse.query(
        """select sync_id, standing, count(*) from measurement.leaks group by sync_id, standing
        order by sync_id, standing""")]
