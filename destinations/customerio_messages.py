"""Transactional messages and API-triggered broadcasts of Customer.io: nothing makes a repeat of them harmless."""

from __future__ import annotations

from urllib.parse import quote

from destinations.answers import unaccepted
from destinations.customerio_api import Api
from destinations.customerio_bodies import broadcast, transactional
from destinations.protocol import Batch, Exchange, Limits, Refused, Verdict, every

SENDS = Limits(rates=((100, 1.0),), rate_class="app-send")
BROADCAST = Limits(rows=10_000, bytes=24_000_000, row_bytes=49_000, rates=((1, 10.0),), rate_class="broadcasts")


def start(api: Api, batch: Batch, message: str, kind: str) -> Exchange:
    """Start the transactional message of that id for one person."""
    [member] = batch.members
    if kind == "email" and "email" not in member.identifiers:
        return every(batch, Verdict.REJECTED, "no e-mail address")
    response = yield api.ask("POST", f"/v1/send/{kind}", transactional(member, message, kind), SENDS)
    if response.ok and isinstance(response.get("delivery_id"), str):
        return every(batch, Verdict.ACCEPTED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no transactional message {message}: correct it under emails or pushes")
    return unaccepted(batch, response)


def announce(api: Api, batch: Batch, number: str) -> Exchange:
    """Start the broadcast of that number for these people."""
    path = f"/v1/campaigns/{quote(number, safe='')}/triggers"
    response = yield api.ask("POST", path, broadcast(batch.members), BROADCAST)
    if response.ok and isinstance(response.get("id"), int):
        return every(batch, Verdict.ACCEPTED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no API-triggered broadcast {number}: correct it under broadcasts")
    return unaccepted(batch, response)
