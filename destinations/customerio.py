"""Customer.io: people with attributes, manual segments, events, transactional messages and API-triggered broadcasts.

Sources: Track API (https://docs.customer.io/integrations/api/track/, OpenAPI 3.1: v2 batch, segments, region) and
App API (https://docs.customer.io/integrations/api/app/: segments and their members, transactional, broadcasts; WhatsApp
as the official SDK 3.2.0 sends it).

A person's `id` in Customer.io is always the key of the warehouse; e-mail and phone are attributes of that person. So
one call names all its people by one `id_type`, as segments demand, and a removal works when the e-mail has changed.
Dates and times go out in Unix seconds: to conditions of segments nothing else is a time (docs: Timestamp Conditions).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, SecretStr

from destinations.answers import expect, sift
from destinations.customerio_api import TRACK, App, Track, read_rows
from destinations.customerio_bodies import item, too_long
from destinations.customerio_messages import BROADCAST, SENDS, announce, message_of, read_broadcast, start
from destinations.customerio_segments import change, find_or_make, read_ids
from destinations.http import Json, Request, Response
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Job,
    Operation,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
)

# An item may take 32,000 bytes and a request just under 500,000; some 400 of an item are its frame.
_BATCH = replace(TRACK, rows=1000, bytes=499_999, row_bytes=31_600)


class CustomerioSettings(Settings):
    """Keys of one workspace (Settings › API credentials)."""

    site_id: str = Field(description="the site id of the Track API")
    api_key: SecretStr = Field(description="the API key of the Track API")
    app_api_key: SecretStr | None = Field(default=None, description="a key of the App API, to find or create segments")
    segment_id: str = Field(default="", description="the manual segment to fill; found or created by name when unset")
    emails: dict[str, str] = Field(default_factory=dict, description="event: the transactional e-mail that it starts")
    pushes: dict[str, str] = Field(default_factory=dict, description="event: the transactional push that it starts")
    sms: dict[str, str] = Field(default_factory=dict, description="event: the transactional SMS that it starts")
    whatsapps: dict[str, str] = Field(default_factory=dict, description="event: the WhatsApp message that it starts")
    inbox_messages: dict[str, str] = Field(default_factory=dict, description="event: the inbox message that it starts")
    in_app_messages: dict[str, str] = Field(default_factory=dict, description="event: the in-app message it starts")
    broadcasts: dict[str, str] = Field(default_factory=dict, description="event: id of the broadcast that it starts")
    forget_by: Literal["delete", "suppress"] = Field(
        default="delete", description="suppress deletes a forgotten person and keeps their id out for ever")
    region: Literal["us", "eu"] = Field(default="us", description="us or eu: where the account lives")


class Customerio(Destination):
    """Identifies people, keeps a manual segment, sends events."""

    settings: CustomerioSettings
    settings_type = CustomerioSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _BATCH,
            Operation.UPDATE: _BATCH,
            Operation.REMOVE: replace(TRACK, rows=1000),
            Operation.TRIGGER: _BATCH,
            Operation.DELETE: _BATCH,
        },
        identifiers=("person", "email", "phone"),
        dedupe=Dedupe.KEY,
        # Repeats of an event's ULID are ignored; no window is documented. Events older than 72 hours start nothing.
        dedupe_window=72 * 3600,
        needs_target=True,
        readback=True,
        target="segment_id",
    )

    def for_event(self, event: str) -> Self:
        """Messages and broadcasts have no key that makes a repeat harmless, and limits of their own."""
        broadcast = BROADCAST if event in self.settings.broadcasts else None
        limits = SENDS if message_of(self.settings, event)[0] else broadcast
        if limits is None:
            return self
        other, operations = type(self)(self.settings), {**self.capabilities.operations, Operation.TRIGGER: limits}
        other.capabilities = replace(self.capabilities, operations=operations, dedupe=Dedupe.NONE, dedupe_window=0)
        return other

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.REMOVE:
            return (yield from change(self._track, batch, "remove_customers"))
        message, kind = message_of(self.settings, batch.event)
        if message:
            return (yield from start(self._app, batch, message, kind))
        if batch.event in self.settings.broadcasts:
            return (yield from announce(self._app, batch, self.settings.broadcasts[batch.event]))
        outcomes = yield from self._send(batch)
        done = {outcome.id for outcome in outcomes if outcome.verdict is Verdict.ACCEPTED}
        if batch.operation not in (Operation.ADD, Operation.UPDATE) or not batch.target or not done:
            return outcomes
        known = replace(batch, members=tuple(member for member in batch.members if member.id in done))
        added = yield from change(self._track, known, "add_customers")
        return [*(outcome for outcome in outcomes if outcome.id not in done), *added]

    def _send(self, batch: Batch) -> Exchange:
        """One v2 batch."""
        sent, outcomes = sift(batch, lambda member: too_long(batch, member))
        if not sent.members:
            return outcomes
        items: Json = [item(sent, member, self.settings.forget_by) for member in sent.members]
        response = yield self._track.ask("POST", "v2/batch", {"batch": items})
        return [*outcomes, *read_rows(sent, response)]

    def settle(self, job: Job) -> Exchange:
        return (yield from read_broadcast(self._app, job))

    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._app, name))

    def members(self, target: str) -> Reading:
        return (yield from read_ids(self._app, target))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._track.ask("GET", "v1/accounts/region", limits=TRACK)
        region = expect(response, str, "region", what="the account's region")
        if region != self.settings.region and not self.settings.base_url:
            raise Refused(f"this Customer.io account does not live in {self.settings.region}: set region to the other")

    @property
    def _track(self) -> Track:
        return Track(self.settings)

    @property
    def _app(self) -> App:
        return App(self.settings)
