"""Messages that Customer.io's App API starts: transactional ones, and broadcasts, which are processed later."""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

from destinations.sandbox import customerio_bodies as bodies
from destinations.sandbox.channel import Call, Channel, Document, Reply, parse
from destinations.sandbox.customerio_people import Workspace
from destinations.sandbox.customerio_refusals import app, read_object, refuse
from destinations.sandbox.shapes import complaints

RECIPIENTS = 10_000


class Messages(Channel):
    """The calls that send, and that say how it went."""

    workspace: Workspace

    def send(self, call: Call, kind: str) -> Reply:
        """A transactional message: there is no key that would make a repeat harmless."""
        if kind not in ("email", "push", "sms", "whatsapp", "inbox_message", "in_app"):
            raise app(404, "not found")
        for message in bodies.wrong_send(read_object(call), kind):
            raise refuse(400, message)
        given, now = call.json, self.setup.clock()
        name = f"{kind} {given.get('transactional_message_id', 'without template')}"
        to = given.get("to") or next(iter(given["identifiers"].values()))
        kept = self.workspace.keep("", name, to, now, now, given.get("message_data", {}))
        return Reply(200, {"delivery_id": kept["id"], "queued_at": int(now)}, rows=1)

    def broadcast(self, call: Call, broadcast: str) -> Reply:
        """A message to each who is known; who is not costs all of them theirs, unless they are to be ignored."""
        for wrong in complaints(read_object(call), bodies.BROADCAST):
            raise app(400, f"{bodies.dotted(wrong.at)} {wrong.message}")
        people, now = call.json["per_user_data"], self.setup.clock()
        if not 1 <= len(people) <= RECIPIENTS:
            raise app(400, f"per_user_data must name 1 to {RECIPIENTS} people")
        known = [(key, one) for one in people if (key := self.workspace.find("id", one["id"]))]
        if len(known) < len(people) and not call.json.get("id_ignore_missing"):
            raise app(422, "some people are not known")
        for key, one in known:
            self.workspace.keep("", f"broadcast {broadcast}", self.workspace.shown(key), now, now, one.get("data", {}))
        self.state["made"] += 1
        number, slow = self.state["made"], call.fault.seconds if call.fault and call.fault.kind == "job_slow" else 0
        self._triggers[f"{broadcast}/{number}"] = {
            "id": number, "broadcast_id": parse(broadcast), "created_at": int(now),
            "processed_at": now + self.setup.job_seconds + slow,
        }  # fmt: skip
        return Reply(200, {"id": number}, rows=len(people))

    def trigger(self, call: Call, broadcast: str, trigger: str) -> Reply:
        """How a broadcast stands: it has a time when it has been processed."""
        found = self._trigger(broadcast, trigger)
        ended = found["processed_at"] <= self.setup.clock()
        return Reply(200, {**found, "processed_at": int(found["processed_at"]) if ended else None})

    def trigger_errors(self, call: Call, broadcast: str, trigger: str) -> Reply:
        self._trigger(broadcast, trigger)
        return Reply(200, {"errors": [], "next": ""})

    def people(self, call: Call) -> Reply:
        """Up to 100 people by their ids; who is not there is left out."""
        for wrong in complaints(read_object(call), {"ids": [(str,)]}):
            raise app(400, f"{bodies.dotted(wrong.at)} {wrong.message}")
        if not 1 <= len(call.json["ids"]) <= 100:
            raise app(400, "ids must be 1 to 100")
        kind = call.query.get("id_type", "id")
        keys = [key for one in call.json["ids"] if (key := self.workspace.find(kind, one))]
        found = [self.state["people"][key] for key in keys]
        return Reply(200, {"customers": [{"customer": {"id": one.get("id"), "attributes": one["attributes"]}}
                                         for one in found]})

    def _trigger(self, broadcast: str, trigger: str) -> Document:
        if f"{broadcast}/{trigger}" not in self._triggers:
            raise app(404, "not found")
        found: Document = self._triggers[f"{broadcast}/{trigger}"]
        return found

    @property
    def _triggers(self) -> Document:
        triggers: Document = self.state.setdefault("triggers", {})
        return triggers
