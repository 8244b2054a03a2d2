"""The numbers of a report, read from what is recorded; lift from the measurement models, where they are built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.audiences import Audience
from pipelines.errors import StateError
from pipelines.warehouse.protocol import Row, Warehouse

MEASURED = "measurement.lifts"


@dataclass(frozen=True, slots=True)
class Day:
    """The audience at one accepted snapshot; of several a day, the last, with all that moved on it."""

    taken_at: datetime
    sent: int
    held_out: int
    suppressed: int
    entered: int
    left: int

    @property
    def segment(self) -> int:
        return self.sent + self.held_out + self.suppressed


@dataclass(frozen=True, slots=True)
class Channel:
    """One sync: persons from wanted to accepted, and operations by how they ended."""

    connection: str
    sent: int
    accepted: int
    present: int
    outcomes: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    unresolved: int = 0


@dataclass(frozen=True, slots=True)
class Lift:
    """Sent against held out, with the interval."""

    metric: str
    n_sent: int
    n_held: int
    mean_sent: float
    mean_held: float
    effect: float
    low: float
    high: float
    detectable: float
    arms_fit: bool

    @property
    def verdict(self) -> str:
        if not self.arms_fit:
            return "The arms have not the sizes that were drawn: believe nothing of this before that is explained."
        if self.low > 0:
            return "More than chance explains."
        return "Less than chance explains." if self.high < 0 else "Chance alone could explain it."


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is on the page."""

    audience: str
    description: str
    goal: str
    holdout: float
    is_measured: bool
    days: Sequence[Day]
    seen: int
    """Persons who were ever in the segment."""
    eligible: int
    """Of these, those who were ever to be sent."""
    channels: Sequence[Channel]
    lifts: Sequence[Lift]

    @property
    def now(self) -> Day:
        return self.days[-1]

    @property
    def outcomes(self) -> list[str]:
        order = ("ok", "accepted", "rejected", "unknown", "void", "suppressed", "stale")
        return [name for name in order if any(channel.outcomes.get(name) for channel in self.channels)]


def read(warehouse: Warehouse, audience: Audience) -> Figures:
    """The figures of an audience. Raises StateError where it was never looked at."""
    if warehouse.columns("activation.snapshots") is None or not (days := list(_days(warehouse, audience.name))):
        raise StateError(f"{audience.name}: nothing is recorded yet; sync it first (tailrace sync {audience.name})")
    goal = audience.goal
    named = f"{goal.event or goal.model} within {goal.within.total_seconds() / 86_400:g} days" if goal else ""
    is_measured = warehouse.columns(MEASURED) is not None
    [(seen, eligible)] = warehouse.query(
        """select count(distinct person_key), count(distinct case when standing = 'sent' then person_key end)
        from activation.membership where audience = ?""", [audience.name])
    return Figures(audience.name, audience.description, named, audience.holdout, is_measured, days, seen, eligible,
                   list(_channels(warehouse, audience.name)), _lifts(warehouse, audience.name) if is_measured else [])


def _days(warehouse: Warehouse, audience: str) -> list[Day]:
    rows = warehouse.query(
        """with looked as (
            select *, row_number() over (partition by cast(taken_at as date) order by snapshot_id desc) as newest,
                sum(entered) over (partition by cast(taken_at as date)) as came,
                sum(departed) over (partition by cast(taken_at as date)) as went
            from activation.snapshots where audience = ? and status = 'accepted'
        )
        select taken_at, segment - held_out - suppressed, held_out, suppressed, came, went
        from looked where newest = 1 order by taken_at""", [audience])
    return [Day(row[0], *(int(value) for value in row[1:])) for row in rows]


def _channels(warehouse: Warehouse, audience: str) -> list[Channel]:
    told: list[Row] = warehouse.query(
        """select sync_id, min(connection), count(distinct case when attempt > 0 then person_key end),
            count(distinct case when outcome = 'ok' then person_key end),
            count(distinct case when action = 'event' and outcome = 'ok' then op_id end)
        from activation.receipts where audience = ? and action in ('add', 'update', 'event')
        group by sync_id order by 2""", [audience])
    outcomes = warehouse.query(
        "select sync_id, outcome, count(*) from activation.receipts where audience = ? group by 1, 2", [audience])
    present: dict[str, int] = dict(warehouse.query(
        "select sync_id, count(*) from activation.ledger where audience = ? and state = 'present' group by 1",
        [audience]))
    doubts: dict[str, int] = dict(warehouse.query(
        "select sync_id, count(*) from activation.unresolved where audience = ? group by 1", [audience]))
    return [Channel(connection, sent, accepted, present.get(sync, 0),
                    {name: count for other, name, count in outcomes if other == sync}, messages, doubts.get(sync, 0))
            for sync, connection, sent, accepted, messages in told]


def _lifts(warehouse: Warehouse, audience: str) -> list[Lift]:
    names = ("mean_sent", "mean_held", "effect", "effect_low", "effect_high", "detectable")
    figures = ", ".join(f"cast({name} as double)" for name in names)  # engines have numeric where others have double
    return [Lift(*row) for row in warehouse.query(
        f"select metric, n_sent, n_held, {figures}, arms_fit from {MEASURED} where audience = ? order by metric",
        [audience])]
