"""The fixed clock of the seeds: 180 days of history, day 0, and 14 replay days, all at 06:00 UTC."""

from datetime import date, datetime, timedelta

HISTORY_START = datetime(2026, 4, 24)
DAY_ZERO = datetime(2026, 10, 21, 6)
REPLAY_DAYS = 14
LAST_AS_OF = DAY_ZERO + timedelta(days=REPLAY_DAYS)
SILENCE = (datetime(2026, 10, 10, 22), datetime(2026, 10, 12))
"""No event occurred in here: Sunday 2026-10-11, both as a UTC day and as a Berlin day."""


def as_of(day: int) -> datetime:
    """The as_of of a replay day; day 0 is the first one."""
    return DAY_ZERO + timedelta(days=day)


def before(day: int, **span: float) -> datetime:
    """The moment `span` before a day's as_of: before(3, hours=4)."""
    return as_of(day) - timedelta(**span)


def business_date(day: int) -> date:
    """The Berlin date of a day's as_of (06:00 UTC is the same date in Berlin, summer and winter)."""
    return as_of(day).date()
