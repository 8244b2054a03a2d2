"""Iterable: people subscribed to a list, their fields, removal from the list, events, campaigns and journeys.

Sources: https://api.iterable.com/api/docs (lists, users/bulkUpdate, users/forget, events/trackBulk and their rate
limits, email/target, workflows/triggerWorkflow), the page of response codes, and the guide to project types.

A person is known by e-mail, else by the key of the warehouse as `userId`; `identifier: user_id` is for projects that
are keyed by it. Never both at once: Iterable would take the address whatever the project is keyed by. Failures come
under HTTP 200 and name people by value, not by place; a request whose shape is wrong is refused as a whole and names
its rows. An event with an id that is known overwrites the one before.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, SecretStr

from destinations.answers import code, expect, resend, sift, unaccepted
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.iterable_answers import blame_list, named_rows, read_failures
from destinations.iterable_bodies import too_long, who, writing
from destinations.iterable_messages import SENDS, start, starts_message
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Limits,
    Member,
    Operation,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
    every,
)

_BYTES = 3_999_000
_LISTS = Limits(rows=1000, bytes=_BYTES, rates=((5, 1.0),), rate_class="lists")


class IterableSettings(Settings):
    """A server-side API key of one project and the list to fill."""

    api_key: SecretStr = Field(description="a server-side API key")
    list_id: str = Field(default="", pattern=r"^\d*$", description="the static list; unset: found or created by name")
    region: Literal["us", "eu"] = Field(default="us", description="us or eu: where the project lives")
    campaigns: dict[str, int] = Field(default_factory=dict, description="event: the e-mail campaign that it starts")
    workflows: dict[str, int] = Field(default_factory=dict, description="event: the journey that it starts")
    identifier: Literal["email", "user_id"] = Field(
        default="email", description="what the project knows people by; user_id is the key of the warehouse")


class Iterable(Destination):
    """Subscribes to and unsubscribes from a list, writes fields, records events."""

    settings: IterableSettings
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

    def for_event(self, event: str) -> Self:
        """A campaign or journey has no id that makes a repeat harmless, and is started for one person at a time."""
        if not starts_message(self.settings, event):
            return self
        other, operations = type(self)(self.settings), {**self.capabilities.operations, Operation.TRIGGER: SENDS}
        other.capabilities = replace(self.capabilities, operations=operations, dedupe=Dedupe.NONE, dedupe_window=0)
        return other

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch))
        if batch.operation is Operation.TRIGGER and starts_message(self.settings, batch.event):
            return (yield from start(self._ask, self.settings, batch))
        if batch.operation in (Operation.ADD, Operation.REMOVE) and not (batch.target or "").isdecimal():
            return every(batch, Verdict.REJECTED, "a list of Iterable is named by a number: set list_id")

        def ask(members: Sequence[Member]) -> Request:
            return self._ask("POST", *writing(batch, members, self.settings.identifier))

        sent, wrong = sift(batch, lambda member: too_long(batch, member))
        if not sent.members:
            return wrong
        response, left, outcomes = yield from resend(ask, sent.members, named_rows)
        outcomes += wrong
        if not left:
            return outcomes
        rest = replace(batch, members=left)
        if response.ok:
            return [*outcomes, *read_failures(rest, response, self.settings.identifier)]
        if batch.operation in (Operation.ADD, Operation.REMOVE):
            blame_list(response, batch.target)
        return outcomes + unaccepted(rest, response, code(response.get("code")))

    def _forget(self, batch: Batch) -> Exchange:
        """Erase one person, who can then never be written again under this identifier."""
        [member] = batch.members
        response = yield self._ask("POST", "users/forget", who(member, self.settings.identifier))
        if response.ok and response.get("code") == "Success":
            return every(batch, Verdict.ACCEPTED)
        return unaccepted(batch, response, code(response.get("code")))

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
            blame_list(response, target)
            raise Refused(f"cannot read the list {target} (HTTP {response.status}): check list_id and the API key")
        return [line.strip() for line in response.body.decode("utf-8", "replace").splitlines() if line.strip()]

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", "lists")
        expect(response, list, "lists", what="the lists")

    def _ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        root = self.settings.root(f"https://api{'.eu' if self.settings.region == 'eu' else ''}.iterable.com")
        login = {"Api-Key": self.settings.api_key.get_secret_value()}
        return send_json(method, f"{root}/api/{path}", body, login, reads=method == "GET", **more)
