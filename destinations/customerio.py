"""Customer.io: people with attributes, manual segments, events, transactional messages and API-triggered broadcasts.

Sources: Track API (https://docs.customer.io/integrations/api/track/, OpenAPI 3.1: v2 batch, segments, region) and
App API (https://docs.customer.io/integrations/api/app/: segments and their members, transactional, broadcasts).

A person's `id` in Customer.io is always the key of the warehouse; e-mail and phone are attributes of that person. So
one call names all its people by one `id_type`, as segments demand, and a removal works when the e-mail has changed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, unaccepted
from destinations.customerio_bodies import broadcast, item, too_long, transactional
from destinations.http import Json, Request, Response, basic_auth, send_json, walk, with_query
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
    every,
)

_RATES = ((1000, 1.0),)
# An item may take 32,000 bytes and a request just under 500,000; some 400 of an item are its frame.
_BATCH = Limits(rows=1000, bytes=499_999, row_bytes=31_600, rates=_RATES, rate_class="track")
_APP = Limits(rates=((10, 1.0),), rate_class="app")
_SENDS = Limits(rates=((100, 1.0),), rate_class="app-send")
_BROADCAST = Limits(rows=10_000, bytes=24_000_000, row_bytes=49_000, rates=((1, 10.0),), rate_class="broadcasts")


class CustomerioSettings(Settings):
    """Keys of one workspace (Settings › API credentials)."""

    site_id: str = Field(description="the site id of the Track API")
    api_key: SecretStr = Field(description="the API key of the Track API")
    app_api_key: SecretStr | None = Field(default=None, description="a key of the App API, to find or create segments")
    segment_id: str = Field(default="", description="the manual segment to fill; found or created by name when unset")
    emails: dict[str, str] = Field(default_factory=dict, description="event: the transactional e-mail that it starts")
    pushes: dict[str, str] = Field(default_factory=dict, description="event: the transactional push that it starts")
    broadcasts: dict[str, str] = Field(default_factory=dict, description="event: id of the broadcast that it starts")
    forget_by: Literal["delete", "suppress"] = Field(
        default="delete", description="suppress deletes a forgotten person and keeps their id out for ever")
    region: Literal["us", "eu"] = Field(default="us", description="us or eu: where the account lives")


class Customerio(Destination):
    """Identifies people, keeps a manual segment, sends events."""

    settings_type = CustomerioSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _BATCH,
            Operation.UPDATE: _BATCH,
            Operation.REMOVE: Limits(rows=1000, rates=_RATES, rate_class="track"),
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

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.REMOVE:
            return (yield from self._change_segment(batch, "remove_customers"))
        message, kind = self._message(batch.event) if batch.operation is Operation.TRIGGER else ("", "")
        if message:
            return (yield from self._start(batch, message, kind))
        if batch.operation is Operation.TRIGGER and batch.event in self.settings.broadcasts:
            return (yield from self._broadcast(batch, self.settings.broadcasts[batch.event]))
        outcomes = yield from self._send(batch)
        done = {outcome.id for outcome in outcomes if outcome.verdict is Verdict.ACCEPTED}
        if batch.operation not in (Operation.ADD, Operation.UPDATE) or not batch.target or not done:
            return outcomes
        known = replace(batch, members=tuple(member for member in batch.members if member.id in done))
        added = yield from self._change_segment(known, "add_customers")
        return [*(outcome for outcome in outcomes if outcome.id not in done), *added]

    def _send(self, batch: Batch) -> Exchange:
        """One v2 batch."""
        long = {member.id: why for member in batch.members if (why := too_long(batch, member))}
        outcomes = [Outcome(unique, Verdict.REJECTED, why) for unique, why in long.items()]
        sent = replace(batch, members=tuple(member for member in batch.members if member.id not in long))
        if not sent.members:
            return outcomes
        items: Json = [item(sent, member, self.settings.forget_by) for member in sent.members]
        response = yield send_json("POST", f"{self._track}/api/v2/batch", {"batch": items}, self._login)
        if long and response.status in (400, 413):  # only a batch that is refused as a whole is halved
            return outcomes + every(sent, Verdict.DEFERRED, "refused together with other rows")
        return outcomes + read_rows(sent, response)

    def for_event(self, event: str) -> Self:
        """Messages and broadcasts have no key that makes a repeat harmless, and limits of their own."""
        limits = _SENDS if self._message(event)[0] else _BROADCAST if event in self.settings.broadcasts else None
        if limits is None:
            return self
        other, operations = type(self)(self.settings), {**self.capabilities.operations, Operation.TRIGGER: limits}
        other.capabilities = replace(self.capabilities, operations=operations, dedupe=Dedupe.NONE, dedupe_window=0)
        return other

    def _message(self, event: str | None) -> tuple[str, str]:
        """Id and kind of the transactional message that an event starts; empty where it starts none."""
        kinds = {"email": self.settings.emails, "push": self.settings.pushes}
        return next(((named[event], kind) for kind, named in kinds.items() if event in named), ("", ""))

    def _start(self, batch: Batch, message: str, kind: str) -> Exchange:
        [member] = batch.members
        if kind == "email" and "email" not in member.identifiers:
            return every(batch, Verdict.REJECTED, "no e-mail address")
        response = yield self._ask_app("POST", f"/v1/send/{kind}", transactional(member, message, kind), _SENDS)
        if response.ok and isinstance(response.get("delivery_id"), str):
            return every(batch, Verdict.ACCEPTED)
        if response.status == 404:
            raise Refused(f"Customer.io knows no transactional message {message}: correct it under emails or pushes")
        return unaccepted(batch, response)

    def _broadcast(self, batch: Batch, number: str) -> Exchange:
        path = f"/v1/campaigns/{quote(number, safe='')}/triggers"
        response = yield self._ask_app("POST", path, broadcast(batch.members), _BROADCAST)
        if response.ok and isinstance(response.get("id"), int):
            return every(batch, Verdict.ACCEPTED)
        if response.status == 404:
            raise Refused(f"Customer.io knows no API-triggered broadcast {number}: correct it under broadcasts")
        return unaccepted(batch, response)

    def _change_segment(self, batch: Batch, verb: str) -> Exchange:
        if not batch.target:
            return every(batch, Verdict.REJECTED, "no segment to remove from")
        url = with_query(f"{self._track}/api/v1/segments/{quote(batch.target, safe='')}/{verb}", id_type="id")
        response = yield send_json("POST", url, {"ids": [member.person for member in batch.members]}, self._login)
        if response.status in (400, 404):  # documented without a word on its cause; the ids were taken by identify
            raise Refused(f"Customer.io knows no manual segment {batch.target}: correct segment_id in connections.yml, "
                          "or leave it out to have the segment found or created by name")
        return read_rows(batch, response)

    def prepare(self, name: str) -> Preparation:
        response = yield self._ask_app("GET", "/v1/segments")
        for segment in expect(response, list, "segments", what="the list of segments"):
            if walk(segment, "name") == name and isinstance(walk(segment, "id"), int):
                if walk(segment, "type") not in (None, "manual"):
                    raise Refused(f"the segment {name} is data-driven, and only manual ones can be filled: rename it")
                return str(segment["id"])
        body = {"segment": {"name": name, "description": "Kept by Tailrace from the warehouse"}}
        response = yield self._ask_app("POST", "/v1/segments", body)
        return str(expect(response, int, "segment", "id", what="the new segment"))

    def members(self, target: str) -> Reading:
        found, start = list[str](), ""
        while True:
            path = with_query(f"/v1/segments/{quote(target, safe='')}/membership", start=start, limit=1000)
            response = yield self._ask_app("GET", path)
            found += map(str, expect(response, list, "ids", what=f"the members of segment {target}"))
            before, start = start, response.get("next")
            if not isinstance(start, str) or start in ("", before):
                return found

    def check(self) -> Generator[Request, Response, None]:
        url = f"{self._track}/api/v1/accounts/region"
        response = yield send_json("GET", url, headers=self._login, reads=True, rate_class="track", rates=_RATES)
        region = expect(response, str, "region", what="the account's region")
        if region != self.settings.region and not self.settings.base_url:
            raise Refused(f"this Customer.io account does not live in {self.settings.region}: set region to the other")

    @property
    def _track(self) -> str:
        track: str = self.settings.root(f"https://track{self._suffix}.customer.io")
        return track

    @property
    def _suffix(self) -> str:
        return "-eu" if self.settings.region == "eu" else ""

    @property
    def _login(self) -> dict[str, str]:
        return basic_auth(self.settings.site_id, self.settings.api_key.get_secret_value())

    def _ask_app(self, method: str, path: str, body: Json = None, limits: Limits = _APP) -> Request:
        if not self.settings.app_api_key:
            raise Refused("Customer.io finds and creates segments, and starts messages, for App API keys only: "
                          "set app_api_key or segment_id")
        url = self.settings.root(f"https://api{self._suffix}.customer.io") + path
        login = {"Authorization": f"Bearer {self.settings.app_api_key.get_secret_value()}"}
        return send_json(method, url, body, login, reads=method == "GET",
                         rate_class=limits.rate_class, rates=limits.rates)


def read_rows(batch: Batch, response: Response) -> list[Outcome]:
    """200 takes all; 207 names the rows it refuses by `batch_index`; other refusals are for the whole request."""
    errors = response.get("errors", default=[] if response.status == 200 else None)
    if not response.ok:
        return unaccepted(batch, response, code(*(response.get("errors", 0, key) for key in ("reason", "field"))))
    if not isinstance(errors, list) or (response.body.strip() and not isinstance(response.json, dict)):
        return unaccepted(batch, response)
    refused = {walk(error, "batch_index"): code(walk(error, "reason"), walk(error, "field")) for error in errors}
    unclear = [index for index in refused if type(index) is not int or not 0 <= index < len(batch.members)]
    rest = (Verdict.UNKNOWN, "some row was refused that was not named") if unclear else (Verdict.ACCEPTED, "")
    return [Outcome(member.id, Verdict.REJECTED, refused[index] or "refused") if index in refused
            else Outcome(member.id, *rest) for index, member in enumerate(batch.members)]
