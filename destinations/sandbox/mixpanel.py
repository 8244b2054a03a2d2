"""Mixpanel: profile updates and imported events of one project.

Wrong events are named under HTTP 400 while the others are imported; a wrong profile update refuses the request, told by
`status` 0 under HTTP 200. An event that repeats `$insert_id`, name, person and time is dropped.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.messages import message

EVENTS, UPDATES, PEOPLE, BODY, ITEM, NAME = 2000, 2000, 2000, 10_000_000, 1_000_000, 255
RATES = {"import": ((15, 1),), "engage": ((100, 1),), "deletions": ((1, 1),)}
INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
CHANGES = {"$set": dict, "$set_once": dict, "$add": dict, "$union": dict, "$append": dict, "$remove": dict,
           "$unset": list, "$delete": str}  # fmt: skip
PLACEHOLDERS = {"anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "-1", "0", "true",
                "false", "[]", "{}", "00000000-0000-0000-0000-000000000000"}  # fmt: skip
INVALID = "some data points in the request failed validation"
EARLIEST, AHEAD = 31_536_000, 3600


class Mixpanel(Channel):
    """One Mixpanel project."""

    name = "mixpanel"
    routes = (
        Route("POST", "import", "imports", "import"),
        Route("POST", "engage", "engage", "engage"),
        Route("POST", "api/app/data-deletions/v3.0/", "delete", "deletions"),
    )

    def blank(self) -> Document:
        return {"people": {}, "audiences": {}, "messages": [], "seen": {}, "repeats": 0}

    def truth(self) -> Document:
        audiences = {}
        for name, field in self.state["audiences"].items():
            keys = [key for key, one in self.state["people"].items() if name in (one.get(field) or ())]
            audiences[name] = {"name": name, "members": sorted(map(self._shown, keys)), "keys": sorted(keys)}
        return {"audiences": audiences, "people": len(self.state["people"]), "messages": self.state["messages"],
                "repeats": self.state["repeats"]}  # fmt: skip

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"code": status, "error": message, "status": message})

    def answer(self, call: Call) -> Reply:
        route, _ = self.find(call)
        if route.take == "imports":
            self._authorise(call)
        if self.setup.pace and self.windows.take(route.rate, RATES[route.rate]):
            return self.throttled(None)
        if route.take == "delete":
            return self.delete(call)
        if call.content_type != "application/json" or not isinstance(call.json, list):
            raise Refuse(self.error(400, "the body must be a JSON array"))
        if len(call.body) > BODY:
            raise Refuse(self.error(413, f"request exceeds max limit of {BODY} bytes"))
        reply: Reply = getattr(self, route.take)(call)
        return reply

    def _authorise(self, call: Call) -> None:
        own = self.setup.credentials
        login = base64.b64encode(f"{own.mixpanel_username}:{own.mixpanel_secret}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {login}":
            raise Refuse(self.error(401, "Unauthorized"))
        if call.query.get("project_id") != own.mixpanel_project_id:
            raise Refuse(self.error(403, "The service account may not use this project"))

    def imports(self, call: Call) -> Reply:
        if len(call.json) > EVENTS:
            raise Refuse(self.error(413, f"at most {EVENTS} events"))
        failed = list[Document]()
        for index, event in enumerate(call.json):
            field = "properties" if call.refuses(index) else next(wrong_event(event, self.setup.clock()), "")
            if field:
                unique = event.get("properties", {}).get("$insert_id") if isinstance(event, dict) else None
                told = f"'{field}' is invalid"
                failed.append({"index": index, "insert_id": unique, "field": field, "message": told})
            else:
                self._record(event["event"], event["properties"])
        imported = len(call.json) - len(failed)
        if failed:
            body = {"code": 400, "error": INVALID, "status": "Bad Request", "num_records_imported": imported}
            return Reply(400, {**body, "failed_records": failed}, rows=len(call.json))
        return Reply(200, {"code": 200, "num_records_imported": imported, "status": "OK"}, rows=len(call.json))

    def _record(self, name: str, given: Document) -> None:
        unique = json.dumps([name, given["distinct_id"], given["time"], given["$insert_id"]])
        if unique in self.state["seen"]:
            self.state["repeats"] += 1
            return
        self.state["seen"][unique] = True
        own = {key: value for key, value in given.items() if key not in ("distinct_id", "time", "$insert_id", "token")}
        to, at = self._shown(given["distinct_id"]), _seconds(given["time"])
        kept = message(given["$insert_id"], name, to, at, self.setup.clock(), own)
        self.state["messages"].append(kept)

    def engage(self, call: Call) -> Reply:
        """All updates or none; without `verbose` the answer is a bare 1 or 0."""
        wrong = "too many updates" if len(call.json) > UPDATES else ""
        token = self.setup.credentials.mixpanel_project_token
        for index, update in enumerate(call.json):
            wrong = wrong or ("refused" if call.refuses(index) else next(wrong_update(update, token), ""))
        if not wrong:
            for update in call.json:
                self._change(update)
        status = 0 if wrong else 1
        told = {"status": status, "error": wrong or None} if call.query.get("verbose") == "1" else status
        return Reply(200, told, rows=len(call.json))

    def _change(self, update: Document) -> None:
        person = self.state["people"].setdefault(update["$distinct_id"], {})
        person |= update.get("$set", {})
        for name in update.get("$unset", ()):
            person.pop(name, None)
        for name, values in update.get("$union", {}).items():
            held = person.get(name) or []
            person[name] = held + [one for one in values if one not in held]
            self.state["audiences"].update(dict.fromkeys(values, name))
        for name, value in update.get("$remove", {}).items():
            person[name] = [one for one in person.get(name) or [] if one != value]
        if "$delete" in update:
            del self.state["people"][update["$distinct_id"]]

    def delete(self, call: Call) -> Reply:
        """Delete people and their events, as a job that nobody waits for."""
        own, given = self.setup.credentials, call.json
        if call.headers.get("authorization") != f"Bearer {own.mixpanel_privacy_token}":
            raise Refuse(self.error(401, "Unauthorized"))
        people = given.get("distinct_ids") if isinstance(given, dict) else None
        named = call.query.get("token") == own.mixpanel_project_token
        if not named or not isinstance(people, list) or len(people) > PEOPLE:
            raise Refuse(self.error(400, f"must name the project's token and at most {PEOPLE} distinct_ids"))
        kept = self.state["messages"]
        shown = [self._shown(key) for key in people] + people
        self.state["messages"] = [one for one in kept if one["to"] not in shown]
        for key in people:
            self.state["people"].pop(key, None)
        return Reply(200, {"status": "ok", "results": {"task_id": "sandbox-deletion"}}, rows=len(people))

    def _shown(self, key: str) -> str:
        person = self.state["people"].get(key, {})
        return str(person.get("$email") or person.get("$phone") or key)


def _seconds(time: float) -> float:
    """Times are seconds or milliseconds since 1970."""
    return time / 1000 if time > 10**11 else time


def wrong_event(event: Any, now: float) -> Iterator[str]:
    """The fields that are wrong in an event, as Mixpanel names them."""
    given = event.get("properties") if isinstance(event, dict) else None
    if not isinstance(given, dict):
        yield "properties"
        return
    if not isinstance(event.get("event"), str) or not 0 < len(event["event"]) <= NAME:
        yield "event"
    person, unique, time = given.get("distinct_id"), given.get("$insert_id"), given.get("time")
    if not isinstance(person, str) or person.lower() in PLACEHOLDERS or len(person) > NAME:
        yield "properties.distinct_id"
    if not isinstance(unique, str) or not INSERT_ID.fullmatch(unique):
        yield "properties.$insert_id"
    if not isinstance(time, int | float) or not EARLIEST <= _seconds(time) <= now + AHEAD:
        yield "properties.time"
    if len(json.dumps(event, ensure_ascii=False).encode()) > ITEM:
        yield "properties"


def wrong_update(update: Any, token: str) -> Iterator[str]:
    """What is wrong with a profile update."""
    if not isinstance(update, dict):
        yield "must be an object"
        return
    changes = [name for name in update if name in CHANGES]
    known = {"$token", "$distinct_id", "$ip", "$time", "$ignore_time", "$ignore_alias", *CHANGES}
    if update.get("$token") != token:
        yield "$token is not a project's token"
    person = update.get("$distinct_id")
    if not isinstance(person, str) or not person or person.lower() in PLACEHOLDERS or len(person) > NAME:
        yield "$distinct_id is missing or a placeholder"
    if len(changes) != 1 or set(update) - known or not isinstance(update[changes[0]], CHANGES[changes[0]]):
        yield "must have one change of the right type"
    elif not all(isinstance(values, list) for values in update.get("$union", {}).values()):
        yield "$union takes lists"
    if len(json.dumps(update, ensure_ascii=False).encode()) > ITEM:
        yield "larger than 1 MB"
