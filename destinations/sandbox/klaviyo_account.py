"""A Klaviyo account as Klaviyo keeps it: profiles, lists, import jobs and events. Knows no HTTP.

A profile is found by its Klaviyo id, then by external_id, e-mail address and phone number; a row whose identifiers
belong to two profiles is an import error. A list's members are Klaviyo ids; a profile joins by import or by its id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from destinations.sandbox.channel import Document, stamp

KEYS = ("external_id", "email", "phone_number")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


class Conflict(Exception):
    """A row that cannot become a profile: `code`, what is wrong and the attribute."""

    def __init__(self, code: str, detail: str, attribute: str) -> None:
        super().__init__(code)
        self.code, self.detail, self.attribute = code, detail, attribute


def blank() -> Document:
    """State of a new account."""
    return {
        "made": 0,
        "profiles": {},
        "lists": {},
        "jobs": {},
        "messages": [],
        "seen": {},
        "repeats": 0,
        "suppressed": {},
        "unsubscribed": {},
        "consents": {},
        "flows": {},
    }


class Account:
    """Operations on the state of one account, with the index from identifier to profile."""

    def __init__(self, state: Document) -> None:
        self.state = state
        self.index: dict[tuple[str, str], str] = {}
        for key, profile in state["profiles"].items():
            self._note(key, profile)

    def _note(self, key: str, profile: Mapping[str, Any]) -> None:
        self.index.update({(name, profile[name]): key for name in KEYS if profile.get(name)})

    def make_id(self, prefix: str) -> str:
        self.state["made"] += 1
        return f"{prefix}{self.state['made']:0{26 - len(prefix)}d}"

    def find(self, given: Mapping[str, Any], key: str | None = None) -> str | None:
        """The profile these identifiers name. Raises Conflict when they name two."""
        found = [(name, match) for name in KEYS if (match := self.index.get((name, tidy(name, given.get(name)))))]
        if key is not None:
            if key not in self.state["profiles"]:
                raise Conflict("not_found", f"A profile with id {key} does not exist.", "id")
            found.insert(0, ("id", key))
        for name, match in found[1:]:
            if match != found[0][1]:
                raise Conflict("duplicate_profile", "A profile already exists with one of these identifiers.", name)
        return found[0][1] if found else None

    def first(self, given: Mapping[str, Any]) -> str | None:
        """The profile the first known identifier names, whatever the others say."""
        return next((match for name in KEYS if (match := self.index.get((name, tidy(name, given.get(name)))))), None)

    def upsert(self, given: Mapping[str, Any], key: str | None, at: str) -> str:
        """Create or update a profile: null clears a field, a missing one stays; answers the Klaviyo id."""
        phone = given.get("phone_number")
        if phone and not PHONE.fullmatch(phone):
            raise Conflict(
                "invalid", "Invalid phone number format: E.164 with a leading + is required.", "phone_number"
            )
        found = self.find(given, key)
        if found is None:
            found = self.make_id("01")
            self.state["profiles"][found] = {"created": at, "properties": {}}
        profile = self.state["profiles"][found]
        for name, value in given.items():
            if name == "properties":
                profile["properties"].update(value)
            elif name not in ("meta", "anonymous_id", "_kx"):
                self._set(profile, name, value)
        profile["updated"] = at
        self._note(found, profile)
        return str(found)

    def _set(self, profile: Document, name: str, value: Any) -> None:
        if profile.get(name) and name in KEYS:
            self.index.pop((name, profile[name]), None)
        profile[name] = tidy(name, value)

    def delete(self, key: str) -> None:
        """Take a profile out of the account and of its lists."""
        profile = self.state["profiles"].pop(key)
        for name in KEYS:
            self.index.pop((name, profile.get(name)), None)
        for found in self.state["lists"].values():
            found["members"].pop(key, None)

    def consents(self, key: str) -> Document:
        """What a profile says of marketing, by channel."""
        known = self.state.setdefault("consents", {}).get(key, {})
        never = {"consent": "NEVER_SUBSCRIBED", "consent_timestamp": None}
        return {channel: {"marketing": known.get(channel, never)} for channel in ("email", "sms")}

    def consent(self, key: str, channel: str, status: str, at: str) -> None:
        """Write down what a profile says now."""
        known = self.state.setdefault("consents", {}).setdefault(key, {})
        known[channel] = {"consent": status, "consent_timestamp": at}

    def create_list(self, name: str, at: str) -> str:
        nth = len(self.state["lists"]) + self.state.get("dropped", 0)
        seed = hashlib.sha256(f"{nth}|{name}".encode()).digest()
        key = "".join(ALPHABET[byte % len(ALPHABET)] for byte in seed[:6])
        self.state["lists"][key] = {"name": name, "created": at, "members": {}}
        return key

    def join(self, name: str, key: str, at: str) -> None:
        """Put a profile on a list. Whoever was not there starts the flows "Added to list"; no call is spared them."""
        members = self.state["lists"][name]["members"]
        if key not in members:
            members[key] = at
            started = self.state.setdefault("flows", {})
            started[name] = started.get(name, 0) + 1

    def drop_list(self, key: str) -> None:
        """Delete a list; its profiles stay, and no list ever has its id again."""
        del self.state["lists"][key]
        self.state["dropped"] = self.state.get("dropped", 0) + 1

    def start_job(self, rows: list[Document], lists: list[str], times: tuple[float, float], outcome: Document) -> str:
        """Queue an import that ends at `times[1]`; `outcome`: is it cancelled, applied, and which rows are refused."""
        key = self.make_id("job")
        created, due = times
        self.state["jobs"][key] = {
            "created": created,
            "due": due,
            "rows": rows,
            "lists": lists,
            "total": len(rows),
            "ended": False,
            "errors": [],
            "profiles": {},
            **outcome,
        }
        return key

    def settle(self, now: float) -> bool:
        """Apply the jobs that have ended by `now`; answers whether any did."""
        due = [job for job in self.state["jobs"].values() if not job["ended"] and job["due"] <= now]
        for job in sorted(due, key=lambda job: float(job["due"])):
            self._finish(job)
        return bool(due)

    def _finish(self, job: Document) -> None:
        at = stamp(job["due"])
        rows, job["rows"], job["ended"] = job["rows"], [], True
        for number, row in enumerate(rows if job["applied"] else []):
            try:
                key = self._import(row, number in job["refused"], at)
            except Conflict as conflict:
                job["errors"].append(_import_error(number, row, conflict))
                continue
            job["profiles"][key] = True
            for name in job["lists"]:
                if name in self.state["lists"]:
                    self.join(name, key, at)

    def _import(self, row: Document, refused: bool, at: str) -> str:
        if refused:
            raise Conflict("invalid", "The payload provided in the request is invalid.", "email")
        return self.upsert(row["attributes"], row.get("id"), at)

    def record(self, event: Document, profile: str, silent: bool, now: float) -> None:
        """Keep one event; a repeated unique_id of the same profile and metric is counted and ignored."""
        metric = event["metric"]["data"]["attributes"]["name"]
        at = event.get("time") or stamp(now)
        unique = event.get("unique_id") or at[:19]
        key = f"{profile}|{metric}|{unique}"
        if key in self.state["seen"]:
            self.state["repeats"] += 1
            return
        self.state["seen"][key] = True
        self.state["messages"].append(
            {
                "id": unique,
                "name": metric,
                "to": self.shown(profile),
                "at": at,
                "received_at": stamp(now),
                "silent": silent or bool(event.get("backfill")),
                "properties": {
                    **event["properties"],
                    **{n: event[n] for n in ("value", "value_currency") if event.get(n)},
                },
            }
        )

    def shown(self, key: str) -> str:
        """What a person would call this profile."""
        profile = self.state["profiles"][key]
        return str(profile.get("email") or profile.get("phone_number") or profile.get("external_id") or key)


def tidy(name: str, value: Any) -> Any:
    """E-mail addresses are one whatever their case."""
    return value.strip().lower() if name == "email" and isinstance(value, str) else value


def _import_error(number: int, row: Document, conflict: Conflict) -> Document:
    where = "id" if conflict.attribute == "id" else f"attributes/{conflict.attribute}"
    return {
        "code": conflict.code,
        "title": "Invalid input",
        "detail": conflict.detail,
        "source": {"pointer": f"/data/attributes/profiles/data/{number}/{where}"},
        "original_payload": row,
    }
