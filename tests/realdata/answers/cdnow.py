"""C1 over the purchases of a CD shop."""

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import pandas as pd


def read(folder: Path) -> dict[str, set[date]]:
    """The distinct purchase dates of each customer, from the text column."""
    frame = pd.read_parquet(folder / "cdnow_master.parquet", columns=["customer_id", "date"])
    facts = defaultdict(set)
    for customer, text in frame.itertuples(index=False, name=None):
        facts[customer].add(datetime.strptime(text, "%Y%m%d").date())
    return facts


def lapsed_repeat_buyer(facts: dict[str, set[date]], day: date) -> set[str]:
    known = {customer: [when for when in days if when <= day] for customer, days in facts.items()}
    return {customer for customer, days in known.items() if len(days) >= 2 and 60 <= (day - max(days)).days <= 180}
