"""Klaviyo: profiles imported into a list, removal from it, consent, suppression, events.

Source: https://developers.klaviyo.com/en/reference/api_overview, OpenAPI revision 2026-07-15 (limits and rate windows
as stated there for each operation), and the guide to the bulk profile import.

A profile is keyed by e-mail, else by phone; the warehouse's key always goes along as `external_id`. An import is a
job: its rows are pending until `settle` has read how it ended. Removal takes Klaviyo's own ids, which the import's job
gives back; a member without one is looked up first. Adding to a list starts its flows: only events can be silent.
A sync with `target: suppressions` suppresses its members instead; consent is sent as `subscriptions.email`.

A refusal names wrong rows and has processed none: the others are sent again at once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, resend, unaccepted
from destinations.http import Request, Response
from destinations.klaviyo_api import MEDIUM, Api
from destinations.klaviyo_bodies import FIELDS, LOCATION, ROW, deletion, event, import_job, too_long
from destinations.klaviyo_consent import CHANNELS, SUPPRESSIONS, assert_consent, suppress
from destinations.klaviyo_jobs import read_job, still_pending
from destinations.klaviyo_lists import LISTS, blame_list, find_or_make, read_keys, remove
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Job,
    Limits,
    Member,
    Operation,
    Outcome,
    Preparation,
    Reading,
    Settings,
    Verdict,
    every,
)

# A profile may take 100,000 bytes, some 400 of which are its frame.
_IMPORT = Limits(rows=10_000, bytes=4_999_000, row_bytes=99_600, rates=MEDIUM, rate_class="profile-bulk-import-jobs")

_IMPORT_JOB = Limits(rates=MEDIUM, rate_class="import-job")
_IMPORT_ERRORS = Limits(rates=MEDIUM, rate_class="import-errors")
_IMPORT_PROFILES = Limits(rates=MEDIUM, rate_class="import-profiles")


class KlaviyoSettings(Settings):
    """A private key (scopes: lists, profiles and events, read and write) and the list to fill."""

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
            why = code(response.get("errors", 0, "code"))
            return every(batch, Verdict.ACCEPTED) if response.ok else unaccepted(batch, response, why)
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        if batch.target == SUPPRESSIONS:
            return (yield from suppress(self._api, batch))
        if batch.operation is Operation.REMOVE:
            return (yield from remove(self._api, batch))
        wrong = yield from assert_consent(self._api, batch)
        ended = {outcome.id for outcome in wrong}
        left = tuple(member for member in batch.members if member.id not in ended)
        return [*wrong, *((yield from self._import(replace(batch, members=left))) if left else ())]

    def _forget(self, batch: Batch) -> Exchange:
        response = yield self._api.ask("POST", "data-privacy-deletion-jobs", deletion(batch.members[0]))
        why = code(response.get("errors", 0, "code"))
        if response.ok or (response.status == 404 and why == "not_found"):
            return every(batch, Verdict.ACCEPTED, "" if response.ok else "not in Klaviyo")
        return unaccepted(batch, response, why)

    def _import(self, batch: Batch) -> Exchange:
        def ask(members: Sequence[Member]) -> Request:
            return self._api.ask("POST", "profile-bulk-import-jobs", import_job(members, batch.target))

        response, left, outcomes = yield from resend(ask, batch.members, ROW)
        job = response.get("data", "id")
        if response.ok and isinstance(job, str) and job:
            return outcomes + [Outcome(m.id, Verdict.PENDING, "the import has not ended", job=job) for m in left]
        blame_list(response, batch.target)
        return outcomes + unaccepted(replace(batch, members=left), response, code(response.get("errors", 0, "code")))

    def settle(self, job: Job) -> Exchange:
        path = f"profile-bulk-import-jobs/{quote(job.id, safe='')}"
        response = yield self._api.ask("GET", path, limits=_IMPORT_JOB)
        status, failed = (response.get("data", "attributes", key) for key in ("status", "failed_count"))
        if response.status in (404, 410) or status in ("cancelled", "failed"):
            return every(job, Verdict.UNKNOWN, f"the import was {status if response.ok else 'forgotten by Klaviyo'}")
        if not response.ok or status != "complete":
            return still_pending(job, "the import has not ended" if response.ok else f"HTTP {response.status}")
        errors = yield from self._api.read(f"{path}/import-errors", _IMPORT_ERRORS, {})
        fields = {"fields[profile]": ",".join(FIELDS.values())}
        profiles = yield from self._api.read(f"{path}/profiles", _IMPORT_PROFILES, fields)
        if isinstance(errors, Response) or isinstance(profiles, Response):
            return still_pending(job, "the import has ended, but how could not be read")
        return read_job(job, errors, profiles, failed if type(failed) is int else len(errors))

    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    def members(self, target: str) -> Reading:
        return (yield from read_keys(self._api, target))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._api.ask("GET", "lists", query={"page[size]": 1}, limits=LISTS)
        expect(response, list, "data", what="the lists")

    @property
    def _api(self) -> Api:
        return Api(self.settings)
