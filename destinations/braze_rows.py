"""Braze's rows: attributes, events and recipients of one request, and what its answer says of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from destinations.answers import code, unaccepted
from destinations.http import Response, walk
from destinations.protocol import Batch, Member, Operation, Outcome, Verdict

Row = dict[str, Any]
LONGEST = 255
"""Characters of an attribute's name and value, beyond which Braze cuts off."""
_FIELD = re.compile(r"'([A-Za-z_]\w{0,79})'")


def attributes(batch: Batch, member: Member, audiences: str) -> Row | None:
    """One object of `attributes`, `audiences` among them; None when an update has nothing to write."""
    who = {"external_id": member.person}
    if batch.operation is Operation.REMOVE:
        return {**who, "_update_existing_only": True, audiences: {"remove": [batch.audience]}}
    contact = {kind: member.identifiers[kind] for kind in ("email", "phone") if kind in member.identifiers}
    if batch.operation is Operation.ADD:
        return {**who, **member.attributes, **contact, audiences: {"add": [batch.audience]}}
    known, known_as = member.acknowledged, member.acknowledged_as
    changed = {key: value for key, value in member.attributes.items() if key not in known or known[key] != value}
    moved = {kind: value for kind, value in contact.items() if known_as.get(kind) != value}
    return {**who, **changed, **moved} if changed or moved else None


def recipient(member: Member, properties: str) -> Row:
    """One recipient of a campaign or canvas."""
    given = {properties: dict(member.attributes)} if member.attributes else {}
    return {"external_user_id": member.person, **given}


def occurrence(batch: Batch, member: Member) -> Row:
    """One custom event."""
    moment = member.occurred_at or batch.at
    time = {"time": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")} if moment else {}
    return {"external_id": member.person, "name": batch.event, **time, "properties": dict(member.attributes)}


def too_long(row: Mapping[str, Any]) -> str | None:
    """The first attribute that Braze would cut off."""
    texts = [name for name, value in row.items() if isinstance(value, str) and len(value) > LONGEST]
    return next((name[:LONGEST] for name in (*texts, *(name for name in row if len(name) > LONGEST))), None)


def read_rows(batch: Batch, response: Response, array: str) -> list[Outcome]:
    """Rows are named by index; those that are not were taken, unless the request was refused as a whole."""
    errors, said = response.get("errors", default=[]), response.get("message")
    if response.ok and (said not in ("success", "queued") or not isinstance(errors, list)):
        return unaccepted(batch, response)
    wrong = {walk(error, "index"): _FIELD.search(str(walk(error, "type"))) for error in errors
             if walk(error, "input_array") == array} if isinstance(errors, list) else {}
    named = {at: f"invalid {code(field[1])}" if field else "invalid" for at, field in wrong.items()
             if type(at) is int and 0 <= at < len(batch.members)}
    if response.ok:
        unclear = len(named) < len(errors)
        rest = (Verdict.UNKNOWN, "some row was refused that was not named") if unclear else (Verdict.ACCEPTED, "")
        left = [Outcome(member.id, *rest) for member in batch.members]
    elif named and response.status == 400 and len(named) < len(batch.members):
        left = [Outcome(member.id, Verdict.DEFERRED, "refused together with other rows") for member in batch.members]
    else:
        left = unaccepted(batch, response)
    return [Outcome(one.id, Verdict.REJECTED, named[at]) if at in named and response.status in (200, 201, 400) else one
            for at, one in enumerate(left)]
