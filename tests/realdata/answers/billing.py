"""A1 over the invoices of one source, R1 and R2 over the subscriptions, usage and tickets of another."""

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

MONTHS = {"monthly": 1, "annual": 12}


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows of each table as dictionaries, dates as they stand in the source, future ones included."""

    invoices: list[dict[str, Any]]
    subscriptions: list[dict[str, Any]]
    usage: list[dict[str, Any]]
    tickets: list[dict[str, Any]]


def read(folder: Path) -> Facts:
    return Facts(
        invoices=_rows(folder / "ibm_accounts_receivable.parquet"),
        subscriptions=_rows(folder / "ravenstack_subscriptions.parquet"),
        usage=_rows(folder / "ravenstack_feature_usage.parquet"),
        tickets=_rows(folder / "ravenstack_support_tickets.parquet"),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in pd.read_parquet(path).to_dict("records")
    ]


def overdue_but_active(facts: Facts, day: date) -> set[str]:
    issued = [invoice for invoice in facts.invoices if invoice["InvoiceDate"] <= day]
    unpaid = [row for row in issued if row["SettledDate"] is None or row["SettledDate"] > day]
    overdue = {row["customerID"] for row in unpaid if row["DueDate"] < day}
    return overdue & {row["customerID"] for row in issued if row["InvoiceDate"] >= day - timedelta(days=29)}


def renewal_7d_no_usage_30d(facts: Facts, day: date) -> set[str]:
    first = day - timedelta(days=29)
    used = {row["subscription_id"] for row in facts.usage if first <= row["usage_date"] <= day}
    return {
        row["account_id"]
        for row in _paying(facts, day)
        if row["subscription_id"] not in used and _next_renewal(row, day) <= day + timedelta(days=7)
    }


def churn_risk_support(facts: Facts, day: date) -> set[str]:
    first = day - timedelta(days=29)
    recent = [row for row in facts.tickets if first <= row["submitted_at"].date() <= day]
    pressing = Counter(row["account_id"] for row in recent if row["priority"] in ("high", "urgent"))
    escalated = {row["account_id"] for row in recent if row["escalation_flag"] == "True"}
    paying = {row["account_id"] for row in _paying(facts, day)}
    return paying & (escalated | {account for account, tickets in pressing.items() if tickets >= 2})


def _paying(facts: Facts, day: date) -> list[dict[str, Any]]:
    started = [row for row in facts.subscriptions if row["start_date"] <= day and row["is_trial"] == "False"]
    return [row for row in started if row["end_date"] is None or row["end_date"] > day]


def _next_renewal(subscription: dict[str, Any], day: date) -> date:
    term = MONTHS[subscription["billing_frequency"]]
    renewals = (_add_months(subscription["start_date"], term * k) for k in count(1))
    return next(renewal for renewal in renewals if renewal > day)


def _add_months(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
