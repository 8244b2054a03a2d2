"""Braze's rows: attributes, events and recipients of one request, and what its answer says of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

from destinations.answers import code, unaccepted
from destinations.http import Json, Response, walk
from destinations.identifiers import Unusable
from destinations.places import country
from destinations.protocol import Batch, Member, Operation, Outcome, Verdict

Row = dict[str, Any]
LONGEST = 255
"""Characters of an attribute's name and value, beyond which Braze cuts off."""
_GENDERS = {"male": "M", "female": "F", "other": "O", "not applicable": "N", "prefer not to say": "P"}
_FIELD = re.compile(r"'([A-Za-z_]\w{0,79})'")


def attributes(batch: Batch, member: Member, audiences: str) -> Row | None:
    """One object of `attributes`, `audiences` among them; None when an update has nothing to write."""
    who = {"external_id": member.person}
    if batch.operation is Operation.REMOVE:
        return {**who, "_update_existing_only": True, audiences: {"remove": [batch.audience]}}
    contact = {kind: member.identifiers[kind] for kind in ("email", "phone") if kind in member.identifiers}
    if batch.operation is Operation.ADD:
        return {**who, **standard(member.attributes), **contact, audiences: {"add": [batch.audience]}}
    known, known_as = member.acknowledged, member.acknowledged_as
    changed = {key: value for key, value in member.attributes.items() if key not in known or known[key] != value}
    moved = {kind: value for kind, value in contact.items() if known_as.get(kind) != value}
    return {**who, **standard(changed), **moved} if changed or moved else None


def standard(columns: Mapping[str, Json]) -> Row:
    """Columns, those that Braze knows by name in its own way of writing them, where they can be read."""
    return {name: _OWN[name](value) if name in _OWN and isinstance(value, str) else value
            for name, value in columns.items()}


def _gender(word: str) -> str:
    plain = word.strip().lower()
    return _GENDERS.get(plain) or (plain.upper() if plain.upper() in _GENDERS.values() else word)


def _country(word: str) -> str:
    try:
        return country(word).upper()
    except Unusable:
        return word


def _day(moment: str) -> str:
    return moment[:10] if re.fullmatch(r"\d{4}-\d\d-\d\dT.*", moment) else moment


_OWN: Mapping[str, Callable[[str], str]] = {"gender": _gender, "country": _country, "dob": _day}


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


def read_rows(batch: Batch, response: Response, array: str) -> Sequence[Outcome]:
    """Rows are named by index; those that are not were taken, unless the request was refused as a whole."""
    errors, said = response.get("errors", default=[]), response.get("message")
    if response.ok and (said not in ("success", "queued") or not isinstance(errors, list)):
        return unaccepted(batch, response)
    wrong = {walk(error, "index"): _FIELD.search(str(walk(error, "type"))) for error in errors
             if walk(error, "input_array", default=array) == array} if isinstance(errors, list) else {}
    named = {at: f"invalid {code(field[1])}" if field else "invalid" for at, field in wrong.items()
             if type(at) is int and 0 <= at < len(batch.members)}
    if response.ok:
        unclear = len(named) < len(errors)
        rest = (Verdict.UNKNOWN, "some row was refused that was not named") if unclear else (Verdict.ACCEPTED, "")
        left = [Outcome(member.id, *rest) for member in batch.members]
    elif named and response.status == 400 and len(named) < len(batch.members):
        left = [Outcome(member.id, Verdict.DEFERRED, "refused together with other rows") for member in batch.members]
    else:
        left = list(unaccepted(batch, response))
    return [Outcome(one.id, Verdict.REJECTED, named[at]) if at in named and response.status in (200, 201, 400) else one
            for at, one in enumerate(left)]
