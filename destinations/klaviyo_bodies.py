"""Klaviyo's bodies: profiles and events as it is sent them, and what is too long for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from destinations.http import Json
from destinations.protocol import Batch, Member

FIELDS = {"email": "email", "phone": "phone_number", "person": "external_id"}
"""Identifier kind → Klaviyo's name."""
ROW = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/.*?)?(?:/(\w+))?")
"""Pointer to a profile of a job, and the field that is wrong."""
LOCATION = ("address1", "address2", "city", "country", "region", "zip", "latitude", "longitude", "timezone", "ip")
"""Parts of a profile's location."""
_METRIC, _PROPERTIES, _TEXT = 127, 400, 100_000
_OWN = frozenset({"first_name", "last_name", "organization", "locale", "title", "image"})


def key_of(member: Member) -> tuple[str, str]:
    """Kind and value that a profile is keyed by: e-mail, else phone, else the warehouse's key."""
    found = ((kind, member.identifiers[kind]) for kind in ("email", "phone") if kind in member.identifiers)
    return next(found, ("person", member.person))


def names_of(member: Member) -> dict[str, Json]:
    """The identifiers of a profile."""
    known = {FIELDS[kind]: member.identifiers[kind] for kind in ("email", "phone") if kind in member.identifiers}
    return {**known, "external_id": member.person}


def import_job(members: Sequence[Member], target: str | None) -> dict[str, Any]:
    """A job that creates or updates profiles and puts them on a list. `null` clears a property."""

    def profile(member: Member) -> dict[str, Json]:
        given = {name: value for name, value in member.attributes.items() if not name.startswith("subscriptions.")}
        place = {name.removeprefix("location."): value for name, value in given.items() if name.startswith("location.")}
        own = {name: value for name, value in given.items() if name in _OWN}
        custom = {name: value for name, value in given.items() if name not in own and not name.startswith("location.")}
        parts = {"location": place, "properties": custom}
        return {**own, **names_of(member), **{name: part for name, part in parts.items() if part}}

    rows = [{"type": "profile", "attributes": profile(member)} for member in members]
    job: dict[str, Any] = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": rows}}}
    if target:
        job["relationships"] = {"lists": {"data": [{"type": "list", "id": target}]}}
    return {"data": job}


def deletion(member: Member) -> dict[str, Any]:
    """A job that deletes a profile, named by one identifier: Klaviyo refuses two."""
    kind, value = key_of(member)
    name: dict[str, Any] = {"id": member.remote_id, "attributes": {}} if member.remote_id else {
        "attributes": {FIELDS[kind]: value}}
    profile = {"profile": {"data": {"type": "profile", **name}}}
    return {"data": {"type": "data-privacy-deletion-job", "attributes": profile}}


def too_long(batch: Batch, member: Member) -> str:
    """Why Klaviyo would refuse the event, or nothing."""
    if len(batch.event or "") > _METRIC:
        return f"an event's name of more than {_METRIC} characters"
    if len(member.attributes) > _PROPERTIES:
        return f"more than {_PROPERTIES} columns"
    long = next((name for name, value in member.attributes.items()
                 if isinstance(value, str) and len(value.encode()) > _TEXT), "")
    return f"{long} is longer than {_TEXT:,} bytes" if long else ""


def event(batch: Batch) -> dict[str, Any]:
    """One event, which Klaviyo records once however often it is sent; `backfill` records it without starting flows."""
    [member] = batch.members
    worth = worth_of(member.attributes)
    attributes = {
        **worth,
        "properties": {name: value for name, value in member.attributes.items() if name not in worth},
        "unique_id": member.id,
        "backfill": batch.silent,
        "metric": {"data": {"type": "metric", "attributes": {"name": batch.event}}},
        "profile": {"data": {"type": "profile", "attributes": names_of(member)}},
    }
    time = {"time": member.occurred_at.isoformat(timespec="seconds")} if member.occurred_at else {}
    return {"data": {"type": "event", "attributes": {**time, **attributes}}}


def worth_of(columns: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of an event that Klaviyo sums up: a number called `value`, and its `value_currency`."""
    value, currency = columns.get("value"), columns.get("value_currency")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {}
    return {"value": value, **({"value_currency": currency} if isinstance(currency, str) else {})}
