"""What Mixpanel is told of a member: updates of the profile, or one event."""

from __future__ import annotations

import re
import uuid
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Member, Operation

LONGEST = 255
"""Characters of a name, bytes of a text, and properties of an event, beyond which Mixpanel cuts off."""
_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_OWN = 3
"""Properties of an event that are ours: time, person and the id that dedupes it."""
_CONTACT = {"email": "$email", "phone": "$phone"}


def profile_updates(settings: Any, batch: Batch, member: Member) -> list[dict[str, Json]]:
    """Updates of one profile: an update carries one kind of change."""
    who: dict[str, Json] = {"$token": settings.project_token, "$distinct_id": member.person}
    name = settings.property
    if batch.operation is Operation.DELETE:
        return [{**who, "$delete": ""}]
    if batch.operation is Operation.REMOVE:
        return [{**who, "$remove": {name: batch.audience}}]
    contact = {field: member.identifiers[kind] for kind, field in _CONTACT.items() if kind in member.identifiers}
    given = {key: value for key, value in member.attributes.items() if value is not None} | contact
    cleared = [key for key, value in member.attributes.items() if value is None]
    return [
        *([{**who, "$set": given}] if given else []),
        *([{**who, "$unset": cleared}] if cleared else []),
        *([{**who, "$union": {name: [batch.audience]}}] if batch.operation is Operation.ADD else []),
    ]


def too_long(batch: Batch, member: Member) -> str:
    """What Mixpanel would cut off, or nothing."""
    if batch.operation in (Operation.REMOVE, Operation.DELETE):
        return ""
    if len(batch.event or "") > LONGEST:
        return f"an event's name of more than {LONGEST} characters"
    if batch.operation is Operation.TRIGGER and len(member.attributes) > LONGEST - _OWN:
        return f"more than {LONGEST - _OWN} columns"
    for name, value in member.attributes.items():
        if len(name) > LONGEST or (isinstance(value, str) and len(value.encode()) > LONGEST):
            return f"{name[:LONGEST]} is longer than {LONGEST} bytes"
    return ""


def occurrence(batch: Batch, member: Member) -> dict[str, Json]:
    """One event; `$insert_id` is the operation's id where that has the form Mixpanel takes, else a UUID made of it."""
    moment = member.occurred_at or batch.at
    known = _INSERT_ID.fullmatch(member.id)
    unique = member.id if known else str(uuid.uuid5(uuid.NAMESPACE_URL, f"tailrace:{member.id}"))
    time = {"time": int(moment.timestamp())} if moment else {}
    return {"event": batch.event, "properties": {**member.attributes, **time, "distinct_id": member.person,
                                                 "$insert_id": unique}}  # fmt: skip
