"""What HubSpot is told of a member: the key that a record is found by, its properties as texts, who cannot be sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from destinations.http import Json
from destinations.protocol import Batch, Member, Operation, Outcome, Verdict

if TYPE_CHECKING:
    from destinations.hubspot import HubspotSettings

_LONGEST = 65_536


def key_of(settings: HubspotSettings, member: Member) -> str:
    """What the member's record is found by; empty where there is none."""
    return member.identifiers.get("email", "") if settings.id_property == "email" else member.person


def sendable(settings: HubspotSettings, batch: Batch) -> tuple[Batch, list[Outcome]]:
    """The members that a request may hold, and outcomes for the others: one of these would refuse all of it."""
    seen, kept, outcomes = set[str](), list[Member](), list[Outcome]()
    for member in batch.members:
        long = [name for name, value in member.attributes.items() if len(as_text(value)) > _LONGEST]
        if not (key := key_of(settings, member)):
            outcomes.append(Outcome(member.id, Verdict.REJECTED, "no e-mail address"))
        elif key in seen:
            same = f"another member of the batch has the same {settings.id_property}"
            outcomes.append(Outcome(member.id, Verdict.REJECTED, same))
        elif long and batch.operation is not Operation.REMOVE:
            outcomes.append(Outcome(member.id, Verdict.REJECTED, f"{long[0]} is longer than {_LONGEST} characters"))
        else:
            kept.append(member)
        seen.add(key)
    return replace(batch, members=tuple(kept)), outcomes


def upsert_row(settings: HubspotSettings, member: Member) -> dict[str, Any]:
    """One entry of a batch upsert's `inputs`."""
    is_contact = settings.object_type == "contacts" and "email" in member.identifiers
    contact = {"email": member.identifiers["email"]} if is_contact else {}
    own = {settings.key_property: member.person} if settings.key_property else {}
    properties = {name: as_text(value) for name, value in {**member.attributes, **contact, **own}.items()}
    properties.pop(settings.id_property, None)
    return {"idProperty": settings.id_property, "id": key_of(settings, member), "objectWriteTraceId": member.id,
            "properties": properties}


def as_text(value: Json) -> str:
    """A value as HubSpot's properties take it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple) and all(isinstance(part, str | int | float) for part in value):
        return ";".join(as_text(part) for part in value)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
