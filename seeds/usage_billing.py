"""Filler companies as the usage billing system exports them: customers, contracts, credits, drafts, invoices, events.

The tables and columns are those of Metronome's warehouse export. Its objects are appended at least once, each with
`environment_type`; balances and drafts are daily snapshots.
"""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal

from days import LAST_AS_OF, as_of
from draw import between, chance, code, moment
from tables import Row

EVERY = 8
"""One company in so many is billed this way."""
SNAPSHOTS = 30
PERIOD = timedelta(days=30)
GRANTED = 10_000


def billed_by_usage(number: int) -> Iterator[Row]:
    if number % EVERY:
        return
    key = f"b_{500 + number:05}"
    customer = f"mc_{code('customer', key)}"
    opened = as_of(-120)
    yield exported(
        "metronome_customer",
        opened,
        id=customer,
        name=f"Company {number}",
        ingest_aliases=json.dumps([key]),
        billing_provider_customer_id=f"cus_{code('provider', key)}",
        created_at=opened,
    )
    contract = f"mk_{code('contract', key)}"
    values = {"id": contract, "customer_id": customer, "starting_at": opened, "ending_before": as_of(3 + number % 60)}
    yield exported("metronome_contracts_contracts", opened, **values, snapshot_id=code("snapshot", 0))
    yield from credits(key, customer, contract)
    yield from costs(key, customer)
    yield from metered(key, customer)


def exported(table: str, updated: datetime, **values: object) -> Row:
    """A row of the export: it lands within two to four hours."""
    landing = updated + timedelta(minutes=between(f"{table}{sorted(values.items(), key=str)}", "transfer", 120, 240))
    return f"raw_{table}", {"environment_type": "PRODUCTION", "updated_at": updated, "loaded_at": landing} | values


def credits(key: str, customer: str, contract: str) -> Iterator[Row]:
    """One prepaid grant, burnt down day by day; the last company's is nearly gone."""
    burn = between(key, "burn", 60, 420)
    left = Decimal(between(key, "left", 3_000, 9_000))
    schedule = json.dumps({"schedule_items": [{"amount": GRANTED // 2}, {"amount": GRANTED // 2}]})
    for nth in range(SNAPSHOTS):
        at = LAST_AS_OF - timedelta(days=SNAPSHOTS - nth, hours=4)
        left = max(Decimal(0), left - between(f"{key}{nth}", "burnt", burn // 2, burn))
        values = {"id": f"mg_{code('grant', key)}", "customer_id": customer, "contract_id": contract, "type": "PREPAID"}
        values |= {"name": "Credits", "access_schedule": schedule, "balance": left}
        yield exported("metronome_contracts_balances", at, **values, snapshot_id=code("snapshot", nth))


def costs(key: str, customer: str) -> Iterator[Row]:
    """Three finished periods, and drafts of the running one; now and then a draft is taken before all usage is in."""
    begin = datetime.combine((as_of(-100) + timedelta(days=between(key, "anchor", 0, 9))).date(), time())
    monthly = between(key, "monthly", 300, 1500)
    grows = 3 if chance(key, "spikes", 0.3) else 1
    start = begin
    while start < LAST_AS_OF:
        end = start + PERIOD
        period = {"id": f"mi_{code('invoice', key, start)}", "customer_id": customer}
        period |= {"start_timestamp": start, "end_timestamp": end}
        total = Decimal(between(f"{key}{start}", "total", monthly * 9 // 10, monthly * 11 // 10))
        if end < LAST_AS_OF:
            issued = end + timedelta(hours=2)
            yield exported("metronome_invoice", issued, **period, status="FINALIZED", total=total, issued_at=issued)
        for day in range(1, 31, 4):
            at = start + timedelta(days=day, hours=3)
            if as_of(-20) < at < min(end, LAST_AS_OF):
                status = "DRAFT_INCOMPLETE" if chance(f"{key}{at}", "incomplete", 0.1) else "DRAFT"
                so_far = (total * (grows if end > LAST_AS_OF else 1) * day / 30).quantize(Decimal("0.01"))
                names = {"_metronome_metadata_id": code("draft", key, at), "status": status, "total": so_far}
                yield exported("metronome_draft_invoice", at, **period, **names, snapshot_time=at)
        start = end


def metered(key: str, customer: str) -> Iterator[Row]:
    for nth in range(8):
        at = moment(f"{key}{nth}", "metered", as_of(-2), LAST_AS_OF)
        values = {"transaction_id": f"tx_{code('tx', key, nth)}", "customer_id": customer, "event_type": "api_calls"}
        quantity = json.dumps({"quantity": between(f"{key}{nth}", "quantity", 1, 50)})
        yield exported("metronome_events", at, **values, timestamp=at, properties=quantity)
