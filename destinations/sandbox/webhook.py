"""Any HTTP endpoint: Standard Webhooks headers and signature, deliveries told apart by `webhook-id`.

Deliveries of type `audience.entered` and `audience.left` keep a membership, `person.forgotten`
ends all of them; every other type is a message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, stamp
from destinations.sandbox.shapes import OBJECT, TEXT, complaints

TOLERANCE = 300
SET = {"audience.entered": True, "audience.updated": True, "audience.left": False}
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Webhook(Channel):
    """One receiving endpoint, at the channel's root and at any path below."""

    name = "webhook"
    routes = ()

    def blank(self) -> Document:
        return {"seen": {}, "audiences": {}, "messages": [], "repeats": 0, "deliveries": 0}

    def truth(self) -> Document:
        return {
            "audiences": {
                name: {"name": name, "members": sorted(set(members.values())), "keys": sorted(members)}
                for name, members in self.state["audiences"].items()
            },
            "deliveries": self.state["deliveries"],
            "messages": self.state["messages"],
            "repeats": self.state["repeats"],
        }

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"error": message})

    def answer(self, call: Call) -> Reply:
        if call.method != "POST":
            raise _refuse(405, "deliveries are posted")
        self._verify(call)
        if call.content_type != "application/json":
            raise _refuse(415, "Content-Type must be application/json")
        for wrong in complaints(call.json, {"type": TEXT, "timestamp": TEXT, "data": OBJECT}):
            raise _refuse(400, f"{wrong.at or 'the body'} {wrong.message}")
        if call.refuses(0):
            raise _refuse(400, "the sandbox refuses every nth row")
        return self._receive(call.headers["webhook-id"], call.json)

    def _verify(self, call: Call) -> None:
        """Signature over id, time and raw body, at most five minutes old."""
        for name in HEADERS if self.setup.credentials.webhook_secret else HEADERS[:1]:
            if not call.headers.get(name):
                raise _refuse(401, f"the header {name} is missing")
        if not self.setup.credentials.webhook_secret:
            return
        sent = call.headers["webhook-timestamp"]
        if not sent.isascii() or not sent.isdigit() or abs(self.setup.clock() - int(sent)) > TOLERANCE:
            raise _refuse(401, "webhook-timestamp must be unix seconds, at most five minutes from now")
        signed = f"{call.headers['webhook-id']}.{sent}.".encode() + call.body
        wanted = sign(self.setup.credentials.webhook_secret, signed)
        if not any(
            hmac.compare_digest(one.encode(), wanted.encode()) for one in call.headers["webhook-signature"].split()
        ):
            raise _refuse(401, "no signature matches")

    def _receive(self, unique: str, given: Document) -> Reply:
        if unique in self.state["seen"]:
            self.state["repeats"] += 1
            return Reply(200, {"status": "already received"}, rows=1)
        if given["type"] in SET:
            self._place(given["data"], SET[given["type"]])
        elif given["type"] == "person.forgotten":
            for members in self.state["audiences"].values():
                members.pop(_key(given["data"]), None)
        else:
            self._keep(unique, given)
        self.state["seen"][unique] = True
        self.state["deliveries"] += 1
        return Reply(200, {"status": "received"}, rows=1)

    def _place(self, data: Mapping[str, Any], inside: bool) -> None:
        name, key = data.get("audience"), _key(data)
        if not isinstance(name, str) or key is None:
            raise _refuse(400, "data needs an audience and who entered or left it")
        members = self.state["audiences"].setdefault(name, {})
        if inside:
            members[key] = _shown(data)
        else:
            members.pop(key, None)

    def _keep(self, unique: str, given: Document) -> None:
        data = given["data"]
        self.state["messages"].append(
            {
                "id": unique,
                "name": given["type"],
                "to": _shown(data),
                "at": given["timestamp"],
                "received_at": stamp(self.setup.clock()),
                "silent": False,
                "properties": data.get("attributes") if isinstance(data.get("attributes"), dict) else data,
            }
        )


def sign(secret: str, signed: bytes) -> str:
    """`v1,` and the base64 HMAC-SHA256, keyed with what follows `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _identifiers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    given = data.get("identifiers")
    return given if isinstance(given, Mapping) else {}


def _key(data: Mapping[str, Any]) -> str | None:
    given = _identifiers(data)
    found = data.get("person_id") or data.get("account_id") or next(iter(given.values()), None)
    return None if found is None else str(found)


def _shown(data: Mapping[str, Any]) -> str:
    """What a reader would call the person or account of a delivery."""
    given = _identifiers(data)
    return str(given.get("email") or given.get("phone") or _key(data) or "")


def _refuse(status: int, message: str) -> Refuse:
    return Refuse(Reply(status, {"error": message}))
