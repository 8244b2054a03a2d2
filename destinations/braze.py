"""Braze: people with attributes, one attribute that lists their audiences, events, campaign and canvas triggers.

Sources: https://www.braze.com/docs/api/endpoints/user_data/post_user_track (75 objects a request, all kinds together;
3,000 requests in 3 seconds; rows named by index), .../messaging/send_messages/post_send_triggered_campaigns and
post_send_triggered_canvases (50 recipients), .../user_data/post_user_delete (50 people), and the page of errors.

A person's `external_id` is the key of the warehouse. Braze has no lists that can be filled: an array attribute
holds the names of a person's audiences, for its segments to filter by. Each attribute written is billed, so an update
sends those that differ from what was acknowledged. Columns of Braze's own names (gender, country, dob) are written as
it reads them. Nothing makes a repeated event or message harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import replace

from pydantic import Field, SecretStr

from destinations.answers import told, unaccepted
from destinations.braze_rows import LONGEST, Row, attributes, occurrence, read_rows, recipient, too_long
from destinations.http import Json, Request, Response, bearer, send_json
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Member,
    Operation,
    Outcome,
    Refused,
    Settings,
    Verdict,
    every,
)

# A request may take 4 MB and an object 100 KB, some 500 bytes of which are its frame; a trigger's properties 50 KB.
_TRACK = Limits(rows=75, bytes=3_999_000, row_bytes=99_500, rates=((3000, 3.0),), rate_class="track")
_TRIGGER = Limits(rows=50, bytes=3_999_000, row_bytes=50_000, rates=((3000, 3.0),), rate_class="track")
_SENDS = ((250_000, 3600.0),)
_DELETION = Limits(rows=50, rates=((20_000, 60.0),), rate_class="users")
_NO_MESSAGE = re.compile(r"(?i)\b(campaign|canvas)\b")


class BrazeSettings(Settings):
    """A REST API key and the instance it belongs to."""

    api_key: SecretStr = Field(description="a REST API key (users.track, users.delete, …trigger.send)")
    region: str = Field(default="iad-01", pattern=r"^[a-z]{2,3}-\d\d$", description="the instance: iad-01, fra-01, …")
    attribute: str = Field(default="tailrace_audiences", min_length=1, max_length=LONGEST,
                           description="the array attribute that lists a person's audiences")
    campaigns: dict[str, str] = Field(default_factory=dict, description="event: id of the campaign that it starts")
    canvases: dict[str, str] = Field(default_factory=dict, description="event: id of the canvas that it starts")


class Braze(Destination):
    """Writes attributes and the list of a person's audiences, records events or starts messages."""

    settings: BrazeSettings
    settings_type = BrazeSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _TRACK,
            Operation.UPDATE: _TRACK,
            Operation.REMOVE: _TRACK,
            Operation.TRIGGER: _TRIGGER,
            Operation.DELETE: _DELETION,
        },
        identifiers=("person", "email", "phone"),
        partial=True,
    )

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        path, frame, array, write = self._writing(batch)
        rows, outcomes = dict[str, Row](), list[Outcome]()
        for member in batch.members:
            row = write(member)
            if row is None:
                outcomes.append(Outcome(member.id, Verdict.ACCEPTED, "nothing differs"))
            elif array == "attributes" and (name := too_long(row)):
                outcomes.append(Outcome(member.id, Verdict.REJECTED, f"{name} is longer than {LONGEST} characters"))
            else:
                rows[member.id] = row
        if not rows:
            return outcomes
        response = yield self._ask(path, {**frame, array: list(rows.values())})
        if array == "recipients" and not response.ok:
            self._blame_message(response, batch.event)
        sent = replace(batch, members=tuple(member for member in batch.members if member.id in rows))
        return [*outcomes, *read_rows(sent, response, array)]

    def _forget(self, batch: Batch) -> Exchange:
        response = yield self._ask("users/delete", {"external_ids": [member.person for member in batch.members]})
        taken = response.ok and response.get("message") in ("success", "queued")
        return every(batch, Verdict.ACCEPTED) if taken else unaccepted(batch, response)

    def _writing(self, batch: Batch) -> tuple[str, Row, str, Callable[[Member], Row | None]]:
        """Path, what stands beside the rows, the name of their array, and how a member becomes a row."""
        if batch.operation is not Operation.TRIGGER:
            return "users/track", {}, "attributes", lambda m: attributes(batch, m, self.settings.attribute)
        event = batch.event or ""
        if campaign := self.settings.campaigns.get(event):
            frame = {"campaign_id": campaign}
            return "campaigns/trigger/send", frame, "recipients", lambda m: recipient(m, "trigger_properties")
        if canvas := self.settings.canvases.get(event):
            frame = {"canvas_id": canvas}
            return "canvas/trigger/send", frame, "recipients", lambda m: recipient(m, "canvas_entry_properties")
        return "users/track", {}, "events", lambda m: occurrence(batch, m)

    def check(self) -> Generator[Request, Response, None]:
        """An empty request: a good key is told that it lacks data, which changes nothing."""
        response = yield self._ask("users/track", {"attributes": []})
        if not response.ok and response.status != 400:
            raise Refused(f"Braze does not answer as documented (HTTP {response.status}): check region and base_url")

    def throttled(self, response: Response) -> float | None:
        if response.status != 429:
            return None
        asked = {"retry-after": response.headers.get("x-ratelimit-retry-after", "")}
        return Response(429, asked).retry_after or super().throttled(response)

    def rests(self, response: Response) -> float:
        if told(response, "x-ratelimit-remaining") != 0:
            return 0.0
        reset, now = told(response, "x-ratelimit-reset"), response.sent_at
        return max(1.0, reset - now) if reset and now else 1.0

    def _ask(self, path: str, body: Json) -> Request:
        region = self.settings.region
        root = self.settings.root(f"https://rest.{region}.braze.{'eu' if region.startswith('fra') else 'com'}")
        login = bearer(self.settings.api_key.get_secret_value())
        own = {"rate_class": "trigger", "rates": _SENDS} if path.endswith("trigger/send") else {}
        return send_json("POST", f"{root}/{path}", body, login, **own)

    def _blame_message(self, response: Response, event: str | None) -> None:
        if response.status == 404 or _NO_MESSAGE.search(str(response.get("message"))):
            raise Refused(f"Braze cannot start the message of {event} (HTTP {response.status}): correct its id under "
                          "campaigns or canvases in connections.yml, and see that it is active and API-triggered")
