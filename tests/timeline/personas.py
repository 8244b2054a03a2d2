"""Personas: a small YAML file each, with what happened to a person and where that person stands day by day.

    story: Ada leaves a cart, comes back and pays.
    person: {consents: {ads: null}}             # by itself: an e-mail and consent to mail, messages and advertising
    account: {kind: b2b}                        # only for someone who speaks for an account
    facts:                                      # table → rows; `at` is their moment, the rest is in defaults.yml
      events: [{at: 2026-09-03 10:00, name: add_to_cart, cart_id: k1, value: 40}]
      usage_daily: [{from: 2026-08-01, to: 2026-09-30, qty: 100}]             # one a day
    expect:
      abandoned_cart: {2026-09-04: in, 2026-09-06: out}        # each state holds until the next; at first `out`

States: `in`, `out`, `held_out`, `excluded: why`, as seen at 06:00 UTC of the day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
Rows = Iterator[tuple[str, dict[str, Any]]]
LONG_AGO = datetime(2025, 1, 1)
CONSENTS = {"email": "granted", "sms": "granted", "ads": "granted"}


@dataclass(frozen=True, slots=True)
class Persona:
    """One story."""

    name: str
    number: int
    """What all ids of the story are made of; the holdout draws by it."""
    told: Mapping[str, Any]

    @property
    def person_id(self) -> str:
        return f"p_{self.number:05}"

    @property
    def account_id(self) -> str:
        return f"b_{self.number:05}"

    def states(self, audience: str, days: list[date]) -> dict[date, str]:
        """The expected state on each day."""
        turns = self.told["expect"][audience] or {}
        if outside := set(turns) - set(days):
            raise LookupError(f"{self.name}: {audience} speaks of {min(outside)}, which is not replayed")
        state, states = "out", {}
        for day in days:
            state = _spell(turns.get(day, state))
            states[day] = state
        return states

    def rows(self) -> Rows:
        """Raw rows of the story, with the tables' full names."""
        for table, row in [*self._self(), *self._account(), *self._facts()]:
            yield f"raw_{table}", _complete(table, row)

    def _self(self) -> Rows:
        said = dict(self.told.get("person") or {})
        consents = {**CONSENTS, **said.pop("consents", {})}
        ref = f"c_{self.number:05}"
        yield "persons", {"at": LONG_AGO, "person_ref": ref, **{k: v for k, v in said.items() if k != "phone"}}
        yield "identities", self._fill("identities", {
            "at": LONG_AGO, "identity_id": f"{ref}_email", "kind": "email",
            "value": f"{self.name.replace('_', '.')}@example.org"})
        if phone := said.get("phone"):
            yield "identities", self._fill("identities", {
                "at": LONG_AGO, "identity_id": f"{ref}_phone", "kind": "phone", "value": phone})
        for channel, status in consents.items():
            if status:
                yield "consents", self._fill("consents", {
                    "at": LONG_AGO, "consent_id": f"{ref}_{channel}", "channel": channel, "status": status})

    def _account(self) -> Rows:
        if "account" in self.told:
            account = {"at": LONG_AGO, "name": self.name, "account_id": self.account_id, **(self.told["account"] or {})}
            yield "accounts", account
            yield "members", self._fill("members", {"at": LONG_AGO})
            if "subscriptions" not in (self.told.get("facts") or {}):
                yield "subscriptions", self._fill("subscriptions", {
                    "at": LONG_AGO, "subscription_id": f"u_{self.number:05}", "renews_at": "2027-01-01 00:00:00"})

    def _facts(self) -> Rows:
        for table, facts in (self.told.get("facts") or {}).items():
            for number, fact in enumerate(day for told in facts for day in _daily(told)):
                made_up = {defaults()[table]["id"]: f"{table[0]}_{self.number:05}_{number}"} \
                    if "id" in defaults()[table] else {}
                yield table, self._fill(table, {**made_up, **fact})

    def _fill(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """Whose row it is: the person's and, where there is one, the account's."""
        own = {defaults()[table].get("person", "person_ref"): f"c_{self.number:05}"}
        return {**own, **({"account_id": self.account_id} if "account" in self.told else {}), **row}


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """Table → what a row is when nothing is said."""
    return yaml.safe_load((HERE / "defaults.yml").read_text("utf-8"))


def read(folder: Path, audiences: Mapping[str, tuple[str, float]]) -> Iterator[Persona]:
    """All personas, each under the first number by which it is held out of an audience just where it says so.

    `audiences`: name → salt and share of its holdout; in that of `global_holdout` nobody is.
    """
    for place, file in enumerate(sorted(folder.glob("*.yml")), 1):
        told = yaml.safe_load(file.read_text("utf-8"))
        held = {audience: "held_out" in (turns or {}).values() for audience, turns in told["expect"].items()}
        held["global_holdout"] = False
        number = next(number for number in range(place, 10_000_000, 1_000)
                      if all(is_held_out(f"p_{number:05}", *audiences[name]) == out for name, out in held.items()))
        yield Persona(file.stem, number, told)


def is_held_out(person_id: str, salt: str, share: float) -> bool:
    """As the snapshot draws it."""
    return int(hashlib.md5(f"{salt}|{person_id}".encode()).hexdigest()[:8], 16) % 10_000 < round(share * 10_000)


def _complete(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with its moments, with what is usual, and known a minute later."""
    usual = dict(defaults()[table])
    columns, hours = usual.pop("at"), usual.pop("loaded_after_hours", 0)
    for word in ("id", "person"):
        usual.pop(word, None)
    row = dict(row)
    moment = row.pop("at", None)
    if moment is not None:
        moment = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
        usual |= dict.fromkeys(columns, moment.date() if columns == ["day"] else moment)
        usual["loaded_at"] = moment + timedelta(hours=hours, minutes=1)
    return {**usual, **row}


def _daily(fact: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`from` and `to`: the same each day, both days included."""
    if "from" not in fact:
        yield fact
        return
    rest = {key: value for key, value in fact.items() if key not in ("from", "to")}
    for number in range((fact["to"] - fact["from"]).days + 1):
        yield {**rest, "at": fact["from"] + timedelta(days=number)}


def _spell(state: Any) -> str:
    """`{excluded: why}` as YAML reads it, written in one line."""
    return f"excluded: {state['excluded']}" if isinstance(state, dict) else str(state)
