"""Klaviyo: profiles imported into a list, removal from it, events.

Source: https://developers.klaviyo.com/en/reference/api_overview, OpenAPI revision 2026-07-15 (limits and rate windows
as stated there for each operation), and the guide to the bulk profile import.

A profile is keyed by e-mail, else by phone; the warehouse's key always goes along as `external_id`. An import is a
job: its rows are pending until `settle` has read how it ended. Removal takes Klaviyo's own ids, which the import's job
gives back; a member without one is looked up first. Adding to a list starts its flows: only events can be silent.

A refusal names wrong rows and has processed none: the others are sent again at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, resend, unaccepted
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.klaviyo_bodies import FIELDS, ROW, deletion, event, import_job, key_of, read_job, still_pending
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
    Refused,
    Settings,
    Verdict,
    every,
)

_KIND = "application/vnd.api+json"
_MEDIUM, _LARGE, _DAILY = ((10, 1.0), (150, 60.0)), ((75, 1.0), (750, 60.0)), ((10, 1.0), (150, 60.0), (150, 86_400.0))
# A profile may take 100,000 bytes, some 400 of which are its frame.
_IMPORT = Limits(rows=10_000, bytes=4_999_000, row_bytes=99_600, rates=_MEDIUM, rate_class="profile-bulk-import-jobs")
_LISTED_ROW = re.compile(r"/data/(\d+)(?:/(\w+))?")
_LOOKUP = 50


class KlaviyoSettings(Settings):
    """A private key (scopes: lists, profiles and events, read and write) and the list to fill."""

    api_key: SecretStr = Field(description="a private API key, pk_…")
    list_id: str = Field(default="", description="the list to fill; found or created by name when unset")
    revision: str = Field(default="2026-07-15", pattern=r"^\d{4}-\d\d-\d\d$", description="revision of the API")


class Klaviyo(Destination):
    """Imports profiles into a list, takes them off it, records events."""

    settings_type = KlaviyoSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _IMPORT,
            Operation.UPDATE: _IMPORT,
            Operation.REMOVE: Limits(rows=1000, rates=_MEDIUM, rate_class="list-profiles"),
            Operation.TRIGGER: Limits(bytes=4_999_000, rates=((350, 1.0), (3500, 60.0)), rate_class="events"),
            Operation.DELETE: Limits(rates=((3, 1.0), (60, 60.0)), rate_class="data-privacy"),
        },
        identifiers=("email", "phone"),
        dedupe=Dedupe.KEY,
        # A repeated unique_id is ignored for good; a month is as long as anything is ever sent again.
        dedupe_window=30 * 86_400,
        lateness=3600,
        silent=True,
        needs_target=True,
        readback=True,
        target="list_id",
    )

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.TRIGGER:
            response = yield self._ask("POST", "events", event(batch))
            why = code(response.get("errors", 0, "code"))
            return every(batch, Verdict.ACCEPTED) if response.ok else unaccepted(batch, response, why)
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        if batch.operation is Operation.REMOVE:
            return (yield from self._remove(batch))
        return (yield from self._import(batch))

    def _forget(self, batch: Batch) -> Exchange:
        response = yield self._ask("POST", "data-privacy-deletion-jobs", deletion(batch.members[0]))
        why = code(response.get("errors", 0, "code"))
        if response.ok or (response.status == 404 and why == "not_found"):
            return every(batch, Verdict.ACCEPTED, "" if response.ok else "not in Klaviyo")
        return unaccepted(batch, response, why)

    def _import(self, batch: Batch) -> Exchange:
        def ask(members: Sequence[Member]) -> Request:
            return self._ask("POST", "profile-bulk-import-jobs", import_job(members, batch.target))

        response, left, outcomes = yield from resend(ask, batch.members, ROW)
        job = response.get("data", "id")
        if response.ok and isinstance(job, str) and job:
            return outcomes + [Outcome(m.id, Verdict.PENDING, "the import has not ended", job=job) for m in left]
        self._blame_list(response, batch.target)
        return outcomes + unaccepted(replace(batch, members=left), response, code(response.get("errors", 0, "code")))

    def _remove(self, batch: Batch) -> Exchange:
        if not batch.target:
            return every(batch, Verdict.REJECTED, "no list to remove from")
        ids, outcomes = yield from self._look_up(batch.members)
        there = tuple(member for member in batch.members if member.id in ids)
        if not there:
            return outcomes
        path = f"lists/{quote(batch.target, safe='')}/relationships/profiles"

        def ask(members: Sequence[Member]) -> Request:
            return self._ask("DELETE", path, {"data": [{"type": "profile", "id": ids[m.id]} for m in members]})

        response, left, named = yield from resend(ask, there, _LISTED_ROW)
        if response.ok:
            return [*outcomes, *named, *(Outcome(m.id, Verdict.ACCEPTED, remote_id=ids[m.id]) for m in left)]
        if left:
            self._blame_list(response, batch.target)
        why = code(response.get("errors", 0, "code"))
        return [*outcomes, *named, *unaccepted(replace(batch, members=left), response, why)]

    def _look_up(
        self, members: Sequence[Member]
    ) -> Generator[Request, Response, tuple[dict[str, str], list[Outcome]]]:
        """Klaviyo's id of each member that it knows, and outcomes for the others."""
        ids, outcomes = {member.id: member.remote_id for member in members if member.remote_id}, list[Outcome]()
        for kind, field in FIELDS.items():
            sought = [member for member in members if not member.remote_id and key_of(member)[0] == kind]
            for start in range(0, len(sought), _LOOKUP):
                part = sought[start : start + _LOOKUP]
                wanted = json.dumps([key_of(member)[1] for member in part], separators=(",", ":"), ensure_ascii=False)
                query = {"filter": f"any({field},{wanted})", "fields[profile]": field}
                found = yield from self._read("profiles", "profiles", _LARGE, query)
                if isinstance(found, Response):
                    why = f"could not be looked up (HTTP {found.status})"
                    outcomes += [Outcome(member.id, Verdict.DEFERRED, why) for member in part]
                    continue
                known = {str(walk(profile, "attributes", field)).lower(): walk(profile, "id") for profile in found}
                for member in part:
                    if isinstance(remote := known.get(key_of(member)[1].lower()), str):
                        ids[member.id] = remote
                    else:
                        outcomes.append(Outcome(member.id, Verdict.ACCEPTED, "not in Klaviyo"))
        return ids, outcomes

    def settle(self, job: Job) -> Exchange:
        path = f"profile-bulk-import-jobs/{quote(job.id, safe='')}"
        response = yield self._ask("GET", path, rates=_MEDIUM, rate_class="import-job")
        status, failed = (response.get("data", "attributes", key) for key in ("status", "failed_count"))
        if response.status in (404, 410) or status in ("cancelled", "failed"):
            return every(job, Verdict.UNKNOWN, f"the import was {status if response.ok else 'forgotten by Klaviyo'}")
        if not response.ok or status != "complete":
            return still_pending(job, "the import has not ended" if response.ok else f"HTTP {response.status}")
        errors = yield from self._read(f"{path}/import-errors", "import-errors", _MEDIUM, {})
        fields = {"fields[profile]": ",".join(FIELDS.values())}
        profiles = yield from self._read(f"{path}/profiles", "import-profiles", _MEDIUM, fields)
        if isinstance(errors, Response) or isinstance(profiles, Response):
            return still_pending(job, "the import has ended, but how could not be read")
        return read_job(job, errors, profiles, failed if type(failed) is int else len(errors))

    def prepare(self, name: str) -> Preparation:
        query = {"filter": f"equals(name,{json.dumps(name, ensure_ascii=False)})", "fields[list]": "name"}
        response = yield self._ask("GET", "lists", rates=_LARGE, rate_class="lists", **query)
        for found in expect(response, list, "data", what="the lists"):
            if walk(found, "attributes", "name") == name and isinstance(walk(found, "id"), str):
                return str(found["id"])
        body: Json = {"data": {"type": "list", "attributes": {"name": name}}}
        response = yield self._ask("POST", "lists", body, rates=_DAILY, rate_class="new-list")
        return str(expect(response, str, "data", "id", what="the new list"))

    def members(self, target: str) -> Reading:
        fields = {"fields[profile]": ",".join(FIELDS.values())}
        found = yield from self._read(f"lists/{quote(target, safe='')}/profiles", "list-read", _LARGE, fields)
        if isinstance(found, Response):
            raise Refused(f"cannot read the list {target} (HTTP {found.status}): check list_id and the key's scopes")
        keys = ([walk(one, "attributes", field) for field in FIELDS.values()] for one in found)
        return [str(next(filter(None, key))) for key in keys if any(key)]

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", "lists", rates=_LARGE, rate_class="lists", **{"page[size]": 1})
        expect(response, list, "data", what="the lists")

    def _ask(
        self, method: str, path: str, body: Json = None, rates: tuple[tuple[int, float], ...] | None = None,
        rate_class: str | None = None, **query: str | int,
    ) -> Request:
        login = {"Authorization": f"Klaviyo-API-Key {self.settings.api_key.get_secret_value()}"}
        kind = {"Content-Type": _KIND} if body is not None else {}
        headers = {**login, "revision": self.settings.revision, "Accept": _KIND, **kind}
        url = with_query(f"{self.settings.root('https://a.klaviyo.com')}/api/{path}", **query)
        return send_json(method, url, body, headers, reads=method == "GET", rate_class=rate_class, rates=rates)

    def _read(
        self, path: str, rate_class: str, rates: tuple[tuple[int, float], ...], query: dict[str, str]
    ) -> Generator[Request, Response, list[Any] | Response]:
        """All pages of a collection, or the answer that was none. Of a link only the cursor is followed."""
        found, pages, seen = list[Any](), {"page[size]": "100"}, set[str]()
        while True:
            response = yield self._ask("GET", path, rates=rates, rate_class=rate_class, **query, **pages)
            data = response.get("data")
            if not response.ok or not isinstance(data, list):
                return response
            found += data
            _, _, after = str(response.get("links", "next", default="")).partition("?")
            cursor = parse_qs(after).get("page[cursor]", [""])[0]
            if not cursor or cursor in seen:
                return found
            seen.add(cursor)
            pages["page[cursor]"] = cursor

    def _blame_list(self, response: Response, target: str | None) -> None:
        pointer = str(response.get("errors", 0, "source", "pointer"))
        if target and (response.status == 404 or (not response.ok and pointer.startswith("/data/relationships/lists"))):
            raise Refused(f"Klaviyo knows no list {target}: correct list_id in connections.yml, or leave it out to "
                          "have the list found or created by name")
