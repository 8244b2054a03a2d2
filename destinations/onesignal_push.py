"""A push notification of OneSignal's: what it says to one person, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from destinations.answers import unaccepted
from destinations.http import Json, Response
from destinations.protocol import Batch, Member, Outcome, Verdict, every
from destinations.templates import Unfilled, fill, of_event, values_of

if TYPE_CHECKING:
    from destinations.onesignal import OnesignalSettings


def notification(batch: Batch, member: Member, settings: OnesignalSettings) -> dict[str, Json]:
    """One notification. Raises Unfilled for a member it cannot be said to."""
    return {
        "app_id": settings.app_id,
        "include_aliases": {"external_id": [member.person]},
        "target_channel": "push",
        "idempotency_key": str(uuid.uuid5(uuid.NAMESPACE_URL, f"tailrace:{member.id}")),
        **said(batch, member, settings),
    }


def said(batch: Batch, member: Member, settings: OnesignalSettings) -> dict[str, Json]:
    """What the notification says. Raises Unfilled for a member it cannot be said to."""
    event = batch.event or ""
    if template := settings.templates.get(event):
        return {"template_id": template, "custom_data": dict(member.attributes)}
    values, language = values_of(batch, member), settings.language
    text = fill(of_event(settings.texts, event, "text", "texts or templates"), values).strip()
    if not text:
        raise Unfilled("an empty text")
    title = fill(settings.titles[event], values).strip() if event in settings.titles else ""
    return {"contents": {language: text}, **({"headings": {language: title}} if title else {})}


def read_push(batch: Batch, response: Response) -> Sequence[Outcome]:
    """A message has an id; without one nobody was subscribed. Both come under HTTP 200."""
    unique, errors = response.get("id"), response.get("errors")
    if not response.ok or not isinstance(unique, str):
        return unaccepted(batch, response)
    if isinstance(errors, dict) and errors.get("invalid_aliases"):
        return every(batch, Verdict.REJECTED, "not known to OneSignal, or without a subscribed device")
    if not unique:
        return every(batch, Verdict.REJECTED, "without a subscribed device")
    return every(batch, Verdict.ACCEPTED)
