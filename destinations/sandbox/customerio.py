"""Customer.io: the Track API (`/api/v1`, `/api/v2`, Basic) and the App API (`/v1`, Bearer) of one workspace.

The two live on two hosts at the vendor's and under one root here. There is no Retry-After and no rate header on either.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import base64
import re

from destinations.sandbox import customerio_bodies as bodies
from destinations.sandbox.channel import Call, Document, Refuse, Reply, Route, parse
from destinations.sandbox.customerio_messages import Messages
from destinations.sandbox.customerio_people import Workspace, blank
from destinations.sandbox.customerio_refusals import app, invalid, read_object, refuse
from destinations.sandbox.shapes import complaints

RATES = {"track": ((1000, 1),), "app": ((10, 1),), "send": ((100, 1),), "broadcasts": ((1, 10),)}
BATCH_BYTES, ID_BYTES = 500_000, 150


class CustomerIo(Messages):
    """One Customer.io workspace."""

    name = "customerio"
    routes = (
        Route("GET", "api/v1/accounts/region", "region", "track"),
        Route("POST", "api/v2/entity", "entity", "track"),
        Route("POST", "api/v2/batch", "batch", "track"),
        Route("PUT", "api/v1/customers/{who}", "identify", "track"),
        Route("DELETE", "api/v1/customers/{who}", "delete", "track"),
        Route("POST", "api/v1/customers/{who}/events", "event", "track"),
        Route("POST", "api/v1/customers/{who}/suppress", "suppress", "track"),
        Route("POST", "api/v1/customers/{who}/unsuppress", "unsuppress", "track"),
        Route("POST", "api/v1/merge_customers", "merge", "track"),
        Route("POST", "api/v1/segments/{segment}/add_customers", "add", "track"),
        Route("POST", "api/v1/segments/{segment}/remove_customers", "remove", "track"),
        Route("GET", "v1/segments", "segments", "app"),
        Route("POST", "v1/segments", "create", "app"),
        Route("GET", "v1/segments/{segment}", "show", "app"),
        Route("DELETE", "v1/segments/{segment}", "drop", "app"),
        Route("GET", "v1/segments/{segment}/membership", "membership", "app"),
        Route("GET", "v1/segments/{segment}/customer_count", "size", "app"),
        Route("POST", "v1/send/{kind}", "send", "send"),
        Route("POST", "v1/campaigns/{broadcast}/triggers", "broadcast", "broadcasts"),
        Route("GET", "v1/campaigns/{broadcast}/triggers/{trigger}", "trigger", "app"),
        Route("GET", "v1/campaigns/{broadcast}/triggers/{trigger}/errors", "trigger_errors", "app"),
        Route("POST", "v1/customers/attributes", "people", "app"),
    )

    def blank(self) -> Document:
        return blank()

    def load(self, state: Document) -> None:
        super().load(state)
        self.workspace = Workspace(state)

    def truth(self) -> Document:
        return {
            "audiences": {key: self._audience(found) for key, found in self.state["segments"].items()},
            "people": len(self.state["people"]),
            "messages": self.state["messages"],
            "repeats": self.state["repeats"],
            "suppressed": sorted(self.state["suppressed"]),
        }

    def _audience(self, found: Document) -> Document:
        people = [self.state["people"][key] for key in found["members"]]
        return {
            "name": found["name"],
            "members": sorted(map(self.workspace.shown, found["members"])),
            "keys": sorted(person["id"] for person in people if person.get("id")),
        }

    def shown(self, path: str) -> str:
        return re.sub(r"/customers/[^/]+", "/customers/{id}", path)

    def answer(self, call: Call) -> Reply:
        self._authorise(call)
        route, found = self.find(call)
        if self.setup.pace and self.windows.take(route.rate, RATES[route.rate]):
            return self.throttled(None)
        if call.body and call.content_type != "application/json":
            raise refuse(400, "Content-Type must be application/json")
        reply: Reply = getattr(self, route.take)(call, **found)
        return reply

    def _authorise(self, call: Call) -> None:
        own = self.setup.credentials
        track = base64.b64encode(f"{own.customerio_site_id}:{own.customerio_api_key}".encode()).decode()
        wanted = f"Basic {track}" if call.path.startswith("/api/") else f"Bearer {own.customerio_app_api_key}"
        if call.headers.get("authorization") != wanted:
            raise refuse(401, "Unauthorized request")

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"meta": {"error": message}})

    def region(self, call: Call) -> Reply:
        return Reply(200, {"url": "https://track.customer.io", "region": "us", "environment_id": 1})

    def entity(self, call: Call) -> Reply:
        wrong = bodies.wrong_item(call.json)
        if wrong or call.refuses(0):
            raise Refuse(Reply(400, {"errors": [wrong or bodies.REFUSED]}))
        self._apply(call.json)
        return Reply(200, {}, rows=1)

    def batch(self, call: Call) -> Reply:
        if len(call.body) >= BATCH_BYTES:
            raise invalid("batch", "the batch must be smaller than 500kb")
        for wrong in complaints(call.json, {"batch": [(dict,)]}):
            raise invalid(bodies.dotted(wrong.at), wrong.message)
        items: list[Document] = call.json["batch"]
        errors: list[Document] = []
        if not items:
            raise invalid("batch", "must not be empty")
        for number, item in enumerate(items):
            wrong_item = bodies.REFUSED if call.refuses(number) else bodies.wrong_item(item)
            if wrong_item:
                errors.append({"batch_index": number, **wrong_item})
            else:
                self._apply(item)
        return Reply(207, {"errors": errors}, rows=len(items)) if errors else Reply(200, {}, rows=len(items))

    def _apply(self, item: Document) -> None:
        if item["type"] != "person":
            return
        if item["action"] == "merge":
            self.workspace.merge(_only(item["primary"]), _only(item["secondary"]))
            return
        who, action = _only(item["identifiers"]), item["action"]
        if action == "identify":
            self.workspace.upsert(*who, item.get("attributes") or {})
        elif action in ("event", "page", "screen"):
            self.workspace.record(who, item, item.get("attributes"), self.setup.clock())
        elif action in ("delete", "suppress", "unsuppress"):
            getattr(self.workspace, action)(*who)

    def identify(self, call: Call, who: str) -> Reply:
        found = _path(who)
        for wrong in bodies.wrong_attributes(read_object(call), "attributes"):
            raise refuse(400, f"{wrong['field']} {wrong['message']}")
        self.workspace.upsert(*found, call.json)
        return Reply(200, {}, rows=1)

    def delete(self, call: Call, who: str) -> Reply:
        self.workspace.delete(*_path(who))
        return Reply(200, {}, rows=1)

    def suppress(self, call: Call, who: str) -> Reply:
        self.workspace.suppress(*_path(who))
        return Reply(200, {}, rows=1)

    def unsuppress(self, call: Call, who: str) -> Reply:
        self.workspace.unsuppress(*_path(who))
        return Reply(200, {}, rows=1)

    def event(self, call: Call, who: str) -> Reply:
        found = _path(who)
        for message in bodies.wrong_event_v1(read_object(call), call.body):
            raise refuse(400, message)
        self.workspace.record(found, call.json, call.json.get("data"), self.setup.clock())
        return Reply(200, {}, rows=1)

    def merge(self, call: Call) -> Reply:
        for wrong in complaints(read_object(call), {"primary": (dict,), "secondary": (dict,)}):
            raise refuse(400, f"{bodies.dotted(wrong.at)} {wrong.message}")
        for side in ("primary", "secondary"):
            if bodies.wrong_identifiers(call.json[side]):
                raise refuse(400, f"{side} must have one of id, email, cio_id")
        self.workspace.merge(_only(call.json["primary"]), _only(call.json["secondary"]))
        return Reply(200, {}, rows=2)

    def add(self, call: Call, segment: str) -> Reply:
        """People the workspace does not know are ignored, as are ids of another type."""
        members, people, ids = self._members(call, segment)
        members.update(dict.fromkeys(people, True))
        return Reply(200, {}, rows=ids)

    def remove(self, call: Call, segment: str) -> Reply:
        """Only people who have an `id` can be removed."""
        members, people, ids = self._members(call, segment)
        for key in people:
            if self.state["people"][key].get("id"):
                members.pop(key, None)
        return Reply(200, {}, rows=ids)

    def _members(self, call: Call, segment: str) -> tuple[Document, list[str], int]:
        kind = call.query.get("id_type", "id")
        if kind not in ("id", "email", "cio_id") or set(call.query) - {"id_type"}:
            raise refuse(400, "id_type must be one of id, email, cio_id")
        for wrong in complaints(read_object(call), {"ids": [(str,)]}):
            raise refuse(400, f"{bodies.dotted(wrong.at)} {wrong.message}")
        ids = call.json["ids"]
        if not 1 <= len(ids) <= 1000:
            raise refuse(400, "ids must have between 1 and 1000 items")
        if segment not in self.state["segments"]:
            raise refuse(400, "segment not found, or not a manual segment")
        people = [key for one in ids if (key := self.workspace.find(kind, one))]
        return self.state["segments"][segment]["members"], people, len(ids)

    def segments(self, call: Call) -> Reply:
        return Reply(200, {"segments": [self._segment(key) for key in self.state["segments"]]})

    def create(self, call: Call) -> Reply:
        shape = {"segment": {"name": (str,), "description?": (str,)}}
        for wrong in complaints(read_object(call), shape):
            raise app(400, f"{bodies.dotted(wrong.at)} {wrong.message}")
        given = call.json["segment"]
        if not given["name"].strip():
            raise app(400, "segment.name must not be blank")
        number = self.workspace.create_segment(given["name"], given.get("description", ""))
        return Reply(200, {"segment": self._segment(str(number))})

    def show(self, call: Call, segment: str) -> Reply:
        self._known(segment)
        return Reply(200, {"segment": self._segment(segment)})

    def drop(self, call: Call, segment: str) -> Reply:
        self._known(segment)["members"].clear()
        del self.state["segments"][segment]
        return Reply(204)

    def size(self, call: Call, segment: str) -> Reply:
        return Reply(200, {"count": len(self._known(segment)["members"])})

    def membership(self, call: Call, segment: str) -> Reply:
        members = sorted(self._known(segment)["members"])
        limit, start = parse(call.query.get("limit", "30000")), call.query.get("start", "")
        if type(limit) is not int or not 1 <= limit <= 30_000:
            raise app(400, "limit must be between 1 and 30000")
        rest = [key for key in members if key > start]
        people = [self.state["people"][key] for key in rest[:limit]]
        found = [{kind: person.get(kind) for kind in ("id", "email", "cio_id")} for person in people]
        following = rest[limit - 1] if len(rest) > limit else ""
        return Reply(200, {"ids": [one["id"] for one in found if one["id"]], "identifiers": found, "next": following})

    def _known(self, segment: str) -> Document:
        if segment not in self.state["segments"]:
            raise app(404, "segment not found")
        found: Document = self.state["segments"][segment]
        return found

    def _segment(self, key: str) -> Document:
        found = self.state["segments"][key]
        details = {"name": found["name"], "description": found["description"]}
        return {"id": int(key), **details, "state": "finished", "type": "manual", "progress": None, "tags": None}


def _only(identifiers: Document) -> tuple[str, str]:
    ((kind, value),) = identifiers.items()
    return kind, str(value)


def _path(who: str) -> tuple[str, str]:
    """`cio_…` is a cio_id, what has an @ an email, anything else an id."""
    if len(who.encode()) > ID_BYTES:
        raise refuse(400, "identifier cannot be longer than 150 bytes")
    if who.startswith("cio_"):
        return "cio_id", who.removeprefix("cio_")
    return ("email" if "@" in who else "id"), who
