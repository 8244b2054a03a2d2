"""OneSignal: users with tags and push notifications of one app.

A user who is known here has one subscribed device. A message to nobody is refused under HTTP 200, and one whose
idempotency key is known is answered with the first.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.messages import message
from destinations.sandbox.shapes import OBJECT, TEXT, Shape, complaints, one

RATES = {"users": ((100, 1),), "notifications": ((150, 1),)}
PEOPLE, KEPT, DATA = 20_000, 30 * 86_400, 2048
USER: Shape = {"identity": {"external_id": TEXT}, "properties?": {"tags?": OBJECT, "language?": TEXT},
               "subscriptions?": (list,)}  # fmt: skip
PUSH: Shape = {
    "app_id": TEXT,
    "include_aliases": {"external_id": [TEXT]},
    "target_channel": one("push", "email", "sms"),
    "idempotency_key?": TEXT,
    "contents?": OBJECT,
    "headings?": OBJECT,
    "template_id?": TEXT,
    "custom_data?": OBJECT,
    "data?": OBJECT,
    "url?": TEXT,
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Onesignal(Channel):
    """One OneSignal app."""

    name = "onesignal"
    routes = (
        Route("POST", "apps/{app}/users", "user", "users"),
        Route("DELETE", "apps/{app}/users/by/onesignal_id/{unique}", "delete", "users"),
        Route("POST", "notifications", "push", "notifications"),
        Route("GET", "notifications", "sent", "notifications"),
    )

    def blank(self) -> Document:
        return {"people": {}, "messages": [], "seen": {}, "repeats": 0}

    def truth(self) -> Document:
        """An audience is a tag of value true."""
        audiences: dict[str, Document] = {}
        for key, person in self.state["people"].items():
            for name in (name for name, value in person["tags"].items() if value == "true"):
                found = audiences.setdefault(name, {"name": name, "members": [], "keys": []})
                found["members"].append(key)
                found["keys"].append(key)
        for found in audiences.values():
            found["members"].sort()
            found["keys"].sort()
        return {"audiences": audiences, "people": len(self.state["people"]), "messages": self.state["messages"],
                "repeats": self.state["repeats"]}  # fmt: skip

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"errors": [message]})

    def answer(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"Key {self.setup.credentials.onesignal_api_key}":
            raise Refuse(self.error(401, "Access denied. Please include an 'Authorization: Key ...' header"))
        route, found = self.find(call)
        wait = self.windows.take(route.rate, RATES[route.rate]) if self.setup.pace else 0
        if wait:
            return self.throttled(wait)
        if call.body and call.content_type != "application/json":
            raise Refuse(self.error(400, "Content-Type must be application/json"))
        reply: Reply = getattr(self, route.take)(call, **found)
        return reply

    def _shaped(self, call: Call, shape: Shape, app: Any = None) -> Document:
        for wrong in complaints(call.json, shape):
            raise Refuse(self.error(400, f"{wrong.at.strip('/') or 'the body'} {wrong.message}"))
        if (app or call.json.get("app_id")) != self.setup.credentials.onesignal_app_id:
            raise Refuse(self.error(400, "app_id not found"))
        if call.refuses(0):
            raise Refuse(self.error(400, "refused by the sandbox"))
        given: Document = call.json
        return given

    def user(self, call: Call, app: str) -> Reply:
        """Create a user, or change the one whose alias is known; an empty tag is deleted."""
        given = self._shaped(call, USER, app)
        key, tags = given["identity"]["external_id"], given.get("properties", {}).get("tags", {})
        if not key.strip() or not all(isinstance(value, str | int | float) for value in tags.values()):
            raise Refuse(self.error(400, "external_id must not be blank and tags must be text or numbers"))
        status = 200 if key in self.state["people"] else 201
        fresh = {"onesignal_id": str(uuid.uuid5(uuid.NAMESPACE_URL, key)), "tags": {}}
        person = self.state["people"].setdefault(key, fresh)
        for name, value in tags.items():
            if value == "":
                person["tags"].pop(name, None)
            else:
                person["tags"][name] = value
        identity = {"external_id": key, "onesignal_id": person["onesignal_id"]}
        return Reply(status, {"identity": identity, "properties": {"tags": person["tags"]}}, rows=1)

    def delete(self, call: Call, app: str, unique: str) -> Reply:  # noqa: ARG002 (all answers are called alike)
        found = [key for key, person in self.state["people"].items() if person["onesignal_id"] == unique]
        if app != self.setup.credentials.onesignal_app_id or not found:
            raise Refuse(self.error(404, "user not found"))
        del self.state["people"][found[0]]
        return Reply(202, {"identity": {"onesignal_id": unique}}, rows=1)

    def push(self, call: Call) -> Reply:
        given = self._shaped(call, PUSH)
        people, unique = given["include_aliases"]["external_id"], given.get("idempotency_key", "")
        if not 1 <= len(people) <= PEOPLE:
            raise Refuse(self.error(400, f"include_aliases must name 1 to {PEOPLE} users"))
        if not given.get("template_id") and not given.get("contents"):
            raise Refuse(self.error(400, "Message Notifications must have English language content"))
        if unique and not UUID.fullmatch(unique):
            raise Refuse(self.error(400, "idempotency_key must be a UUID"))
        if len(json.dumps(given.get("custom_data", {})).encode()) > DATA:
            raise Refuse(self.error(400, "custom_data must be smaller than 2KB"))
        first = self.state["seen"].get(unique)
        if first and self.setup.clock() - first["at"] <= KEPT:
            self.state["repeats"] += 1
            return Reply(200, {"id": first["id"], "external_id": None}, rows=len(people))
        return self._send(given, people, unique)

    def _send(self, given: Document, people: list[str], unique: str) -> Reply:
        known = [key for key in people if key in self.state["people"]]
        if not known:
            return Reply(200, {"id": "", "errors": ["All included players are not subscribed"]}, rows=len(people))
        now = self.setup.clock()
        sent = str(uuid.uuid5(uuid.NAMESPACE_URL, f"notification {len(self.state['messages'])}"))
        if unique:
            self.state["seen"][unique] = {"id": sent, "at": now}
        name = given.get("template_id") or next(iter(given["contents"].values()))
        for key in known:
            self.state["messages"].append(message(sent, name, key, now, now, given.get("custom_data", {})))
        unknown = [key for key in people if key not in known]
        errors = {"errors": {"invalid_aliases": {"external_id": unknown}}} if unknown else {}
        return Reply(200, {"id": sent, "external_id": None, **errors}, rows=len(people))

    def sent(self, call: Call) -> Reply:
        if call.query.get("app_id") != self.setup.credentials.onesignal_app_id:
            raise Refuse(self.error(400, "app_id not found"))
        kept = self.state["messages"]
        shown = [{"id": one["id"]} for one in kept[:50]]
        return Reply(200, {"total_count": len(kept), "offset": 0, "limit": 50, "notifications": shown})
