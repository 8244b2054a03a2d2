"""Transactional messages and API-triggered broadcasts of Customer.io: nothing makes a repeat of them harmless.

A broadcast is worked off later and leaves out, without a word, whoever the workspace does not know. So its people are
pending: when it has been processed, its errors are read and the workspace is asked whom of them it has.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from destinations.answers import pending, unaccepted
from destinations.customerio_api import App
from destinations.customerio_bodies import ADDRESSED, broadcast, transactional
from destinations.http import Request, Response, walk
from destinations.protocol import Batch, Exchange, Job, Limits, Member, Outcome, Refused, Verdict, every

if TYPE_CHECKING:
    from destinations.customerio import CustomerioSettings

SETTINGS = {"email": "emails", "push": "pushes", "sms": "sms", "whatsapp": "whatsapps",
            "inbox_message": "inbox_messages", "in_app": "in_app_messages"}  # fmt: skip
"""Kind of a transactional message → the setting that names which event starts which."""
SENDS = Limits(rates=((100, 1.0),), rate_class="app-send")
BROADCAST = Limits(rows=10_000, bytes=24_000_000, row_bytes=49_000, rates=((1, 10.0),), rate_class="broadcasts")
_LOOKUP = 100
_UNPROCESSED = "the broadcast has not been processed"


def message_of(settings: CustomerioSettings, event: str | None) -> tuple[str, str]:
    """Id and kind of the transactional message that an event starts; empty where it starts none."""
    named = {kind: getattr(settings, field).get(event) for kind, field in SETTINGS.items()}
    return next(((message, kind) for kind, message in named.items() if message), ("", ""))


def start(app: App, batch: Batch, message: str, kind: str) -> Exchange:
    """Start the transactional message of that id for one person."""
    [member] = batch.members
    if kind in ADDRESSED and ADDRESSED[kind] not in member.identifiers:
        return every(batch, Verdict.REJECTED, f"no {ADDRESSED[kind]}")
    response = yield app.ask("POST", f"send/{kind}", transactional(member, message, kind), limits=SENDS)
    if response.ok and isinstance(response.get("delivery_id"), str):
        return every(batch, Verdict.ACCEPTED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no transactional message {message}: correct it under {SETTINGS[kind]}")
    return unaccepted(batch, response)


def announce(app: App, batch: Batch, number: str) -> Exchange:
    """Start the broadcast of that number for these people."""
    path = f"campaigns/{quote(number, safe='')}/triggers"
    response = yield app.ask("POST", path, broadcast(batch.members), limits=BROADCAST)
    trigger = response.get("id")
    if response.ok and type(trigger) is int:
        return pending(f"{number}/{trigger}", batch.members, _UNPROCESSED)
    if response.status == 404:
        raise Refused(f"Customer.io knows no API-triggered broadcast {number}: correct it under broadcasts")
    return unaccepted(batch, response)


def read_broadcast(app: App, job: Job) -> Exchange:
    """How a broadcast stands, or ended for each: who is not in the workspace was left out."""
    path = "campaigns/{}/triggers/{}".format(*(quote(part, safe="") for part in f"{job.id}/".split("/")[:2]))
    response = yield app.ask("GET", path)
    if response.status in (400, 404):
        return every(job, Verdict.UNKNOWN, "Customer.io knows the broadcast no longer")
    processed = response.get("processed_at")
    if not response.ok or type(processed) is not int or processed <= 0:
        return pending(job.id, job.members, _UNPROCESSED if response.ok else f"HTTP {response.status}")
    errors = yield from _read_errors(app, path)
    known = yield from _who_is_known(app, job.members)
    if isinstance(errors, Response) or isinstance(known, Response):
        return pending(job.id, job.members, "the broadcast has been processed, but how could not be read")
    if errors:
        return every(job, Verdict.UNKNOWN, f"the broadcast has {len(errors)} errors: Customer.io lists them there")
    return [Outcome(m.id, Verdict.ACCEPTED) if m.person in known
            else Outcome(m.id, Verdict.REJECTED, "not in Customer.io") for m in job.members]


def _read_errors(app: App, path: str) -> Generator[Request, Response, list[Any] | Response]:
    """The errors of a broadcast, all pages of them, or the answer that told none."""
    found, start = list[Any](), ""
    while True:
        response = yield app.ask("GET", f"{path}/errors", query={"start": start, "limit": 100} if start else {})
        errors, before, start = response.get("errors"), start, str(response.get("next") or "")
        if not response.ok or not isinstance(errors, list):
            return response
        found += errors
        if start in ("", before):
            return found


def _who_is_known(app: App, members: Sequence[Member]) -> Generator[Request, Response, set[str] | Response]:
    """The keys of those who are in the workspace, or the answer that did not say."""
    found = set[str]()
    for at in range(0, len(members), _LOOKUP):
        ids = [member.person for member in members[at : at + _LOOKUP]]
        response = yield app.ask("POST", "customers/attributes", {"ids": ids}, query={"id_type": "id"}, reads=True)
        people = response.get("customers")
        if not response.ok or not isinstance(people, list):
            return response
        found |= {str(walk(one, "customer", "id")) for one in people}
    return found
