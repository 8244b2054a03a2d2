"""Transactional messages and API-triggered broadcasts of Customer.io: nothing makes a repeat of them harmless."""

from __future__ import annotations

from urllib.parse import quote

from destinations.answers import unaccepted
from destinations.customerio_api import App
from destinations.customerio_bodies import broadcast, transactional
from destinations.protocol import Batch, Exchange, Limits, Refused, Verdict, every

SENDS = Limits(rates=((100, 1.0),), rate_class="app-send")
BROADCAST = Limits(rows=10_000, bytes=24_000_000, row_bytes=49_000, rates=((1, 10.0),), rate_class="broadcasts")


def start(app: App, batch: Batch, message: str, kind: str) -> Exchange:
    """Start the transactional message of that id for one person."""
    [member] = batch.members
    if kind == "email" and "email" not in member.identifiers:
        return every(batch, Verdict.REJECTED, "no e-mail address")
    response = yield app.ask("POST", f"send/{kind}", transactional(member, message, kind), limits=SENDS)
    if response.ok and isinstance(response.get("delivery_id"), str):
        return every(batch, Verdict.ACCEPTED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no transactional message {message}: correct it under emails or pushes")
    return unaccepted(batch, response)


def announce(app: App, batch: Batch, number: str) -> Exchange:
    """Start the broadcast of that number for these people."""
    path = f"campaigns/{quote(number, safe='')}/triggers"
    response = yield app.ask("POST", path, broadcast(batch.members), limits=BROADCAST)
    if response.ok and isinstance(response.get("id"), int):
        return every(batch, Verdict.ACCEPTED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no API-triggered broadcast {number}: correct it under broadcasts")
    return unaccepted(batch, response)
