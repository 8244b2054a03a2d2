"""An account's usage as it looked on each of the last 28 mornings, in plain Python, for `usage_drop_40_wow`."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from statistics import median

from tests.seeds.people import Raw, World, berlin, time

LIVE = ("active", "past_due")


@dataclass(frozen=True)
class Morning:
    fell: bool
    back: bool
    excused: bool


def usage(world: World) -> dict[str, dict[int, int]]:
    """By account: the quantity by age in days, yesterday being 1."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for row in world.rows("raw_usage_daily"):
        found[row["account_id"]][(world.today - datetime.fromisoformat(row["day"]).date()).days] = int(row["qty"])
    return found


def weekly(world: World) -> dict[str, list[Morning]]:
    """By customer, the oldest morning first."""
    quantities, plans, explained = usage(world), customers(world), explanations(world)
    loaded = set().union(*quantities.values())
    found: dict[str, list[Morning]] = defaultdict(list)
    for ago in reversed(range(28)):
        weeks = {
            account: [sum(quantities[account].get(ago + 7 * week + day, 0) for day in range(1, 8)) for week in range(5)]
            for account in plans
            if account in quantities
        }
        floors = smallest_quarters({account: (plans[account], weeks[account][1]) for account in weeks})
        complete = all(ago + day in loaded for day in range(1, 15))
        for account, (now, then, *older) in weeks.items():
            fell = (
                then >= max(100, floors[plans[account]])
                and 10 * now < 6 * then
                and 10 * now < 7 * median([then, *older])
            )
            day = world.today - timedelta(days=ago)
            young = created(world)[account] > world.as_of - timedelta(days=ago + 28)
            excused = young or any(first <= day <= last for first, last in explained[account])
            found[account].append(Morning(complete and fell, complete and 4 * now >= 3 * then, excused))
    return found


def smallest_quarters(weeks: dict[str, tuple[str, int]]) -> dict[str, int]:
    """By plan: the week of the account at the end of the first quarter."""
    by_plan: dict[str, list[int]] = defaultdict(list)
    for plan, quantity in weeks.values():
        by_plan[plan].append(quantity)
    return {plan: sorted(found)[ceil(len(found) / 4) - 1] for plan, found in by_plan.items()}


def created(world: World) -> dict[str, datetime]:
    return {row["account_id"]: time(row["created_at"]) for row in world.rows("raw_accounts")}


def customers(world: World) -> dict[str, str]:
    """The plan by account, of companies that are not ours and have a live subscription."""
    states = {row["account_id"]: row for row in world.latest("raw_subscriptions", ["subscription_id"], "changed_at")}
    return {
        row["account_id"]: states[row["account_id"]]["plan"]
        for row in world.rows("raw_accounts")
        if row["kind"] == "b2b"
        and row["is_internal"] != "true"
        and states.get(row["account_id"], {}).get("status") in LIVE
    }


def explanations(world: World) -> dict[str, list[tuple[date, date]]]:
    """By account: the mornings, from the first to the last, on which something explains that it uses less."""
    found: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for account, first, last in (*incidents(world), *closures(world), *downgrades(world)):
        found[account].append((first, last))
    return found


def incidents(world: World) -> Iterator[tuple[str, date, date]]:
    for row in world.latest("raw_incidents", ["incident_id"]):
        for account in [row["account_id"]] if row["account_id"] else created(world):
            yield account, *mornings(world, row["started_at"], row["ended_at"])


def closures(world: World) -> Iterator[tuple[str, date, date]]:
    for row in world.rows("raw_account_flags"):
        if row["flag"] == "seasonal_closure" and world.past(row["starts_at"]):
            yield row["account_id"], *mornings(world, row["starts_at"], row["ends_at"])


def mornings(world: World, start: str, end: str) -> tuple[date, date]:
    """From the day it began until none of its days is among the seven before."""
    return berlin(time(start)), berlin(world.past(end) or world.as_of) + timedelta(days=7)


def downgrades(world: World) -> Iterator[tuple[str, date, date]]:
    before: dict[str, Raw] = {}
    for row in sorted(world.rows("raw_subscriptions"), key=lambda row: row["changed_at"]):
        older = before.get(row["subscription_id"])
        if older and row["status"] in LIVE and Decimal(row["mrr"]) < Decimal(older["mrr"]):
            day = berlin(time(row["changed_at"]))
            yield row["account_id"], day, day + timedelta(days=14)
        before[row["subscription_id"]] = row
