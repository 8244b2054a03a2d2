"""HubSpot: contacts and companies by batch upsert and read, static lists by record ids (date version 2026-09).

Enforced: 100 inputs a batch, ids that differ inside one, texts as property values, lower-case property names, rows
refused under 207 with their trace id, lists that only take records of this portal, 100 calls in ten seconds.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import re
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route, parse
from destinations.sandbox.shapes import ANY, OBJECT, TEXT, complaints, one

RATES = ((100, 10),)
ROWS, LONGEST = 100, 65_536
UNIQUE = {"contacts": {"email", "customer_key"}, "companies": {"account_id"}}
TYPES = {"0-1": "contacts", "0-2": "companies"}
UPSERT = {"inputs": [{"idProperty?": TEXT, "id": TEXT, "objectWriteTraceId?": TEXT, "properties": OBJECT}]}
READ = {"idProperty?": TEXT, "inputs": [{"id": TEXT}], "properties": [TEXT], "propertiesWithHistory": [TEXT]}
FORGET = {"objectId": TEXT, "idProperty?": TEXT}
LIST = {"name": TEXT, "objectTypeId": one(*TYPES), "processingType": one("MANUAL", "SNAPSHOT", "DYNAMIC"),
        "filterBranch?": OBJECT, "listFolderId?": ANY}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PROPERTY = re.compile(r"[a-z]\w{0,99}")


class HubSpot(Channel):
    """One HubSpot account."""

    name = "hubspot"
    routes = (
        Route("GET", "crm/objects/2026-09/{kind}", "page"),
        Route("POST", "crm/objects/2026-09/{kind}/batch/upsert", "upsert"),
        Route("POST", "crm/objects/2026-09/{kind}/batch/read", "read"),
        Route("POST", "crm/v3/objects/{kind}/batch/upsert", "upsert"),
        Route("POST", "crm/objects/2026-09/{kind}/gdpr-delete", "forget"),
        Route("POST", "crm/lists/2026-09", "create"),
        Route("GET", "crm/lists/2026-09/object-type-id/{kind}/name/{name}", "named"),
        Route("GET", "crm/lists/2026-09/{key}", "show"),
        Route("GET", "crm/lists/2026-09/{key}/memberships", "memberships"),
        Route("PUT", "crm/lists/2026-09/{key}/memberships/add", "add"),
        Route("PUT", "crm/lists/2026-09/{key}/memberships/remove", "remove"),
        Route("PUT", "crm/v3/lists/{key}/memberships/add", "add"),
    )

    def blank(self) -> Document:
        return {"made": 0, "records": {"contacts": {}, "companies": {}}, "lists": {}, "forgotten": {}}

    def load(self, state: Document) -> None:
        super().load(state)
        self.index = {(kind, name, str(properties[name]).lower()): key
                      for kind, records in state["records"].items() for key, properties in records.items()
                      for name in UNIQUE[kind] if properties.get(name)}

    def truth(self) -> Document:
        return {
            "audiences": {key: self._audience(found) for key, found in self.state["lists"].items()},
            "records": {kind: len(records) for kind, records in self.state["records"].items()},
            "messages": [],
            "repeats": 0,
        }

    def _audience(self, found: Document) -> Document:
        records = self.state["records"][TYPES[found["kind"]]]
        shown = [records[key].get("email") or records[key].get("account_id") or key for key in found["members"]]
        keys = [records[key][name] for key in found["members"] for name in ("customer_key", "account_id")
                if records[key].get(name)]
        return {"name": found["name"], "members": sorted(shown), "keys": sorted(keys)}

    def shown(self, path: str) -> str:
        return path

    def answer(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"Bearer {self.setup.credentials.hubspot_access_token}":
            raise Refuse(self.error(401, "Authentication credentials not found"))
        route, found = self.find(call)
        if self.setup.pace and (wait := self.windows.take("crm", RATES)):
            return self.throttled(wait)
        if call.body and call.content_type != "application/json":
            raise Refuse(self.error(415, "Content-Type must be application/json"))
        if found.get("kind", "contacts") not in (*UNIQUE, *TYPES):
            raise Refuse(self.error(400, "Unable to infer object type"))
        reply: Reply = getattr(self, route.take)(call, **found)
        return Reply(reply.status, reply.body, {**self._left(), **reply.headers}, reply.rows)

    def _left(self) -> dict[str, str]:
        ((most, seconds),) = RATES
        name, left = "X-HubSpot-RateLimit", most - self.windows.used("crm", seconds)
        return {f"{name}-Max": str(most), f"{name}-Remaining": str(left),
                f"{name}-Interval-Milliseconds": str(int(seconds * 1000))}

    def error(self, status: int, message: str) -> Reply:
        category = {401: "INVALID_AUTHENTICATION", 404: "OBJECT_NOT_FOUND", 429: "RATE_LIMITS"}
        body = {"status": "error", "message": message, "category": category.get(status, "VALIDATION_ERROR"),
                "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf"}
        return Reply(status, body)

    def throttled(self, wait: float | None) -> Reply:
        reply = super().throttled(wait)
        body = {**reply.body, "policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT"}
        return Reply(429, body, reply.headers)

    def _check(self, call: Call, shape: Any) -> None:
        for wrong in complaints(call.json, shape):
            raise Refuse(self.error(400, f"Invalid input JSON: {wrong.at} {wrong.message}"))

    def _inputs(self, call: Call, shape: Any) -> list[Document]:
        self._check(call, shape)
        inputs: list[Document] = call.json["inputs"]
        if not 1 <= len(inputs) <= ROWS:
            raise Refuse(self.error(400, f"The maximum batch size is {ROWS}"))
        ids = [str(given["id"]).lower() for given in inputs]
        if len(set(ids)) < len(ids):
            raise Refuse(self.error(400, "Duplicate IDs found in batch input"))
        return inputs

    def upsert(self, call: Call, kind: str) -> Reply:
        inputs = self._inputs(call, UPSERT)
        for given in inputs:
            if given.get("idProperty") not in UNIQUE[kind]:
                raise Refuse(self.error(400, "idProperty must be a property with unique values"))
        results, errors = list[Document](), list[Document]()
        for number, given in enumerate(inputs):
            problem = ("the sandbox refuses every nth row", "") if call.refuses(number) else _problem(given)
            if given["id"].lower() in self.state.get("forgotten", {}):
                problem = "A contact deleted for privacy cannot be created again", "email"
            if problem:
                errors.append(_error(given, *problem))
            else:
                results.append(self._write(kind, given))
        now = self.now()
        body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            return Reply(207, {**body, "numErrors": len(errors), "errors": errors}, rows=len(inputs))
        return Reply(200, body, rows=len(inputs))

    def _write(self, kind: str, given: Document) -> Document:
        name, records = given["idProperty"], self.state["records"][kind]
        key = self.index.get((kind, name, given["id"].lower()))
        new = key is None
        if key is None:
            self.state["made"] += 1
            key = str(900 + self.state["made"])
            records[key] = {"createdate": self.now()}
        records[key].update({**given["properties"], name: given["id"]})
        for unique in UNIQUE[kind]:
            if records[key].get(unique):
                self.index[kind, unique, str(records[key][unique]).lower()] = key
        trace = {"objectWriteTraceId": given["objectWriteTraceId"]} if "objectWriteTraceId" in given else {}
        return {**self._record(kind, key), **trace, "new": new}

    def _record(self, kind: str, key: str) -> Document:
        properties = self.state["records"][kind][key]
        return {"id": key, "properties": properties, "createdAt": properties["createdate"], "updatedAt": self.now(),
                "archived": False}

    def read(self, call: Call, kind: str) -> Reply:
        inputs, name = self._inputs(call, READ), call.json.get("idProperty")
        found: list[str | None] = [
            self.index.get((kind, name, given["id"].lower())) if name
            else given["id"] if given["id"] in self.state["records"][kind] else None for given in inputs]
        results = [self._record(kind, key) for key in found if key]
        body: Document = {"status": "COMPLETE", "results": results, "startedAt": self.now(), "completedAt": self.now()}
        missing = [given["id"] for given, key in zip(inputs, found, strict=True) if not key]
        if missing:
            error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects",
                     "context": {"ids": missing}, "errors": [], "links": {}}
            return Reply(207, {**body, "numErrors": 1, "errors": [error]}, rows=len(inputs))
        return Reply(200, body, rows=len(inputs))

    def forget(self, call: Call, kind: str) -> Reply:
        """GDPR delete: the contact is gone from every list, and its address can never be used again."""
        self._check(call, FORGET)
        given, named = call.json["objectId"], call.json.get("idProperty")
        key = self.index.get((kind, named, given.lower())) if named else given
        if kind != "contacts" or named not in (None, "email"):
            raise Refuse(self.error(400, "Only contacts can be deleted by id or email"))
        if named:
            self.state.setdefault("forgotten", {})[given.lower()] = True
        if key not in self.state["records"][kind]:
            return Reply(204, None) if named else self.error(404, "No object with this id")
        if address := self.state["records"][kind][key].get("email"):
            self.state.setdefault("forgotten", {})[address.lower()] = True
        del self.state["records"][kind][key]
        self.index = {name: found for name, found in self.index.items() if found != key}
        for found in self.state["lists"].values():
            found["members"].pop(key, None)
        return Reply(204, None)

    def page(self, call: Call, kind: str) -> Reply:
        limit = parse(call.query.get("limit", "10"))
        if type(limit) is not int or not 1 <= limit <= 100:
            raise Refuse(self.error(400, "limit must be between 1 and 100"))
        return Reply(200, {"results": [self._record(kind, key) for key in list(self.state["records"][kind])[:limit]]})

    def create(self, call: Call) -> Reply:
        self._check(call, LIST)
        given = call.json
        if any((found["kind"], found["name"]) == (given["objectTypeId"], given["name"])
               for found in self.state["lists"].values()):
            raise Refuse(self.error(400, "A list with this name already exists"))
        self.state["made"] += 1
        key = str(self.state["made"])
        self.state["lists"][key] = {"name": given["name"], "kind": given["objectTypeId"],
                                    "processing": given["processingType"], "members": {}}
        return Reply(200, {"list": self._list(key)})

    def _list(self, key: str) -> Document:
        found = self.state["lists"][key]
        return {"listId": key, "listVersion": 1, "name": found["name"], "objectTypeId": found["kind"],
                "processingStatus": "COMPLETE", "processingType": found["processing"]}

    def named(self, call: Call, kind: str, name: str) -> Reply:
        keys = [key for key, found in self.state["lists"].items() if (found["kind"], found["name"]) == (kind, name)]
        if not keys:
            raise Refuse(self.error(404, "List does not exist"))
        return Reply(200, {"list": self._list(keys[0])})

    def _known(self, key: str) -> Document:
        if key not in self.state["lists"]:
            raise Refuse(self.error(404, "List does not exist"))
        found: Document = self.state["lists"][key]
        return found

    def show(self, call: Call, key: str) -> Reply:
        self._known(key)
        return Reply(200, {"list": self._list(key)})

    def memberships(self, call: Call, key: str) -> Reply:
        members, after = sorted(self._known(key)["members"], key=int), call.query.get("after", "0")
        limit = parse(call.query.get("limit", "100"))
        if type(limit) is not int or not 1 <= limit <= 250 or not after.isdigit():
            raise Refuse(self.error(400, "limit must be between 1 and 250, after a cursor"))
        rest = [record for record in members if int(record) > int(after)]
        rows = [{"recordId": record, "membershipTimestamp": self.now()} for record in rest[:limit]]
        paging = {"paging": {"next": {"after": rows[-1]["recordId"], "link": ""}}} if len(rest) > limit else {}
        return Reply(200, {"results": rows, **paging})

    def add(self, call: Call, key: str) -> Reply:
        return self._change(call, key, "recordsIdsAdded")

    def remove(self, call: Call, key: str) -> Reply:
        return self._change(call, key, "recordIdsRemoved")

    def _change(self, call: Call, key: str, told: str) -> Reply:
        found = self._known(key)
        self._check(call, [TEXT])
        if found["processing"] == "DYNAMIC":
            raise Refuse(self.error(400, "The list's processing type does not allow manual changes"))
        records, members = self.state["records"][TYPES[found["kind"]]], found["members"]
        there = [record for record in call.json if record in records]
        changed = [record for record in there if (record in members) != (told == "recordsIdsAdded")]
        for record in changed:
            if told == "recordsIdsAdded":
                members[record] = True
            else:
                del members[record]
        missing = [record for record in call.json if record not in records]
        body = {"recordsIdsAdded": [], "recordIdsRemoved": [], "recordIdsMissing": missing, told: changed}
        return Reply(200, body, rows=len(call.json))


def _problem(given: Document) -> tuple[str, str] | None:
    """What is wrong with a row, and in which property."""
    if given["idProperty"] == "email" and not EMAIL.fullmatch(given["id"]):
        return "Email address is invalid", "email"
    for name, value in given["properties"].items():
        if not PROPERTY.fullmatch(name):
            return "Property does not exist", name
        if not isinstance(value, str) or len(value) > LONGEST:
            return "Property value is not a text or is too long", name
    return None


def _error(given: Document, message: str, name: str) -> Document:
    context = {"objectWriteTraceId": [given["objectWriteTraceId"]]} if "objectWriteTraceId" in given else {}
    return {"status": "error", "category": "VALIDATION_ERROR", "message": message, "errors": [], "links": {},
            "context": {**context, **({"propertyName": [name]} if name else {})}}
