"""Iterable: one project's users, static lists and events.

Failures come under HTTP 200 and name users by value; a body of another shape is refused as a whole. An event with an id
that is known overwrites the one before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route, parse
from destinations.sandbox.messages import message
from destinations.sandbox.shapes import FLAG, OBJECT, TEXT, WHOLE, NoneType, Shape, complaints

ROWS, BODY, ID = 1000, 4_000_000, 512
RATES = {"users": ((5, 1),), "lists": ((5, 1),), "events": ((10, 1),), "read": ((5, 60),), "other": ((100, 1),)}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
WHO: Shape = {"email?": TEXT, "userId?": TEXT}
PERSON: Shape = {**WHO, "dataFields?": OBJECT, "preferUserId?": FLAG}
SUBSCRIBE: Shape = {"listId": WHOLE, "subscribers": [PERSON], "updateExistingUsersOnly?": FLAG}
UNSUBSCRIBE: Shape = {"listId": WHOLE, "subscribers": [WHO], "campaignId?": (int, NoneType),
                      "channelUnsubscribe?": FLAG}  # fmt: skip
UPDATE: Shape = {"users": [{**PERSON, "mergeNestedObjects?": FLAG}], "createNewFields?": FLAG}
EVENT: Shape = {**WHO, "eventName": TEXT, "id?": TEXT, "createdAt?": WHOLE, "dataFields?": OBJECT,
                "createNewFields?": FLAG, "campaignId?": WHOLE, "templateId?": WHOLE}  # fmt: skip
TARGET: Shape = {"campaignId": WHOLE, "recipientEmail?": TEXT, "recipientUserId?": TEXT, "dataFields?": OBJECT,
                 "sendAt?": TEXT, "allowRepeatMarketingSends?": FLAG, "metadata?": OBJECT}  # fmt: skip
JOURNEY: Shape = {**WHO, "workflowId": WHOLE, "dataFields?": OBJECT}
TRACK: Shape = {"events": [EVENT]}
CODES = {401: "BadApiKey", 404: "NotFound", 429: "RateLimitExceeded"}


class Iterable(Channel):
    """One Iterable project whose users are known by e-mail or userId."""

    name = "iterable"
    routes = (
        Route("GET", "api/lists", "lists", "other"),
        Route("POST", "api/lists", "create", "other"),
        Route("POST", "api/lists/subscribe", "subscribe", "lists"),
        Route("POST", "api/lists/unsubscribe", "unsubscribe", "lists"),
        Route("GET", "api/lists/getUsers", "read", "read"),
        Route("POST", "api/users/bulkUpdate", "update", "users"),
        Route("POST", "api/events/trackBulk", "track", "events"),
        Route("POST", "api/users/forget", "forget", "other"),
        Route("POST", "api/email/target", "target", "other"),
        Route("POST", "api/workflows/triggerWorkflow", "journey", "other"),
    )

    def blank(self) -> Document:
        return {"made": 0, "users": {}, "lists": {}, "events": {}, "forgotten": {}, "repeats": 0}

    def truth(self) -> Document:
        audiences = {
            key: {"name": found["name"], "members": sorted(found["members"]), "keys": sorted(found["members"])}
            for key, found in self.state["lists"].items()
        }
        return {"audiences": audiences, "people": len(self.state["users"]), "repeats": self.state["repeats"],
                "messages": list(self.state["events"].values())}  # fmt: skip

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"msg": message, "code": CODES.get(status, "GenericError"), "params": None})

    def answer(self, call: Call) -> Reply:
        if call.headers.get("api-key") != self.setup.credentials.iterable_api_key:
            raise Refuse(self.error(401, "Invalid API key"))
        route, _ = self.find(call)
        if self.setup.pace and self.windows.take(route.rate, RATES[route.rate]):
            return self.throttled(None)
        if len(call.body) > BODY:
            raise Refuse(self.error(413, "Request entity too large"))
        reply: Reply = getattr(self, route.take)(call)
        return reply

    def _shaped(self, call: Call, shape: Shape, rows: str = "") -> Document:
        """The body, which must have that shape and 1 to 1000 rows. Raises Refuse naming what is wrong."""
        params = {f"obj{_dotted(wrong.at)}": wrong.message for wrong in complaints(call.json, shape)}
        if not params and rows and not 1 <= len(call.json[rows]) <= ROWS:
            params = {f"obj.{rows}": f"must have 1 to {ROWS} items"}
        if params:
            body = {"msg": "[/api] Invalid JSON body", "code": "BadJsonBody", "params": params}
            raise Refuse(Reply(400, body))
        given: Document = call.json
        return given

    def _list(self, key: Any) -> Document:
        found: Document | None = self.state["lists"].get(str(key))
        if found is None:
            raise Refuse(Reply(400, {"msg": f"Invalid list id: {key}", "code": "BadParams", "params": None}))
        return found

    def lists(self, call: Call) -> Reply:  # noqa: ARG002 (all answers are called alike)
        found = [{"id": int(key), "name": one["name"]} for key, one in self.state["lists"].items()]
        return Reply(200, {"lists": found})

    def create(self, call: Call) -> Reply:
        name = self._shaped(call, {"name": TEXT, "description?": TEXT})["name"]
        self.state["made"] += 1
        key = 500_000 + self.state["made"]
        self.state["lists"][str(key)] = {"name": name, "members": {}}
        return Reply(200, {"listId": key})

    def subscribe(self, call: Call) -> Reply:
        given = self._shaped(call, SUBSCRIBE, "subscribers")
        members = self._list(given["listId"])["members"]
        failed = _Failures()
        for index, row in enumerate(given["subscribers"]):
            if not failed.refuse(row, self._wrong(call, index, row)):
                members[self._upsert(row)] = True
        return failed.reply(len(given["subscribers"]))

    def unsubscribe(self, call: Call) -> Reply:
        given = self._shaped(call, UNSUBSCRIBE, "subscribers")
        members = self._list(given["listId"])["members"]
        failed = _Failures()
        for index, row in enumerate(given["subscribers"]):
            wrong = self._wrong(call, index, row) or ("" if _key(row) in self.state["users"] else "notFound")
            if not failed.refuse(row, wrong):
                members.pop(_key(row), None)
        return failed.reply(len(given["subscribers"]))

    def update(self, call: Call) -> Reply:
        given = self._shaped(call, UPDATE, "users")
        failed = _Failures()
        for index, row in enumerate(given["users"]):
            if not failed.refuse(row, self._wrong(call, index, row)):
                self._upsert(row)
        return failed.reply(len(given["users"]))

    def track(self, call: Call) -> Reply:
        given = self._shaped(call, TRACK, "events")
        failed = _Failures()
        for index, row in enumerate(given["events"]):
            if not failed.refuse(row, self._wrong(call, index, row)):
                self._record(row)
        return failed.reply(len(given["events"]))

    def _record(self, row: Document) -> None:
        self._upsert({name: row[name] for name in ("email", "userId") if name in row})
        unique = row.get("id") or f"event-{len(self.state['events']) + 1}"
        self.state["repeats"] += unique in self.state["events"]
        now = self.setup.clock()
        self.state["events"][unique] = message(
            unique, row["eventName"], _key(row), row.get("createdAt", now), now, row.get("dataFields") or {}
        )

    def target(self, call: Call) -> Reply:
        """A campaign that the API starts: a repeat is one more message."""
        given = self._shaped(call, TARGET)
        named = {"email": given.get("recipientEmail"), "userId": given.get("recipientUserId")}
        row = {name: one for name, one in named.items() if one} | {"dataFields": given.get("dataFields")}
        return self._start(call, f"campaign {given['campaignId']}", row)

    def journey(self, call: Call) -> Reply:
        given = self._shaped(call, JOURNEY)
        return self._start(call, f"workflow {given['workflowId']}", given)

    def _start(self, call: Call, what: str, row: Document) -> Reply:
        if what.rpartition(" ")[2] != str(self.setup.credentials.iterable_message_id):
            raise Refuse(Reply(400, {"msg": f"There is no {what}", "code": "BadParams", "params": None}))
        if wrong := self._wrong(call, 0, row):
            raise Refuse(Reply(400, {"msg": "the recipient is refused", "code": wrong, "params": None}))
        self._record({**row, "eventName": what})
        return Reply(200, {"msg": "", "code": "Success", "params": None}, rows=1)

    def forget(self, call: Call) -> Reply:
        """Erase a user for good: the identifier can never be written again."""
        key = _key(self._shaped(call, WHO))
        self.state["users"].pop(key, None)
        for found in self.state["lists"].values():
            found["members"].pop(key, None)
        self.state["forgotten"][key] = True
        return Reply(202, {"msg": "", "code": "Success", "params": None})

    def read(self, call: Call) -> Reply:
        members = sorted(self._list(parse(call.query.get("listId", "")))["members"])
        return Reply(200, "".join(f"{one}\n" for one in members).encode(), {"Content-Type": "text/plain"})

    def _upsert(self, row: Document) -> str:
        key = _key(row)
        user = self.state["users"].setdefault(key, {"dataFields": {}})
        user |= {name: row[name] for name in ("email", "userId") if name in row}
        user["dataFields"] |= row.get("dataFields") or {}
        return key

    def _wrong(self, call: Call, index: int, row: Document) -> str:
        """The group of failures that a row belongs to, if any."""
        return "invalidData" if call.refuses(index) else next(_wrong(row, self.state["forgotten"]), "")


class _Failures:
    """Rows that failed, by group and value."""

    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {f"{group}{kind}": [] for group in
                                             ("invalid", "notFound", "forgotten", "conflict", "invalidData")
                                             for kind in ("Emails", "UserIds")}  # fmt: skip
        self.count = 0

    def refuse(self, row: Document, group: str) -> bool:
        """Note a row as failed, if it is."""
        if not group:
            return False
        self.groups[f"{group}{'Emails' if 'email' in row else 'UserIds'}"].append(_key(row))
        self.count += 1
        return True

    def reply(self, rows: int) -> Reply:
        body = {"successCount": rows - self.count, "failCount": self.count, "failedUpdates": self.groups,
                "invalidEmails": self.groups["invalidEmails"], "invalidUserIds": self.groups["invalidUserIds"],
                "filteredOutFields": [], "createdFields": [], "disallowedEventNames": []}  # fmt: skip
        return Reply(200, body, rows=rows)


def _key(row: Document) -> str:
    """E-mail takes precedence; addresses are one whatever their case."""
    return str(row["email"]).lower() if "email" in row else str(row.get("userId", ""))


def _wrong(row: Document, forgotten: Document) -> Iterator[str]:
    if ("email" in row and not EMAIL.fullmatch(row["email"])) or not 0 < len(_key(row)) <= 254:
        yield "invalid"
    if _key(row) in forgotten:
        yield "forgotten"
    if len(str(row.get("id", "")).encode()) > ID or len(json.dumps(row)) > BODY:
        yield "invalidData"


def _dotted(pointer: str) -> str:
    """`/events/1/createdAt` as `.events[1].createdAt`."""
    return re.sub(r"\.(\d+)", r"[\1]", pointer.replace("/", "."))
