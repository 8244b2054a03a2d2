"""HubSpot: contacts or companies created and updated by a unique property, put on a static list and taken off it.

Sources: HubSpot's public API specification, date version 2026-09 (/crm/objects/… batch upsert, batch read and
gdpr-delete, /crm/lists/… memberships), and its pages on error handling and usage limits. A row carries its operation's
id as `objectWriteTraceId`, which a 207 repeats for each row that it refuses; a refusal of the whole request names none,
and the driver halves it. Lists are filled by HubSpot's record ids, which the upsert gives back; a removal without one,
or whose record was merged into another, looks it up by the property.

Contacts are found by `email` unless `id_property` names another unique property, which then holds the warehouse's key;
companies always need one, as HubSpot's own `domain` is not unique. Values are texts: null clears, ; joins a list.
Not verified: that 100 is the page size of memberships for all accounts (it is the specification's default).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from destinations.answers import UNTIL_TOMORROW, code, expect, told
from destinations.http import Request, Response
from destinations.hubspot_api import CRM, Api
from destinations.hubspot_bodies import sendable
from destinations.hubspot_lists import find_or_make, put_on, read_keys, remove
from destinations.hubspot_records import forget, upsert
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Operation,
    Preparation,
    Reading,
    Settings,
)

_BATCH = replace(CRM, rows=100)
_LOCKED = (423, 477)
"""A record that is locked, an account that is being moved: refused for the moment, nothing was written."""


class HubspotSettings(Settings):
    """A private app's token (scopes: crm.objects.<type> and crm.lists, read and write) and the list to fill."""

    access_token: SecretStr = Field(description="the token of a private app, pat-…")
    object_type: Literal["contacts", "companies"] = Field(default="contacts", description="what a member is")
    id_property: str = Field(default="email", min_length=1, description="the unique property that records are found by")
    key_property: str = Field(default="", description="a property that the warehouse's key is written to, if any")
    list_id: str = Field(default="", description="the static list to fill; found or created by name when unset")
    version: str = Field(default="2026-09", pattern=r"^(\d{4}-\d\d|v3)$", description="a date version, or v3")

    @model_validator(mode="after")
    def _unique(self) -> HubspotSettings:
        if self.object_type == "companies" and self.id_property in ("email", "domain"):
            raise ValueError("companies need an id_property of your own that HubSpot keeps unique, such as account_id")
        return self


class Hubspot(Destination):
    """Keeps records and a static list of them."""

    settings: HubspotSettings
    settings_type = HubspotSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _BATCH,
            Operation.UPDATE: _BATCH,
            Operation.REMOVE: _BATCH,
            Operation.DELETE: CRM,
        },
        identifiers=("person", "account", "email"),
        needs_target=True,
        readback=True,
        target="list_id",
    )

    def __init__(self, settings: HubspotSettings) -> None:
        super().__init__(settings)
        if settings.id_property == "email":
            self.capabilities = replace(type(self).capabilities, identifiers=("email",))

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.DELETE:
            return (yield from forget(self._api, batch))
        sent, outcomes = sendable(self.settings, batch)
        if not sent.members:
            return outcomes
        if batch.operation is Operation.REMOVE:
            return [*outcomes, *(yield from remove(self._api, sent))]
        written = yield from upsert(self._api, sent)
        ids = {outcome.id: outcome.remote_id for outcome in written if outcome.remote_id}
        if not batch.target or not ids:
            return [*outcomes, *written]
        listed = yield from put_on(self._api, sent, ids)
        return [*outcomes, *(outcome for outcome in written if outcome.id not in ids), *listed]

    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    def members(self, target: str) -> Reading:
        return (yield from read_keys(self._api, target))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._api.ask("GET", self._api.objects, query={"limit": 1})
        expect(response, list, "results", what=f"the {self.settings.object_type}")

    def throttled(self, response: Response) -> float | None:
        if response.status not in (429, *_LOCKED):
            return None
        if response.get("policyName") == "DAILY":
            return UNTIL_TOMORROW
        return response.retry_after or (10.0 if response.get("policyName") else 0.0)

    def rests(self, response: Response) -> float:
        if told(response, "x-hubspot-ratelimit-daily-remaining") == 0:
            return UNTIL_TOMORROW
        if told(response, "x-hubspot-ratelimit-remaining") != 0:
            return 0.0
        return min(told(response, "x-hubspot-ratelimit-interval-milliseconds") or 1000, 10_000) / 1000

    def refused(self, response: Response) -> str | None:
        if response.status not in (401, 403):
            return None
        why = code(response.get("category")) or f"HTTP {response.status}"
        scopes = f"crm.objects.{self.settings.object_type} and crm.lists, read and write"
        return f"HubSpot refused the credentials ({why}): give access_token the token of a private app with {scopes}"

    @property
    def _api(self) -> Api:
        return Api(self.settings)
