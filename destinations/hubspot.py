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

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, unaccepted
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.hubspot_answers import as_text, blame_properties, read_rows, why_of
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
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

# 100 requests in 10 seconds is what the smallest accounts may send.
_RATES = ((100, 10.0),)
_BATCH, _ONE = (Limits(rows=rows, rates=_RATES, rate_class="crm") for rows in (100, 1))
_TYPES = {"contacts": "0-1", "companies": "0-2"}
_LONGEST = 65_536
_UNTIL_TOMORROW = 3600.0
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

    settings_type = HubspotSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _BATCH,
            Operation.UPDATE: _BATCH,
            Operation.REMOVE: _BATCH,
            Operation.DELETE: _ONE,
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
            return (yield from self._forget(batch))
        sent, outcomes = self._sendable(batch)
        if batch.operation is Operation.REMOVE:
            return outcomes + (yield from self._remove(sent)) if sent.members else outcomes
        written = (yield from self._upsert(sent)) if sent.members else []
        ids = {outcome.id: outcome.remote_id for outcome in written if outcome.remote_id}
        if not batch.target or not ids:
            return outcomes + written
        known = replace(sent, members=tuple(member for member in sent.members if member.id in ids))
        response = yield self._change_list(batch.target, "add", list(ids.values()))
        listed, missing = self._read_list(known, response, ids)
        listed += every(missing, Verdict.DEFERRED, "the list did not find the record")
        return [*outcomes, *(outcome for outcome in written if outcome.id not in ids), *listed]

    def _sendable(self, batch: Batch) -> tuple[Batch, list[Outcome]]:
        """The members that a request may hold, and outcomes for the others: one of these would refuse all of it."""
        seen, kept, outcomes = set[str](), list[Member](), list[Outcome]()
        for member in batch.members:
            long = [name for name, value in member.attributes.items() if len(as_text(value)) > _LONGEST]
            if not (key := self._key(member)):
                outcomes.append(Outcome(member.id, Verdict.REJECTED, "no e-mail address"))
            elif key in seen:
                same = f"another member of the batch has the same {self.settings.id_property}"
                outcomes.append(Outcome(member.id, Verdict.REJECTED, same))
            elif long and batch.operation is not Operation.REMOVE:
                outcomes.append(Outcome(member.id, Verdict.REJECTED, f"{long[0]} is longer than {_LONGEST} characters"))
            else:
                kept.append(member)
            seen.add(key)
        return replace(batch, members=tuple(kept)), outcomes

    def _key(self, member: Member) -> str:
        return member.identifiers.get("email", "") if self.settings.id_property == "email" else member.person

    def _upsert(self, batch: Batch) -> Generator[Request, Response, list[Outcome]]:
        inputs = [self._input(member) for member in batch.members]
        response = yield self._ask("POST", f"{self._objects}/batch/upsert", {"inputs": inputs})
        names = {self.settings.id_property, *(name for one in inputs for name in one["properties"])}
        blame_properties(response, names, self.settings.object_type)
        return read_rows(batch, response, self.settings.id_property, self._key)

    def _input(self, member: Member) -> dict[str, Any]:
        is_contact = self.settings.object_type == "contacts" and "email" in member.identifiers
        contact = {"email": member.identifiers["email"]} if is_contact else {}
        own = {self.settings.key_property: member.person} if self.settings.key_property else {}
        properties = {name: as_text(value) for name, value in {**member.attributes, **contact, **own}.items()}
        properties.pop(self.settings.id_property, None)
        return {"idProperty": self.settings.id_property, "id": self._key(member), "objectWriteTraceId": member.id,
                "properties": properties}

    def _remove(self, batch: Batch) -> Generator[Request, Response, list[Outcome]]:
        if not batch.target:
            return every(batch, Verdict.REJECTED, "no list to remove from")
        ids = {member.id: member.remote_id for member in batch.members if member.remote_id}
        outcomes, missing = yield from self._take_off(batch, ids)
        if missing.members:
            found = yield from self._look_up(missing)
            if isinstance(found, Response):
                return outcomes + every(missing, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
            more, missing = yield from self._take_off(missing, found)
            outcomes += more
        return outcomes + every(missing, Verdict.ACCEPTED, "not in HubSpot")

    def _take_off(
        self, batch: Batch, ids: Mapping[str, str]
    ) -> Generator[Request, Response, tuple[list[Outcome], Batch]]:
        """Outcomes of the members whose record is known, and the members whose record is not."""
        known = replace(batch, members=tuple(member for member in batch.members if member.id in ids))
        unknown = replace(batch, members=tuple(member for member in batch.members if member.id not in ids))
        if not known.members:
            return [], unknown
        response = yield self._change_list(str(batch.target), "remove", [ids[member.id] for member in known.members])
        outcomes, missing = self._read_list(known, response, ids)
        return outcomes, replace(batch, members=unknown.members + missing.members)

    def _look_up(self, batch: Batch) -> Generator[Request, Response, dict[str, str] | Response]:
        """Record ids by operation, found by the property that members are keyed by, or the answer that told none."""
        name = self.settings.id_property
        body: Json = {"idProperty": name, "inputs": [{"id": self._key(member)} for member in batch.members],
                      "properties": [name], "propertiesWithHistory": []}
        response = yield self._ask("POST", f"{self._objects}/batch/read", body, reads=True)
        results = response.get("results")
        if not response.ok or not isinstance(results, list):
            return response
        found = {str(walk(result, "properties", name)).lower(): walk(result, "id") for result in results}
        return {member.id: remote for member in batch.members
                if isinstance(remote := found.get(self._key(member).lower()), str)}

    def _forget(self, batch: Batch) -> Exchange:
        """GDPR delete: the contact and all that was written of it, and the address may never be used again."""
        [member] = batch.members
        if self.settings.object_type != "contacts":
            return every(batch, Verdict.REJECTED, "a company is nobody who could be forgotten")
        key, body = self._key(member), dict[str, Json]()
        if self.settings.id_property == "email" and key:
            body = {"objectId": key, "idProperty": "email"}
        elif key:
            found = yield from self._look_up(batch)
            if isinstance(found, Response):
                return every(batch, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
            body = {"objectId": found[member.id]} if member.id in found else {}
        if not body:
            return every(batch, Verdict.ACCEPTED, "not in HubSpot")
        response = yield self._ask("POST", f"{self._objects}/gdpr-delete", body)
        if response.status == 404 and response.get("category") == "OBJECT_NOT_FOUND":
            return every(batch, Verdict.ACCEPTED, "not in HubSpot")
        taken = response.status == 204
        return every(batch, Verdict.ACCEPTED) if taken else unaccepted(batch, response, why_of(response.json))

    def _change_list(self, target: str, verb: str, ids: Sequence[str]) -> Request:
        return self._ask("PUT", f"{self._lists}/{quote(target, safe='')}/memberships/{verb}", list(ids))

    def _read_list(self, batch: Batch, response: Response, ids: Mapping[str, str]) -> tuple[list[Outcome], Batch]:
        """Everyone is on or off the list now, but the members whose record the list calls missing."""
        if response.status == 404:
            raise Refused(f"HubSpot knows no list {batch.target}: correct list_id in connections.yml, or leave it out "
                          "to have the list found or created by name")
        gone = response.get("recordIdsMissing")
        if not response.ok or not isinstance(gone, list):
            return unaccepted(batch, response, why_of(response.json)), replace(batch, members=())
        away = {str(one) for one in gone}
        done = [Outcome(member.id, Verdict.ACCEPTED, remote_id=ids[member.id]) for member in batch.members
                if ids[member.id] not in away]
        return done, replace(batch, members=tuple(member for member in batch.members if ids[member.id] in away))

    def prepare(self, name: str) -> Preparation:
        kind = _TYPES[self.settings.object_type]
        path = f"{self._lists}/object-type-id/{kind}/name/{quote(name, safe='')}"
        response = yield self._ask("GET", path, reads=True)
        if response.status == 404:
            body = {"name": name, "objectTypeId": kind, "processingType": "MANUAL"}
            response = yield self._ask("POST", self._lists, body)
            return str(expect(response, str, "list", "listId", what="the new list"))
        found = str(expect(response, str, "list", "listId", what=f"the list {name}"))
        if response.get("list", "processingType") not in ("MANUAL", "SNAPSHOT", None):
            raise Refused(f"the list {name} is kept by its filters, and only static ones can be filled: rename it")
        return found

    def members(self, target: str) -> Reading:
        found, after, name = list[str](), "", self.settings.id_property
        while True:
            path = f"{self._lists}/{quote(target, safe='')}/memberships"
            more = {"after": after} if after else {}
            response = yield self._ask("GET", with_query(path, limit=100, **more), reads=True)
            rows = expect(response, list, "results", what=f"the members of list {target}")
            before, after = after, response.get("paging", "next", "after", default="")
            inputs: Json = [{"id": str(walk(row, "recordId"))} for row in rows]
            if rows:
                body = {"inputs": inputs, "properties": [name], "propertiesWithHistory": []}
                response = yield self._ask("POST", f"{self._objects}/batch/read", body, reads=True)
                records = expect(response, list, "results", what="the records of the list")
                found += [key for record in records if isinstance(key := walk(record, "properties", name), str)]
            if not isinstance(after, str) or after in ("", before):
                return found

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", with_query(self._objects, limit=1), reads=True)
        expect(response, list, "results", what=f"the {self.settings.object_type}")

    def throttled(self, response: Response) -> float | None:
        if response.status not in (429, *_LOCKED):
            return None
        if response.get("policyName") == "DAILY":
            return _UNTIL_TOMORROW
        return response.retry_after or (10.0 if response.get("policyName") else 0.0)

    def rests(self, response: Response) -> float:
        if response.headers.get("x-hubspot-ratelimit-remaining") != "0":
            return 0.0
        interval = response.headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
        return min(int(interval), 10_000) / 1000 if interval.isdecimal() and len(interval) < 9 else 1.0

    def refused(self, response: Response) -> str | None:
        if response.status not in (401, 403):
            return None
        why = code(response.get("category")) or f"HTTP {response.status}"
        scopes = f"crm.objects.{self.settings.object_type} and crm.lists, read and write"
        return f"HubSpot refused the credentials ({why}): give access_token the token of a private app with {scopes}"

    @property
    def _objects(self) -> str:
        return f"{self._room('objects')}/{self.settings.object_type}"

    @property
    def _lists(self) -> str:
        return self._room("lists")

    def _room(self, name: str) -> str:
        version = self.settings.version
        return f"/crm/v3/{name}" if version == "v3" else f"/crm/{name}/{version}"

    def _ask(self, method: str, path: str, body: Json = None, reads: bool = False) -> Request:
        login = {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        url = self.settings.root("https://api.hubapi.com") + path
        return send_json(method, url, body, login, reads=reads, rate_class="crm", rates=_RATES)
