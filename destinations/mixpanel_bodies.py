"""What Mixpanel is told of a member: updates of the profile, or one event."""

from __future__ import annotations

import re
import uuid
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Member, Operation

_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
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


def occurrence(batch: Batch, member: Member) -> dict[str, Json]:
    """One event; `$insert_id` is the operation's id where that has the form Mixpanel takes, else a UUID made of it."""
    moment = member.occurred_at or batch.at
    known = _INSERT_ID.fullmatch(member.id)
    unique = member.id if known else str(uuid.uuid5(uuid.NAMESPACE_URL, f"tailrace:{member.id}"))
    time = {"time": int(moment.timestamp())} if moment else {}
    return {"event": batch.event, "properties": {**member.attributes, **time, "distinct_id": member.person,
                                                 "$insert_id": unique}}  # fmt: skip
