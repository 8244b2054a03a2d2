"""M1 over the messages of students."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd


def read(folder: Path) -> list[tuple[str, date]]:
    """Sender and UTC date of every message, from the unix time."""
    frame = pd.read_parquet(folder / "collegemsg.parquet", columns=["src", "time"])
    rows = frame.itertuples(index=False, name=None)
    return [(sender, datetime.fromtimestamp(seconds, UTC).date()) for sender, seconds in rows]


def usage_drop_40_wow(facts: list[tuple[str, date]], day: date) -> set[str]:
    before = _count(facts, day - timedelta(days=13), day - timedelta(days=7))
    now = _count(facts, day - timedelta(days=6), day)
    return {sender for sender, count in before.items() if count >= 5 and now[sender] * 100 <= count * 60}


def _count(facts: list[tuple[str, date]], first: date, last: date) -> Counter[str]:
    return Counter(sender for sender, when in facts if first <= when <= last)
