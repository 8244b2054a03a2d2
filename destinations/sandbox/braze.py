"""Braze: `/users/track` and the campaign and canvas triggers of one workspace.

75 objects a request whatever their kind; a wrong object is named by index and the others are processed. An attribute's
text is cut off at 255 characters without a word. Nothing recognises a repeat.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.messages import message
from destinations.sandbox.shapes import FLAG, OBJECT, TEXT, complaints

OBJECTS, RECIPIENTS, DELETED, BODY, ROW, PROPERTIES, LONGEST = 75, 50, 50, 4_000_000, 100_000, 50_000, 255
RATES = {"track": ((3000, 3),), "send": ((250_000, 3600),), "users": ((20_000, 60),)}
ARRAYS = ("attributes", "events", "purchases")
NAMING = ("external_id", "user_alias", "braze_id")
NO_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
EVENT = {"name": TEXT, "time": TEXT, "properties?": OBJECT, "app_id?": TEXT, "_update_existing_only?": FLAG}
PURCHASE = {"product_id": TEXT, "currency": TEXT, "price": (int, float), "time": TEXT, "quantity?": (int,),
            "properties?": OBJECT, "app_id?": TEXT, "_update_existing_only?": FLAG}  # fmt: skip
WHO = {"external_id?": TEXT, "user_alias?": {"alias_name": TEXT, "alias_label": TEXT}, "braze_id?": TEXT,
       "email?": TEXT, "phone?": TEXT}  # fmt: skip
SEND = {"send_id?": TEXT, "broadcast?": FLAG, "audience?": OBJECT, "recipients?": [(dict,)]}
RECIPIENT = {"external_user_id?": TEXT, "user_alias?": OBJECT, "email?": TEXT, "prioritization?": (list,),
             "send_to_existing_only?": FLAG, "attributes?": OBJECT}  # fmt: skip


class Braze(Channel):
    """One Braze workspace."""

    name = "braze"
    routes = (
        Route("POST", "users/track", "track", "track"),
        Route("POST", "users/delete", "delete", "users"),
        Route("POST", "campaigns/trigger/send", "campaign", "send"),
        Route("POST", "canvas/trigger/send", "canvas", "send"),
    )

    def blank(self) -> Document:
        return {"people": {}, "audiences": {}, "messages": []}

    def truth(self) -> Document:
        audiences = {}
        for name, attribute in self.state["audiences"].items():
            keys = [key for key, person in self.state["people"].items() if name in (person.get(attribute) or ())]
            audiences[name] = {"name": name, "members": sorted(map(self._shown, keys)), "keys": sorted(keys)}
        return {"audiences": audiences, "people": len(self.state["people"]), "messages": self.state["messages"],
                "repeats": 0}  # fmt: skip

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"message": message})

    def throttled(self, wait: float | None) -> Reply:
        headers = {} if wait is None else {"X-Ratelimit-Retry-After": str(math.ceil(wait))}
        return Reply(429, {"message": "Rate limit exceeded"}, headers)

    def answer(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"Bearer {self.setup.credentials.braze_api_key}":
            raise Refuse(self.error(401, "Invalid API Key"))
        route, _ = self.find(call)
        wait = self.windows.take(route.rate, RATES[route.rate]) if self.setup.pace else 0
        if wait:
            return self.throttled(wait)
        if call.content_type != "application/json" or not isinstance(call.json, dict):
            raise Refuse(self.error(400, "Bad syntax"))
        if len(call.body) > BODY:
            raise Refuse(self.error(413, "Request entity too large"))
        reply: Reply = getattr(self, route.take)(call)
        return Reply(reply.status, reply.body, {**self._left(route.rate), **reply.headers}, reply.rows)

    def _left(self, rate: str) -> dict[str, str]:
        ((most, seconds),) = RATES[rate]
        reset = math.ceil((self.setup.clock() // seconds + 1) * seconds)
        return {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(most - self.windows.used(rate, seconds)),
                "X-RateLimit-Reset": str(reset)}

    def track(self, call: Call) -> Reply:
        given = {array: call.json.get(array) or [] for array in ARRAYS}
        if set(call.json) - set(ARRAYS) or not all(isinstance(rows, list) for rows in given.values()):
            raise Refuse(self.error(400, NO_DATA))
        total = sum(map(len, given.values()))
        if total > OBJECTS:
            raise Refuse(self.error(400, f"at most {OBJECTS} objects may be sent in one request"))
        errors, done = list[Document](), dict.fromkeys(ARRAYS, 0)
        for array, rows in given.items():
            for index, row in enumerate(rows):
                wrong = "'external_id' is refused by the sandbox" if call.refuses(index) else wrong_row(array, row)
                if wrong:
                    errors.append({"type": wrong, "input_array": array, "index": index})
                else:
                    self._apply(array, row)
                    done[array] += 1
        if len(errors) == total:
            raise Refuse(Reply(400, {"message": NO_DATA, **({"errors": errors} if errors else {})}))
        counts = {f"{array}_processed": count for array, count in done.items() if given[array]}
        return Reply(201, {"message": "success", **counts, **({"errors": errors} if errors else {})}, rows=total)

    def delete(self, call: Call) -> Reply:
        people = call.json.get("external_ids")
        if set(call.json) != {"external_ids"} or not isinstance(people, list) or not 1 <= len(people) <= DELETED:
            raise Refuse(self.error(400, f"1 to {DELETED} external_ids must be given"))
        known = [key for key in people if self.state["people"].pop(key, None) is not None]
        return Reply(201, {"message": "success", "deleted": len(known)}, rows=len(people))

    def _apply(self, array: str, row: Document) -> None:
        key, who = self._person(row)
        if key not in self.state["people"]:
            if row.get("_update_existing_only"):
                return
            self.state["people"][key] = dict(who)
        if array == "attributes":
            self._write(key, row)
        elif array == "events":
            self._keep(row["name"], key, row["time"], row.get("properties") or {})

    def _person(self, row: Document) -> tuple[str, Document]:
        """The person's key here, and what names a new one."""
        if "external_id" in row:
            return row["external_id"], {}
        kind = next(kind for kind in ("user_alias", "braze_id", "email", "phone") if kind in row)
        found = next((key for key, one in self.state["people"].items() if one.get(kind) == row[kind]), None)
        return found or f"{kind}:{json.dumps(row[kind])}", {kind: row[kind]}

    def _write(self, key: str, row: Document) -> None:
        person = self.state["people"][key]
        for name, value in row.items():
            if name in NAMING or name.startswith("_"):
                continue
            if value is None:
                person.pop(name, None)
            elif isinstance(value, dict) and set(value) <= {"add", "remove"}:
                self._change(person, name, value)
            else:
                person[name] = value[:LONGEST] if isinstance(value, str) else value

    def _change(self, person: Document, name: str, change: Mapping[str, list[str]]) -> None:
        held = [one for one in person.get(name) or [] if one not in change.get("remove", [])]
        person[name] = held + [one for one in change.get("add", []) if one not in held]
        self.state["audiences"].update(dict.fromkeys(change.get("add", []), name))

    def _shown(self, key: str) -> str:
        person = self.state["people"].get(key, {})
        return str(person.get("email") or person.get("phone") or key)

    def _keep(self, name: str, key: str, at: str | float, properties: Any) -> None:
        number = f"message-{len(self.state['messages']) + 1}"
        kept = message(number, name, self._shown(key), at, self.setup.clock(), properties)
        self.state["messages"].append(kept)

    def campaign(self, call: Call) -> Reply:
        return self._send(call, "campaign", "trigger_properties")

    def canvas(self, call: Call) -> Reply:
        return self._send(call, "canvas", "canvas_entry_properties")

    def _send(self, call: Call, kind: str, properties: str) -> Reply:
        """A message for each recipient, again at every repeat."""
        shape = {f"{kind}_id": TEXT, f"{properties}?": OBJECT, **SEND}
        for wrong in complaints(call.json, shape):
            raise Refuse(self.error(400, f"{wrong.at.strip('/')} {wrong.message}"))
        if call.json[f"{kind}_id"] != getattr(self.setup.credentials, f"braze_{kind}_id"):
            raise Refuse(self.error(400, f"Invalid {kind.capitalize()} ID"))
        recipients = call.json.get("recipients") or []
        if not 1 <= len(recipients) <= RECIPIENTS:
            raise Refuse(self.error(400, "No Recipients" if not recipients else "Too Many Recipients"))
        errors = list[Document]()
        for index, row in enumerate(recipients):
            wrongs = list(complaints(row, {**RECIPIENT, f"{properties}?": OBJECT}))
            if call.refuses(index) or wrongs or not row.get("external_user_id"):
                errors.append({"type": "'external_user_id' is not valid", "input_array": "recipients", "index": index})
            else:
                self._keep(kind, row["external_user_id"], self.setup.clock(), row.get(properties) or {})
        if len(errors) == len(recipients):
            raise Refuse(Reply(400, {"message": "No Recipients", "errors": errors}))
        unique = f"dispatch-{len(self.state['messages'])}"
        told = {"errors": errors} if errors else {}
        return Reply(201, {"dispatch_id": unique, "message": "success", **told}, rows=len(recipients))


def wrong_row(array: str, row: Any) -> str | None:
    """The first thing wrong with an object, in Braze's words; None when it is good."""
    return next(_wrong(array, row), None)


def _wrong(array: str, row: Any) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "'object' is not valid"
        return
    named = [kind for kind in NAMING if kind in row]
    if len(named) > 1 or not (named or "email" in row or "phone" in row):
        yield "'external_id' or 'braze_id' or 'user_alias' or 'email' or 'phone' is required"
    if array == "attributes":
        shape: Any = {**WHO, **{f"{name}?": (type(value),) for name, value in row.items() if f"{name}?" not in WHO}}
    else:
        shape = {**WHO, **(EVENT if array == "events" else PURCHASE)}
    yield from (f"'{wrong.at.strip('/').split('/')[0]}' is not valid" for wrong in complaints(row, shape))
    if len(json.dumps(row, ensure_ascii=False).encode()) > ROW:
        yield "'object' is not valid"
    if array != "attributes" and not _moment(row.get("time")):
        yield "'time' is not valid"
    if len(json.dumps(row.get("properties"), ensure_ascii=False).encode()) > PROPERTIES:
        yield "'properties' is not valid"


def _moment(text: Any) -> bool:
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False
