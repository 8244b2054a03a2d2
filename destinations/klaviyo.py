"""Klaviyo: profiles imported into a list, removal from it, consent, suppression, events.

Sources: https://developers.klaviyo.com/en/reference/api_overview, OpenAPI revision 2026-07-15 (limits and rate windows
as stated there for each operation), and the guide to the bulk profile import.

A profile is keyed by e-mail, else by phone; the warehouse's key always goes along as `external_id`. An import is a job:
its rows are pending until `settle` has read how it ended. Removal takes Klaviyo's own ids, which the import's job gives
back; a member without one is looked up first. Adding to a list starts its flows: only events can be silent. A sync with
`target: suppressions` suppresses its members instead, in jobs too; consent is sent as `subscriptions.email`. Columns
`value` and `value_currency` are what an event is worth.

A refusal names wrong rows and has processed none: the others are sent again at once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pydantic import Field, SecretStr

from destinations.answers import expect, told, unaccepted
from destinations.http import Request, Response
from destinations.klaviyo_api import MEDIUM, Api, error_of
from destinations.klaviyo_bodies import LOCATION, deletion, event, too_long
from destinations.klaviyo_consent import CHANNELS, SUPPRESSIONS, assert_consent, suppress
from destinations.klaviyo_jobs import import_members, read_import, read_suppression
from destinations.klaviyo_lists import LISTS, find_or_make, read_keys, remove
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Job,
    Limits,
    Operation,
    Preparation,
    Reading,
    Settings,
    Verdict,
    every,
)

# A profile may take 100,000 bytes, some 400 of which are its frame.
_IMPORT = Limits(rows=10_000, bytes=4_999_000, row_bytes=99_600, rates=MEDIUM, rate_class="profile-bulk-import-jobs")


class KlaviyoSettings(Settings):
    """A private key (scopes: lists, profiles, events and subscriptions, read and write) and the list to fill."""

    api_key: SecretStr = Field(description="a private API key, pk_…")
    list_id: str = Field(default="", description="the list to fill; unset: found or created by name; or suppressions")
    revision: str = Field(default="2026-07-15", pattern=r"^\d{4}-\d\d-\d\d$", description="revision of the API")


class Klaviyo(Destination):
    """Imports profiles into a list, takes them off it, records events."""

    settings: KlaviyoSettings
    settings_type = KlaviyoSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _IMPORT,
            Operation.UPDATE: _IMPORT,
            Operation.REMOVE: Limits(rows=1000, rates=MEDIUM, rate_class="list-profiles"),
            Operation.TRIGGER: Limits(bytes=4_999_000, rates=((350, 1.0), (3500, 60.0)), rate_class="events"),
            Operation.DELETE: Limits(rates=((3, 1.0), (60, 60.0)), rate_class="data-privacy"),
        },
        identifiers=("email", "phone"),
        dedupe=Dedupe.KEY,
        # A repeated unique_id is ignored for good; a month is as long as anything is ever sent again.
        dedupe_window=30 * 86_400,
        lateness=3600,
        nested={"location": LOCATION, "subscriptions": tuple(CHANNELS)},
        partial=True,
        silent=True,
        needs_target=True,
        readback=True,
        target="list_id",
    )

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.TRIGGER:
            if long := too_long(batch, batch.members[0]):
                return every(batch, Verdict.REJECTED, long)
            response = yield self._api.ask("POST", "events", event(batch))
            taken = response.ok
            return every(batch, Verdict.ACCEPTED) if taken else unaccepted(batch, response, error_of(response))
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        if batch.target == SUPPRESSIONS:
            return (yield from suppress(self._api, batch))
        if batch.operation is Operation.REMOVE:
            return (yield from remove(self._api, batch))
        wrong = yield from assert_consent(self._api, batch)
        ended = {outcome.id for outcome in wrong}
        left = tuple(member for member in batch.members if member.id not in ended)
        return [*wrong, *((yield from import_members(self._api, replace(batch, members=left))) if left else ())]

    def _forget(self, batch: Batch) -> Exchange:
        response = yield self._api.ask("POST", "data-privacy-deletion-jobs", deletion(batch.members[0]))
        why = error_of(response)
        if response.ok or (response.status == 404 and why == "not_found"):
            return every(batch, Verdict.ACCEPTED, "" if response.ok else "not in Klaviyo")
        return unaccepted(batch, response, why)

    def settle(self, job: Job) -> Exchange:
        if job.target == SUPPRESSIONS:
            return (yield from read_suppression(self._api, job))
        return (yield from read_import(self._api, job))

    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    def members(self, target: str) -> Reading:
        return (yield from read_keys(self._api, target))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._api.ask("GET", "lists", query={"page[size]": 1}, limits=LISTS)
        expect(response, list, "data", what="the lists")

    def rests(self, response: Response) -> float:
        return float(told(response, "ratelimit-reset") or 0) if told(response, "ratelimit-remaining") == 0 else 0.0

    @property
    def _api(self) -> Api:
        return Api(self.settings)
