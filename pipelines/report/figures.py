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
    matched: int | None = None
    """Members that the channel named when it was last read back; None where it was not."""
    excludes: bool = False
    """Whether it is the list of those held out, for campaigns to exclude."""

    @property
    def name(self) -> str:
        return f"{self.connection}, to exclude" if self.excludes else self.connection


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
    adjusted: float
    """The effect after what the time before explains is taken off."""
    adjusted_low: float
    adjusted_high: float
    always_low: float
    """An interval that holds for those who look each day."""
    always_high: float
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
class Care:
    """What is measured beside lift."""

    entries: int
    """Of persons who were to be sent, and whose time for the goal has passed."""
    converted: int
    revenue: float
    touched: int
    """Orders credited to its messages, and what they were worth."""
    touched_value: float
    flap_rate: float | None
    """Share of entries by persons who had left within the days before."""
    dwell_days: float | None
    p95_seconds: float | None
    """In which a channel takes out whom it must spare, of 95 in 100, in its slowest channel."""
    leaks: int
    contaminated: int
    cost_per_order: float | None

    @property
    def flaps(self) -> bool:
        """Whether the condition should end later than it begins."""
        return (self.flap_rate or 0) >= 0.1


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
    care: Care | None = None

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
                   list(_channels(warehouse, audience.name)), _lifts(warehouse, audience.name) if is_measured else [],
                   _care(warehouse, audience.name) if is_measured else None)


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
        group by sync_id order by sync_id""", [audience])
    outcomes = warehouse.query(
        "select sync_id, outcome, count(*) from activation.receipts where audience = ? group by 1, 2", [audience])
    present: dict[str, int] = dict(warehouse.query(
        "select sync_id, count(*) from activation.ledger where audience = ? and state = 'present' group by 1",
        [audience]))
    doubts: dict[str, int] = dict(warehouse.query(
        "select sync_id, count(*) from activation.unresolved where audience = ? group by 1", [audience]))
    matched: dict[str, int] = dict(warehouse.query(
        "select sync_id, in_channel from activation.drift where audience = ? order by compared_at", [audience]))
    return [Channel(connection, sent, accepted, present.get(sync, 0),
                    {name: count for other, name, count in outcomes if other == sync}, messages, doubts.get(sync, 0),
                    matched.get(sync), sync.endswith("__held_out"))
            for sync, connection, sent, accepted, messages in told]


def _lifts(warehouse: Warehouse, audience: str) -> list[Lift]:
    names = ("mean_sent", "mean_held", "effect", "effect_low", "effect_high", "adjusted_effect", "adjusted_low",
             "adjusted_high", "always_low", "always_high", "detectable")
    figures = ", ".join(f"cast({name} as double)" for name in names)  # engines have numeric where others have double
    return [Lift(*row) for row in warehouse.query(
        f"select metric, n_sent, n_held, {figures}, arms_fit from {MEASURED} where audience = ? order by metric",
        [audience])]


def _care(warehouse: Warehouse, audience: str) -> Care | None:
    """None where a project has not all of the measurement models."""
    models = ("conversions", "last_touches", "audience_sizes", "suppression_speed", "leaks", "contamination")
    if any(warehouse.columns(f"measurement.{name}") is None for name in models):
        return None
    has_costs = warehouse.columns("measurement.ad_costs") is not None
    costs = "(select max(cost_per_order) from measurement.ad_costs where audience = $audience)" if has_costs else "null"
    [row] = warehouse.query(
        f"""with entries as (select * from measurement.conversions
            where audience = $audience and is_complete and standing = 'sent'),
        touches as (select * from measurement.last_touches where audience = $audience),
        sizes as (select * from measurement.audience_sizes where audience = $audience)
        select (select count(*) from entries), (select count(converted_at) from entries),
            (select coalesce(sum(revenue), 0) from entries), (select count(*) from touches),
            (select coalesce(sum(value), 0) from touches),
            (select sum(returned) / cast(nullif(sum(entered), 0) as double precision) from sizes),
            (select percentile_cont(0.5) within group (order by dwell_days) from sizes),
            (select max(p95_seconds) from measurement.suppression_speed
                where sync_id in (select sync_id from activation.runs where audience = $audience)),
            (select count(*) from measurement.leaks where audience = $audience),
            (select count(*) from measurement.contamination where audience = $audience), {costs}""",
        {"audience": audience})
    return Care(*row)
