"""HubSpot: contacts or companies created and updated by a unique property, put on a static list and taken off it.

Sources: HubSpot's public API specification, date version 2026-09 (/crm/objects/… batch upsert and batch read,
/crm/lists/… memberships), and its pages on error handling and usage limits. A row carries its operation's id as
`objectWriteTraceId`, which a 207 repeats for each row that it refuses; a refusal of the whole request names none, so
it is halved until the rows to blame stand alone. Lists are filled by HubSpot's record ids, which the upsert gives back;
a removal without one, or whose record was merged into another, looks it up by the property.

Contacts are keyed by `email` unless `id_property` names another unique property, which then holds the warehouse's key;
companies always need one, as HubSpot's own `domain` is not unique. Values are texts: null clears, ; joins a list.
Not verified: that 100 is the page size of memberships for all accounts (it is the specification's default).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, unaccepted
from destinations.http import Json, Request, Response, send_json, walk, with_query
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
_BATCH = Limits(rows=100, rates=((100, 10.0),), rate_class="crm")
_TYPES = {"contacts": "0-1", "companies": "0-2"}
_HALVINGS = 32
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
    version: str = Field(default="2026-09", pattern=r"^\d{4}-\d\d$", description="date version of the API")

    @model_validator(mode="after")
    def _unique(self) -> HubspotSettings:
        if self.object_type == "companies" and self.id_property in ("email", "domain"):
            raise ValueError("companies need an id_property of your own that HubSpot keeps unique, such as account_id")
        return self


class Hubspot(Destination):
    """Keeps records and a static list of them."""

    settings_type = HubspotSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _BATCH, Operation.UPDATE: _BATCH, Operation.REMOVE: _BATCH},
        identifiers=("email", "person", "account"),
        needs_target=True,
        readback=True,
        target="list_id",
    )

    def deliver(self, batch: Batch) -> Exchange:
        keyed, outcomes = self._keyed(batch)
        if batch.operation is Operation.REMOVE:
            return outcomes + (yield from self._remove(keyed)) if keyed.members else outcomes
        written = yield from self._upsert(keyed)
        ids = {outcome.id: outcome.remote_id for outcome in written if outcome.remote_id}
        if not batch.target or not ids:
            return outcomes + written
        known = replace(keyed, members=tuple(member for member in keyed.members if member.id in ids))
        response = yield self._change_list(batch.target, "add", list(ids.values()))
        listed, missing = self._read_list(known, response, ids)
        listed += every(missing, Verdict.DEFERRED, "the list did not find the record")
        return [*outcomes, *(outcome for outcome in written if outcome.id not in ids), *listed]

    def _keyed(self, batch: Batch) -> tuple[Batch, list[Outcome]]:
        """The members that have a key of their own, and outcomes for the others: one repeated key refuses a request."""
        seen, kept, outcomes = set[str](), list[Member](), list[Outcome]()
        for member in batch.members:
            key = self._key(member)
            if not key or key in seen:
                same = f"another member of the batch has the same {self.settings.id_property}"
                outcomes.append(Outcome(member.id, Verdict.REJECTED, same if key else "no e-mail address"))
                continue
            seen.add(key)
            kept.append(member)
        return replace(batch, members=tuple(kept)), outcomes

    def _key(self, member: Member) -> str:
        return member.identifiers.get("email", "") if self.settings.id_property == "email" else member.person

    def _upsert(self, batch: Batch) -> Generator[Request, Response, list[Outcome]]:
        """All rows; what is refused as a whole is halved until the rows to blame stand alone."""
        waiting, outcomes, halvings = [batch] if batch.members else [], list[Outcome](), 0
        while waiting:
            part = waiting.pop()
            inputs = [self._input(member) for member in part.members]
            response = yield self._ask("POST", f"{self._objects}/batch/upsert", {"inputs": inputs})
            if response.status not in (400, 413) or len(part.members) == 1:
                outcomes += self._read_rows(part, response)
            elif halvings == _HALVINGS:
                outcomes += every(part, Verdict.DEFERRED, "refused together with other rows, not yet told apart")
            else:
                halvings, middle = halvings + 1, len(part.members) // 2
                waiting.append(replace(part, members=part.members[middle:]))
                waiting.append(replace(part, members=part.members[:middle]))
        return outcomes

    def _input(self, member: Member) -> dict[str, Any]:
        is_contact = self.settings.object_type == "contacts" and "email" in member.identifiers
        contact = {"email": member.identifiers["email"]} if is_contact else {}
        own = {self.settings.key_property: member.person} if self.settings.key_property else {}
        properties = {name: written(value) for name, value in {**member.attributes, **contact, **own}.items()}
        properties.pop(self.settings.id_property, None)
        return {"idProperty": self.settings.id_property, "id": self._key(member), "objectWriteTraceId": member.id,
                "properties": properties}

    def _read_rows(self, batch: Batch, response: Response) -> list[Outcome]:
        """Rows are named by their trace id, results also by the property that they are found by."""
        results = response.get("results")
        if not response.ok or not isinstance(results, list):
            return unaccepted(batch, response, why_of(response.json))
        name, ids = self.settings.id_property, dict[str, Any]()
        for result in results:
            for key in (walk(result, "objectWriteTraceId"), walk(result, "properties", name)):
                ids[str(key).lower()] = walk(result, "id")
        errors = response.get("errors", default=[])
        refused = {str(trace): why_of(error) or "refused" for error in (errors if isinstance(errors, list) else [])
                   for trace in as_list(walk(error, "context", "objectWriteTraceId"))}

        def outcome(member: Member) -> Outcome:
            found = ids.get(member.id.lower(), ids.get(self._key(member).lower()))
            if member.id in refused:
                return Outcome(member.id, Verdict.REJECTED, refused[member.id])
            if isinstance(found, str) and found:
                return Outcome(member.id, Verdict.ACCEPTED, remote_id=found)
            return Outcome(member.id, Verdict.UNKNOWN, "neither among the results nor among the errors")

        return [outcome(member) for member in batch.members]

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

    @property
    def _objects(self) -> str:
        return f"/crm/objects/{self.settings.version}/{self.settings.object_type}"

    @property
    def _lists(self) -> str:
        return f"/crm/lists/{self.settings.version}"

    def _ask(self, method: str, path: str, body: Json = None, reads: bool = False) -> Request:
        login = {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        url = self.settings.root("https://api.hubapi.com") + path
        return send_json(method, url, body, login, reads=reads, rate_class="crm", rates=_BATCH.rates)


def written(value: Json) -> str:
    """A value as HubSpot's properties take it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple) and all(isinstance(part, str | int | float) for part in value):
        return ";".join(written(part) for part in value)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def why_of(error: Any) -> str:
    """Category and property of an error; its message would repeat values."""
    words = [walk(error, "category"), *as_list(walk(error, "context", "propertyName"))]
    return code(*dict.fromkeys(word for word in words if isinstance(word, str)))


def as_list(value: Any) -> list[Any]:
    """A list, whatever else it may be."""
    return value if isinstance(value, list) else []
