"""Filler companies: subscriptions, seats, invoices, daily usage and quotas, each a function of the company's number."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing_facts import account, invoice, member, quota, subscription, usage
from days import HISTORY_START, LAST_AS_OF, as_of
from draw import between, chance, moment, pick, share
from facts import calendar
from growth import growth_rows
from shoppers import BLOCK, COMPANIES_A_BLOCK, SEATS, shopper
from tables import Row
from usage_billing import billed_by_usage

METERING_START = date(2026, 9, 12)
"""Usage of most companies is metered since then; every tenth one has its whole history."""
LAST_DAY = date(2026, 11, 3)
RETRY_HOURS = 44
REASONS = ("price", "price", "missing feature", "closed", "fraud")
ROLES = ("owner", "admin", "billing", "member")
WEEK = (1.0, 1.05, 1.1, 1.05, 0.95, 0.5, 0.45)


def seats_of(number: int) -> Iterator[tuple[int, str]]:
    """The serials of a company's people, with their roles."""
    first = number // COMPANIES_A_BLOCK * BLOCK + number % COMPANIES_A_BLOCK * SEATS
    return ((first + seat, role) for seat, role in enumerate(ROLES))


def company_rows(number: int) -> Iterator[Row]:
    key = f"b_{500 + number:05}"
    started = moment(key, "started", HISTORY_START, datetime(2026, 9, 1))
    domain = f"company-{number}.example"
    yield account(key, f"Company {number}", started, kind="b2b", domain=domain, internal=chance(key, "internal", 0.01))
    yield from members(key, number, started)
    plan = pick(key, "plan", ("starter", "team", "team", "scale"))
    seats = between(key, "seats", 4, 20)
    term = 6 if number % 6 == 0 else 24 if number % 17 == 0 else 12
    yield subscription(key, plan, "trialing", started, started, seats=seats, term=term)
    yield subscription(key, plan, "active", started, started + timedelta(days=14), seats=seats, term=term)
    if chance(key, "cancels", 0.06):
        at = moment(key, "cancelled", as_of(-40), LAST_AS_OF)
        yield subscription(
            key, plan, "cancelled", started, at, seats=seats, term=term, cancelled=at, reason=pick(key, "why", REASONS)
        )
    elif chance(key, "past due", 0.08):
        at = moment(key, "past due at", as_of(-10), LAST_AS_OF)
        yield subscription(key, plan, "past_due", started, at, seats=seats, term=term)
    yield from invoices(key, started, Decimal({"starter": 19, "team": 29, "scale": 49}[plan] * seats))
    yield from metered(key, number, started.date())
    yield from growth_rows(number, [(shopper(serial).ref, role) for serial, role in seats_of(number)])
    yield from billed_by_usage(number)


def members(key: str, number: int, started: datetime) -> Iterator[Row]:
    for serial, role in seats_of(number):
        left = as_of(-20) if chance(f"{key}{role}", "left", 0.05) else None
        who = shopper(serial)
        yield member(key, who.ref, role, max(started, who.created), left)
    if number % 12 == 1:  # somebody who looks after the neighbouring company too
        serial = next(seats_of(number - 1))[0]
        who = shopper(serial)
        yield member(key, who.ref, "admin", max(started, who.created))


def invoices(key: str, started: datetime, amount: Decimal) -> Iterator[Row]:
    for nth in range(1, 8):
        issued = started + timedelta(days=30 * nth)
        first_try = issued + timedelta(hours=3)
        if issued >= LAST_AS_OF:
            return
        fails = between(f"{key} {nth}", "fails", 1, 3) if chance(f"{key} {nth}", "fails at all", 0.55) else 0
        failures = tuple(first_try + timedelta(hours=RETRY_HOURS * attempt) for attempt in range(fails))
        paid = first_try + timedelta(hours=RETRY_HOURS * fails)
        lost = fails == 3 and chance(f"{key} {nth}", "lost", 0.5)
        yield from invoice(key, f"v_{key[2:]}_{nth}", amount, issued, paid=None if lost else paid, failures=failures)


def metered(key: str, number: int, started: date) -> Iterator[Row]:
    """Usage by weekday; some companies fall silent. Quota periods are 30 days from an anchor day of their own."""
    first = max(started, HISTORY_START.date() if number % 10 == 0 else METERING_START)
    base = between(key, "base", 40, 900)
    falls = LAST_DAY - timedelta(days=between(key, "falls", 0, 30)) if chance(key, "drop", 0.25) else None
    for day in calendar(first, LAST_DAY):
        level = 0.25 if falls and day >= falls else 1.0
        noise = 0.9 + 0.2 * share(f"{key}{day}", "noise")
        yield usage(key, day, int(base * WEEK[day.weekday()] * level * noise))
    yield from quotas(key, base)


def quotas(key: str, base: int) -> Iterator[Row]:
    monthly = base * 26
    tightness = between(key, "tightness", 70, 160)
    amount = None if chance(key, "unlimited", 0.1) else monthly * tightness // 100
    start = METERING_START + timedelta(days=between(key, "anchor", 0, 29) - 30)
    while start <= LAST_DAY:
        yield quota(key, amount, start, start + timedelta(days=30))
        start += timedelta(days=30)
