"""What is known of a filler company besides its contract: flags, sales, use of the product; and companies on trial."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from billing_facts import account, member, subscription
from days import LAST_AS_OF, as_of
from draw import between, chance, code, moment, pick
from facts import landed
from shoppers import BLOCK, COMPANIES_A_BLOCK, SEATS, shopper
from tables import Row

FLAGS = ("manual_terms", "grace_agreed", "prepaid_overage", "planned_launch", "seasonal_closure", "legal_hold")
NAMES = ("signed_in", "signed_in", "feature_used", "feature_used", "feature_used", "premium_feature_attempted")
WEEKS = 6
TRIALS = 12
OUTAGES = (
    (None, "incident", datetime(2026, 10, 5, 9), datetime(2026, 10, 5, 17)),
    (None, "maintenance", datetime(2026, 9, 27, 0), datetime(2026, 9, 27, 4)),
    ("b_00503", "incident", datetime(2026, 10, 22, 10), datetime(2026, 10, 24, 10)),
)


def growth_rows(number: int, members: list[tuple[str, str]]) -> Iterator[Row]:
    """For the company of this number, with its members' refs and roles."""
    key = f"b_{500 + number:05}"
    if chance(key, "card", 0.7):
        yield flag(key, pick(key, "which card flag", ("card_on_file", "card_on_file", "auto_recharge")), as_of(-100))
    if chance(key, "flagged", 0.1):
        yield flag(key, pick(key, "flag", FLAGS), moment(key, "flagged at", as_of(-30), LAST_AS_OF))
    if chance(key, "sold to", 0.2):
        yield from opportunity(key)
    for ref, role in members:
        if chance(f"{key}{role}", "on holiday", 0.02):
            yield flag(None, "vacation", as_of(-6), ref=ref, until=as_of(8))
        if number % 2 == 0:
            yield from used(key, ref, role)


def flag(
    account_id: str | None, name: str, since: datetime, *, ref: str | None = None, until: datetime | None = None
) -> Row:
    key = code("flag", account_id, ref, name)
    values = {"flag_id": f"fl_{key}", "account_id": account_id, "person_ref": ref, "flag": name, "starts_at": since}
    return "raw_account_flags", values | {"ends_at": until, "loaded_at": landed(key, since)}


def opportunity(account_id: str) -> Iterator[Row]:
    """A change feed: opened, and mostly decided some weeks later."""
    opened = moment(account_id, "opportunity", as_of(-60), as_of(8))
    values = {"opportunity_id": f"op_{account_id[2:]}", "account_id": account_id, "opened_at": opened}
    values |= {"kind": pick(account_id, "sold what", ("expansion", "expansion", "renewal", "new"))}
    values |= {"amount": Decimal(between(account_id, "worth", 5, 90) * 100)}
    stage = between(account_id, "stage", 1, 4)
    row = values | {"stage": stage, "status": "open", "changed_at": opened}
    yield "raw_opportunities", row | {"loaded_at": landed(account_id, opened)}
    if chance(account_id, "decided", 0.5):
        closed = opened + timedelta(days=between(account_id, "decides after", 5, 30))
        won = chance(account_id, "won", 0.5)
        row = values | {"stage": 5 if won else stage, "status": "won" if won else "lost", "closed_at": closed}
        yield "raw_opportunities", row | {"changed_at": closed, "loaded_at": landed(account_id, closed)}


def used(account_id: str, ref: str, role: str) -> Iterator[Row]:
    """A busy member is seen about twice a week; some never come."""
    if chance(f"{account_id}{role}", "idle", 0.3):
        return
    for week in range(WEEKS):
        for nth in range(2):
            key = f"{account_id} {role} {week} {nth}"
            if chance(key, "comes", 0.6):
                end = LAST_AS_OF - timedelta(weeks=week)
                yield did(account_id, ref, pick(key, "does", NAMES), moment(key, "at", end - timedelta(weeks=1), end))


def did(account_id: str, ref: str, name: str, at: datetime) -> Row:
    key = code("did", account_id, ref, name, at)
    values = {"event_id": f"d_{key}", "account_id": account_id, "person_ref": ref, "name": name, "occurred_at": at}
    return "raw_product_events", values | {"loaded_at": landed(key, at)}


def trial_rows() -> Iterator[Row]:
    """Companies that try the product during the replay days, a new one about every other day."""
    for nth in range(TRIALS):
        key = f"b_t{nth:04}"
        started = as_of(2 * nth - 15) + timedelta(hours=between(key, "hour", 1, 12))
        ref = shopper(COMPANIES_A_BLOCK * SEATS + BLOCK * nth).ref
        yield account(key, f"Trial {nth}", started, kind="b2b", domain=f"trial-{nth}.example")
        yield member(key, ref, "owner", started)
        yield subscription(key, "team", "trialing", started, started, seats=3)
        yield did(key, ref, "signed_in", started + timedelta(minutes=9))
        if chance(key, "auto", 0.25):
            yield flag(key, "auto_convert", started)
        if nth % 3 == 0:
            yield did(key, ref, "activated", started + timedelta(days=3))
        if nth % 3 != 1:
            yield from (did(key, ref, "feature_used", started + timedelta(days=day, hours=3)) for day in range(8, 14))
        if nth % 2 and started + timedelta(days=14) < LAST_AS_OF:
            yield subscription(key, "team", "active", started, started + timedelta(days=14), seats=3)


def outage_rows() -> Iterator[Row]:
    for given in OUTAGES:
        yield from outage(*given)


def outage(account_id: str | None, kind: str, start: datetime, end: datetime) -> Iterator[Row]:
    """One row when it begins, one more when it is over."""
    key = code("outage", account_id, kind, start)
    values = {"incident_id": f"in_{key}", "account_id": account_id, "kind": kind, "started_at": start}
    yield "raw_incidents", values | {"loaded_at": landed(key, start)}
    yield "raw_incidents", values | {"ended_at": end, "loaded_at": landed(key, end)}
