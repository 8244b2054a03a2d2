"""U1 to U6 over the shop's invoice lines."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd

ORIGINAL = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


@dataclass(frozen=True, slots=True)
class Line:
    """A purchase or refund line; the amount is in thousandths, so sums are exact."""

    person: str
    invoice: str
    code: str
    day: date
    amount: int

    @property
    def is_product(self) -> bool:
        return len(self.code) >= 5 and all(sign in "0123456789" for sign in self.code[:5])


@dataclass(frozen=True, slots=True)
class Facts:
    """What the shop has written down, as two lists."""

    purchases: list[Line]
    refunds: list[Line]


def read(folder: Path) -> Facts:
    rows = pd.read_parquet(folder / "uci_online_retail.parquet", columns=ORIGINAL).drop_duplicates()
    facts = Facts([], [])
    for invoice, code, _, quantity, moment, price, customer, _ in rows.itertuples(index=False, name=None):
        if pd.isna(customer):
            continue
        line = Line(customer.removesuffix(".0"), invoice, code, moment.date(), int(quantity) * int(price * 1000))
        if invoice.startswith("C"):
            if quantity < 0:
                facts.refunds.append(line)
        elif not invoice.startswith("A") and quantity > 0 and price > 0:
            facts.purchases.append(line)
    return facts


def winback_45_120(facts: Facts, day: date) -> set[str]:
    last: dict[str, date] = {}
    for line in facts.purchases:
        if line.day <= day:
            last[line.person] = max(last.get(line.person, line.day), line.day)
    return {person for person, latest in last.items() if 45 <= (day - latest).days <= 120}


def vip(facts: Facts, day: date) -> set[str]:
    first = day - timedelta(days=364)
    invoices, revenue = defaultdict(set), defaultdict(int)
    for line in facts.purchases:
        if first <= line.day <= day:
            invoices[line.person].add(line.invoice)
            revenue[line.person] += line.amount
    for line in facts.refunds:
        if first <= line.day <= day:
            revenue[line.person] += line.amount
    return {person for person, bought in invoices.items() if len(bought) >= 5 and revenue[person] >= 2_000_000}


def refunded_30d(facts: Facts, day: date) -> set[str]:
    first = day - timedelta(days=29)
    returned = defaultdict(int)
    for line in facts.refunds:
        if first <= line.day <= day and line.is_product:
            returned[line.person] -= line.amount
    return {person for person, amount in returned.items() if amount >= 20_000}


def replenishment_due(facts: Facts, day: date) -> set[str]:
    bought = defaultdict(set)
    for line in facts.purchases:
        if line.day <= day and line.is_product:
            bought[line.person, line.code].add(line.day)
    return {person for (person, _), days in bought.items() if len(days) >= 3 and _is_due(sorted(days), day)}


def _is_due(days: list[date], day: date) -> bool:
    gap = median((later - earlier).days for earlier, later in pairwise(days))
    return 7 <= gap <= 120 and gap <= (day - days[-1]).days <= 1.5 * gap


def one_time_buyer_30_90(facts: Facts, day: date) -> set[str]:
    invoices = defaultdict(dict)
    for line in facts.purchases:
        if line.day <= day:
            invoices[line.person][line.invoice] = line.day
    only = {person: next(iter(dated.values())) for person, dated in invoices.items() if len(dated) == 1}
    return {person for person, bought in only.items() if 30 <= (day - bought).days <= 90}


def high_aov(facts: Facts, day: date) -> set[str]:
    invoices, gross = defaultdict(set), defaultdict(int)
    for line in facts.purchases:
        if line.day <= day:
            invoices[line.person].add(line.invoice)
            gross[line.person] += line.amount
    return {
        person for person, bought in invoices.items() if len(bought) >= 2 and gross[person] >= 500_000 * len(bought)
    }
