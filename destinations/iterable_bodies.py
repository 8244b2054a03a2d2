"""Iterable's bodies: whom a call names, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Member, Operation

_TEXT = 32_000
"""Characters of a field; Iterable says about 32k."""


def writing(batch: Batch, members: Sequence[Member], identifier: str) -> tuple[str, dict[str, Any]]:
    """Path and body of one call, in a project that knows people by `identifier`."""
    if batch.operation is Operation.TRIGGER:
        return "events/trackBulk", {"events": [event(batch, member, identifier) for member in members]}
    if batch.operation is Operation.REMOVE:
        subscribers = [who(member, identifier) for member in members]
        frame = {"listId": int(batch.target or 0), "channelUnsubscribe": False}
        return "lists/unsubscribe", {**frame, "subscribers": subscribers}
    people = [person(member, identifier) for member in members]
    if batch.operation is Operation.ADD:
        frame = {"listId": int(batch.target or 0), "updateExistingUsersOnly": False}
        return "lists/subscribe", {**frame, "subscribers": people}
    users = [{**one, "mergeNestedObjects": False} for one in people]
    return "users/bulkUpdate", {"users": users, "createNewFields": True}


def too_long(batch: Batch, member: Member) -> str:
    """Why Iterable would not keep a field of a person, or nothing."""
    if batch.operation not in (Operation.ADD, Operation.UPDATE):
        return ""
    long = [name for name, value in member.attributes.items() if isinstance(value, str) and len(value) > _TEXT]
    return f"{long[0]} is longer than {_TEXT} characters" if long else ""


def who(member: Member, identifier: str) -> dict[str, Json]:
    """What names a person: the address or the key of the warehouse, never both."""
    by_email = identifier == "email" and "email" in member.identifiers
    return {"email": member.identifiers["email"]} if by_email else {"userId": member.person}


def person(member: Member, identifier: str) -> dict[str, Json]:
    """A person with their fields, where there are any."""
    fields: dict[str, Json] = {"dataFields": dict(member.attributes)} if member.attributes else {}
    return {**who(member, identifier), **fields, "preferUserId": True}


def event(batch: Batch, member: Member, identifier: str) -> dict[str, Json]:
    """One event."""
    moment = member.occurred_at or batch.at
    at = {"createdAt": int(moment.timestamp())} if moment else {}
    return {**who(member, identifier), "eventName": batch.event, "id": member.id, **at,
            "dataFields": dict(member.attributes), "createNewFields": True}  # fmt: skip
