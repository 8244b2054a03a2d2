"""Customer.io's bodies: items of a v2 batch, transactional messages and broadcasts, and what is too long for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Member, Operation
from destinations.times import unix

NAME, VALUE, ATTRIBUTES, EVENT = 150, 1000, 300, 100
"""Bytes of an attribute's (or person's) name and value, how many attributes, and bytes of an event's name."""
ADDRESSED = {"email": "email", "sms": "phone", "whatsapp": "phone"}
"""Kind of a transactional message → the identifier that it is sent to."""
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def item(batch: Batch, member: Member, forget_by: str) -> dict[str, Any]:
    """One entry of a v2 batch."""
    who = {"type": "person", "identifiers": {"id": member.person}}
    if batch.operation is Operation.DELETE:
        return {**who, "action": forget_by}
    if batch.operation is not Operation.TRIGGER:
        contact = {kind: member.identifiers[kind] for kind in ("email", "phone") if kind in member.identifiers}
        return {**who, "action": "identify", "attributes": {**timed(member), **contact}}
    event = {**who, "action": "event", "name": batch.event, "id": ulid(member), "attributes": timed(member)}
    return event | ({"timestamp": int(member.occurred_at.timestamp())} if member.occurred_at else {})


def timed(member: Member) -> dict[str, Json]:
    """A member's columns, times among them as Customer.io's conditions read them."""
    return {name: unix(value) for name, value in member.attributes.items()}


def ulid(member: Member) -> str:
    """The same ULID for the same operation: its time in 48 bits, 80 bits of the SHA-256 of its id."""
    moment = int(member.occurred_at.timestamp() * 1000) if member.occurred_at else 0
    number = (moment << 80) | int.from_bytes(hashlib.sha256(member.id.encode()).digest()[:10])
    return "".join(_ULID[number >> shift & 31] for shift in range(125, -1, -5))


def too_long(batch: Batch, member: Member) -> str:
    """Why Customer.io would refuse the member, or nothing."""
    if _bytes(member.person) > NAME:
        return f"a key of more than {NAME} bytes"
    if batch.operation is Operation.TRIGGER:
        return f"an event's name of more than {EVENT} bytes" if _bytes(batch.event) > EVENT else ""
    if len(member.attributes) > ATTRIBUTES:
        return f"more than {ATTRIBUTES} attributes"
    named = next((name for name in member.attributes if _bytes(name) > NAME), "")
    long = next((name for name, value in member.attributes.items() if _bytes(value) > VALUE), "")
    if named or long:
        return f"a name of more than {NAME} bytes" if named else f"{long} is longer than {VALUE} bytes"
    return ""


def _bytes(value: Json) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode())


def transactional(member: Member, message: str, kind: str) -> dict[str, Any]:
    """One transactional message, to somebody who has not unsubscribed."""
    to = {"to": member.identifiers[ADDRESSED[kind]]} if kind in ADDRESSED else {}
    # Who has unsubscribed is asked of what reaches a person outside the app.
    consent = {} if kind in ("inbox_message", "in_app") else {"send_to_unsubscribed": False}
    return {
        "transactional_message_id": message,
        **to,
        "identifiers": {"id": member.person},
        "message_data": dict(member.attributes),
        **consent,
    }


def broadcast(members: tuple[Member, ...]) -> Mapping[str, Any]:
    """One broadcast with the data of each person; who is not in the workspace is left out, not all with them."""
    people = [{"id": member.person, "data": dict(member.attributes)} for member in members]
    return {"per_user_data": people, "id_ignore_missing": True}
