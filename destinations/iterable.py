"""Iterable: people subscribed to a list, their fields, removal from the list, events.

Sources: https://api.iterable.com/api/docs (lists, users/bulkUpdate, users/forget, events/trackBulk and their rate
limits), the page of response codes, and the guide to project types.

A person is known by e-mail, else by the key of the warehouse as `userId`; `identifier: user_id` is for projects that
are keyed by it. Never both at once: Iterable would take the address whatever the project is keyed by. Failures come
under HTTP 200 and name people by value, not by place; a request whose shape is wrong is refused as a whole and names
its rows. An event with an id that is known overwrites the one before.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, SecretStr

from destinations.answers import code, expect, resend, unaccepted
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Limits,
    Member,
    Operation,
    Outcome,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
    every,
)

_BYTES = 3_999_000
_LISTS = Limits(rows=1000, bytes=_BYTES, rates=((5, 1.0),), rate_class="lists")
_ROW = re.compile(r"obj\.(?:users|subscribers|events)\[(\d{1,6})\](?:\.([\w.]+))?")
_FAILURES = {"invalid": "invalid identifier", "notFound": "not found", "forgotten": "forgotten for good",
             "conflict": "in conflict with another user", "invalidData": "invalid data"}  # fmt: skip
_FIELDS = {f"{failure}{kind}": why for failure, why in _FAILURES.items() for kind in ("Emails", "UserIds")}
_LIST_GONE = re.compile(r"(?i)\blist\b")


class IterableSettings(Settings):
    """A server-side API key of one project and the list to fill."""

    api_key: SecretStr = Field(description="a server-side API key")
    list_id: str = Field(default="", pattern=r"^\d*$", description="the static list; unset: found or created by name")
    region: Literal["us", "eu"] = Field(default="us", description="us or eu: where the project lives")
    identifier: Literal["email", "user_id"] = Field(
        default="email", description="what the project knows people by; user_id is the key of the warehouse")


class Iterable(Destination):
    """Subscribes to and unsubscribes from a list, writes fields, records events."""

    settings_type = IterableSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _LISTS,
            Operation.UPDATE: Limits(rows=1000, bytes=_BYTES, rates=((5, 1.0),), rate_class="users"),
            Operation.REMOVE: _LISTS,
            Operation.TRIGGER: Limits(rows=1000, bytes=_BYTES, rates=((10, 1.0),), rate_class="events"),
            Operation.DELETE: Limits(rates=((3, 1.0),), rate_class="forget"),
        },
        identifiers=("email", "person"),
        dedupe=Dedupe.KEY,
        # A repeated id overwrites for good; a month is as long as anything is ever sent again.
        dedupe_window=30 * 86_400,
        needs_target=True,
        readback=True,
        target="list_id",
    )

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        if batch.operation in (Operation.ADD, Operation.REMOVE) and not (batch.target or "").isdecimal():
            return every(batch, Verdict.REJECTED, "a list of Iterable is named by a number: set list_id")

        def ask(members: Sequence[Member]) -> Request:
            return self._ask("POST", *self._writing(batch, members))

        response, left, outcomes = yield from resend(ask, batch.members, named_rows)
        if not left:
            return outcomes
        rest = replace(batch, members=left)
        if response.ok:
            return outcomes + self._read_failures(rest, response)
        if batch.operation in (Operation.ADD, Operation.REMOVE):
            self._blame_list(response, batch.target)
        return outcomes + unaccepted(rest, response, code(response.get("code")))

    def _forget(self, batch: Batch) -> Exchange:
        """Erase one person, who can then never be written again under this identifier."""
        [member] = batch.members
        response = yield self._ask("POST", "users/forget", self._who(member))
        if response.ok and response.get("code") == "Success":
            return every(batch, Verdict.ACCEPTED)
        return unaccepted(batch, response, code(response.get("code")))

    def _writing(self, batch: Batch, members: Sequence[Member]) -> tuple[str, dict[str, Any]]:
        """Path and body of one call."""
        if batch.operation is Operation.TRIGGER:
            return "events/trackBulk", {"events": [self._event(batch, member) for member in members]}
        if batch.operation is Operation.REMOVE:
            who = [self._who(member) for member in members]
            frame = {"listId": int(batch.target or 0), "channelUnsubscribe": False}
            return "lists/unsubscribe", {**frame, "subscribers": who}
        people = [self._person(member) for member in members]
        if batch.operation is Operation.ADD:
            return "lists/subscribe", {"listId": int(batch.target or 0), "subscribers": people}
        users = [{**person, "mergeNestedObjects": False} for person in people]
        return "users/bulkUpdate", {"users": users, "createNewFields": True}

    def _who(self, member: Member) -> dict[str, Json]:
        by_email = self.settings.identifier == "email" and "email" in member.identifiers
        return {"email": member.identifiers["email"]} if by_email else {"userId": member.person}

    def _person(self, member: Member) -> dict[str, Json]:
        return {**self._who(member), "dataFields": dict(member.attributes), "preferUserId": True}

    def _event(self, batch: Batch, member: Member) -> dict[str, Json]:
        moment = member.occurred_at or batch.at
        at = {"createdAt": int(moment.timestamp())} if moment else {}
        return {**self._who(member), "eventName": batch.event, "id": member.id, **at,
                "dataFields": dict(member.attributes), "createNewFields": True}  # fmt: skip

    def _read_failures(self, batch: Batch, response: Response) -> list[Outcome]:
        """Who failed is named by value; when more failed than are named, the others are uncertain."""
        count = response.get("failCount")
        if type(count) is not int:
            return unaccepted(batch, response)
        if batch.event and batch.event in (response.get("disallowedEventNames") or ()):
            return every(batch, Verdict.REJECTED, "this event name is not allowed in the project")
        failed = failures(response)
        named = {member.id: failed[key] for member in batch.members
                 if (key := str(next(iter(self._who(member).values()))).lower()) in failed}  # fmt: skip
        rest = (Verdict.UNKNOWN, "some row failed that was not named") if count > len(named) else (Verdict.ACCEPTED, "")
        gone = (Verdict.ACCEPTED, "not there")
        told = {one: gone if why == _FAILURES["notFound"] and batch.operation is Operation.REMOVE
                else (Verdict.REJECTED, why) for one, why in named.items()}  # fmt: skip
        return [Outcome(member.id, *told.get(member.id, rest)) for member in batch.members]

    def prepare(self, name: str) -> Preparation:
        response = yield self._ask("GET", "lists")
        for found in expect(response, list, "lists", what="the lists"):
            if walk(found, "name") == name and type(walk(found, "id")) is int:
                return str(found["id"])
        response = yield self._ask("POST", "lists", {"name": name}, rates=_LISTS.rates, rate_class="lists")
        return str(expect(response, int, "listId", what="the new list"))

    def members(self, target: str) -> Reading:
        query = {"listId": target} | ({"preferUserId": "true"} if self.settings.identifier == "user_id" else {})
        path = with_query("lists/getUsers", **query)
        response = yield self._ask("GET", path, rates=((5, 60.0),), rate_class="list-read")
        if not response.ok:
            self._blame_list(response, target)
            raise Refused(f"cannot read the list {target} (HTTP {response.status}): check list_id and the API key")
        return [line.strip() for line in response.body.decode("utf-8", "replace").splitlines() if line.strip()]

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", "lists")
        expect(response, list, "lists", what="the lists")

    def _ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        root = self.settings.root(f"https://api{'.eu' if self.settings.region == 'eu' else ''}.iterable.com")
        login = {"Api-Key": self.settings.api_key.get_secret_value()}
        return send_json(method, f"{root}/api/{path}", body, login, reads=method == "GET", **more)

    def _blame_list(self, response: Response, target: str | None) -> None:
        if response.status in (400, 404) and _LIST_GONE.search(str(response.get("msg"))):
            raise Refused(f"Iterable knows no static list {target}: correct list_id in connections.yml, or leave it "
                          "out to have the list found or created by name")


def named_rows(response: Response) -> dict[int, str]:
    """Index → reason of the rows whose shape a refusal complains of, as keys of `params`."""
    params = response.get("params") if response.status == 400 else None
    matches = [_ROW.fullmatch(str(key)) for key in params] if isinstance(params, dict) else []
    return {int(match[1]): code("invalid", match[2]) for match in matches if match}


def failures(response: Response) -> dict[str, str]:
    """Identifier in lower case → why it failed, from `failedUpdates` and from the fields beside it."""
    found: dict[str, str] = {}
    for field, why in _FIELDS.items():
        for values in (response.get("failedUpdates", field), response.get(field)):
            found |= {str(value).lower(): why for value in values} if isinstance(values, list) else {}
    return found
