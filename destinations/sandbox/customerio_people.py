"""A Customer.io workspace: people found by id, email, phone or cio_id, manual segments and events. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.sandbox.channel import Document, stamp

KINDS = ("id", "email", "phone", "cio_id")
HOURS_72 = 72 * 3600


def blank() -> Document:
    """State of a new workspace."""
    return {"made": 0, "people": {}, "segments": {}, "messages": [], "seen": {}, "repeats": 0, "suppressed": {}}


class Workspace:
    """Operations on the state of one workspace, with the index from identifier to person."""

    def __init__(self, state: Document) -> None:
        self.state = state
        self.index: dict[tuple[str, str], str] = {}
        for key, person in state["people"].items():
            self._note(key, person)

    def _note(self, key: str, person: Mapping[str, Any]) -> None:
        self.index.update({(kind, tidy(kind, person[kind])): key for kind in KINDS if person.get(kind)})

    def find(self, kind: str, value: str) -> str | None:
        return self.index.get((kind, tidy(kind, value)))

    def upsert(self, kind: str, value: str, attributes: Mapping[str, Any]) -> str | None:
        """Create or update a person; None where nothing may be created (`_update`, suppressed, unknown cio_id)."""
        key = self._meant(kind, value, attributes)
        if key is None:
            if (
                attributes.get("_update")
                or kind == "cio_id"
                or f"{kind}:{tidy(kind, value)}" in self.state["suppressed"]
            ):
                return None
            self.state["made"] += 1
            key = f"{self.state['made']:012x}"
            self.state["people"][key] = {"cio_id": key, "attributes": {}}
        person = self.state["people"][key]
        if kind != "cio_id":
            person.setdefault(kind, value)
        self._write(key, person, attributes)
        self._note(key, person)
        return key

    def _meant(self, kind: str, value: str, attributes: Mapping[str, Any]) -> str | None:
        """The person of the identifier; else the one who holds an identifier among the attributes."""
        named = [(kind, value)] + [(other, attributes[other]) for other in ("id", "email") if attributes.get(other)]
        return next((key for other, one in named if (key := self.find(other, str(one)))), None)

    def _write(self, key: str, person: Document, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            if name in ("id", "email", "phone"):
                if value and self.find(name, str(value)) in (None, key):
                    self.index.pop((name, tidy(name, str(person.get(name)))), None)
                    person[name] = str(value)
            elif value in (None, ""):
                person["attributes"].pop(name, None)
            elif name != "_update":
                person["attributes"][name] = value

    def delete(self, kind: str, value: str) -> None:
        """Remove a person and all memberships."""
        key = self.find(kind, value)
        if key is None:
            return
        person = self.state["people"].pop(key)
        for other in KINDS:
            self.index.pop((other, tidy(other, str(person.get(other)))), None)
        for segment in self.state["segments"].values():
            segment["members"].pop(key, None)

    def suppress(self, kind: str, value: str) -> None:
        """Remove a person for good: the identifier cannot be added again."""
        self.delete(kind, value)
        self.state["suppressed"][f"{kind}:{tidy(kind, value)}"] = True

    def unsuppress(self, kind: str, value: str) -> None:
        self.state["suppressed"].pop(f"{kind}:{tidy(kind, value)}", None)

    def merge(self, primary: tuple[str, str], secondary: tuple[str, str]) -> None:
        """Give the primary what it lacks and remove the secondary; nothing when the primary is unknown."""
        into, out = self.find(*primary), self.find(*secondary)
        if into is None or out is None or into == out:
            return
        kept, gone = self.state["people"][into], self.state["people"][out]
        kept["attributes"] = {**gone["attributes"], **kept["attributes"]}
        for segment in self.state["segments"].values():
            if segment["members"].pop(out, None):
                segment["members"].setdefault(into, True)
        self.delete("cio_id", out)

    def create_segment(self, name: str, description: str) -> int:
        self.state["made"] += 1
        number = int(self.state["made"])
        self.state["segments"][str(number)] = {"name": name, "description": description, "members": {}}
        return number

    def record(self, who: tuple[str, str], event: Mapping[str, Any], properties: Any, now: float) -> None:
        """Keep one event and make its person; a repeated id is counted and ignored."""
        unique = event.get("id")
        if unique and unique.upper() in self.state["seen"]:
            self.state["repeats"] += 1
            return
        key = self.upsert(*who, {})
        if key is None:
            return
        if unique:
            self.state["seen"][unique.upper()] = True
        at = event.get("timestamp") or now
        self.keep(
            unique or "", str(event["name"]).strip(), self.shown(key), at, now, properties or {}, now - at > HOURS_72
        )

    def keep(
        self, unique: str, name: str, to: str, at: float, now: float, properties: Any, silent: bool = False
    ) -> Document:
        """One message in the truth; silent ones are too old to start a campaign."""
        message = {
            "id": unique or f"message-{len(self.state['messages']) + 1}",
            "name": name,
            "to": to,
            "at": stamp(at),
            "received_at": stamp(now),
            "silent": silent,
            "properties": properties,
        }
        self.state["messages"].append(message)
        return message

    def shown(self, key: str) -> str:
        """What a reader would call this person."""
        person = self.state["people"][key]
        return str(person.get("email") or person.get("phone") or person.get("id") or key)


def tidy(kind: str, value: str) -> str:
    """E-mail addresses are one whatever their case."""
    return value.strip().lower() if kind == "email" else value
