"""J1 and J2 over the baskets, campaigns and coupons of grocery households."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd


@dataclass(frozen=True, slots=True)
class Facts:
    """Baskets as (household, basket, day), exposures as (household, campaign), redemptions with their day."""

    baskets: set[tuple[str, int, date]]
    exposures: set[tuple[str, int]]
    redemptions: set[tuple[str, int, date]]
    campaigns: dict[int, tuple[date, date]]


def read(folder: Path) -> Facts:
    return Facts(
        baskets=_rows(folder / "cj_transactions.parquet", "basket_id", "transaction_timestamp"),
        exposures=_rows(folder / "cj_campaigns.parquet", "campaign_id"),
        redemptions=_rows(folder / "cj_coupon_redemptions.parquet", "campaign_id", "redemption_date"),
        campaigns={
            campaign.campaign_id: (campaign.start_date.date(), campaign.end_date.date())
            for campaign in pd.read_parquet(folder / "cj_campaign_descriptions.parquet").itertuples()
        },
    )


def _rows(path: Path, number: str, moment: str | None = None) -> set[tuple]:
    frame = pd.read_parquet(path, columns=["household_id", number, *([moment] if moment else [])])
    if moment:
        frame[moment] = frame[moment].dt.normalize()
    distinct = frame.drop_duplicates().itertuples(index=False, name=None)
    return {(str(household), int(key), *(when.date() for when in rest)) for household, key, *rest in distinct}


def campaign_exposed_not_redeemed_active(facts: Facts, day: date) -> set[str]:
    running = {campaign for campaign, (start, end) in facts.campaigns.items() if start <= day <= end}
    exposed = {(household, campaign) for household, campaign in facts.exposures if campaign in running}
    redeemed = {(household, campaign) for household, campaign, when in facts.redemptions if when <= day}
    first = day - timedelta(days=29)
    active = {household for household, _, when in facts.baskets if first <= when <= day}
    return {household for household, _ in exposed - redeemed} & active


def purchase_frequency_drop_40(facts: Facts, day: date) -> set[str]:
    before = _count(facts, day - timedelta(days=55), day - timedelta(days=28))
    now = _count(facts, day - timedelta(days=27), day)
    return {household for household, count in before.items() if count >= 5 and now[household] * 100 <= count * 60}


def _count(facts: Facts, first: date, last: date) -> Counter[str]:
    return Counter(household for household, _ in {row[:2] for row in facts.baskets if first <= row[2] <= last})
