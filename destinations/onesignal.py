"""OneSignal: push notifications to the devices of one person, and a person's audiences as tags.

Sources: https://documentation.onesignal.com/reference (create notification, idempotent requests, create user, rate
limits) and the official OpenAPI file.

People are known by `external_id`, the key of the warehouse. An audience is a tag of its name; an empty tag is deleted,
and a time is Unix seconds (docs: Time operators).
Creating a user whose alias is known changes that user, so the key stands in the body and not in an address. A message
carries an idempotency key made of the operation's id: a repeat within 30 days is answered with the first message.
A message to somebody without a subscribed device is refused under HTTP 200.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, unaccepted
from destinations.http import Json, Request, Response, send_json, with_query
from destinations.onesignal_push import notification, read_push
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
    Settings,
    Verdict,
    every,
)
from destinations.templates import Template, Unfilled
from destinations.times import unix

# OneSignal documents no size of a body; a push itself carries at most 4 KB on either platform.
_USERS = Limits(row_bytes=100_000, rates=((100, 1.0),), rate_class="users")
_PUSH = Limits(row_bytes=2048, rates=((150, 1.0),), rate_class="notifications")


class OnesignalSettings(Settings):
    """An app, its key, and what each event says: a template of OneSignal, or a text."""

    app_id: str = Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", description="the app's id")
    api_key: SecretStr = Field(description="the app's API key")
    templates: dict[str, str] = Field(default_factory=dict, description="event: id of a template of OneSignal")
    texts: dict[str, Template] = Field(default_factory=dict, description="event: text of the push, as a template")
    titles: dict[str, Template] = Field(default_factory=dict, description="event: title of the push, as a template")
    language: str = Field(default="en", pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$", description="language of the texts")


class Onesignal(Destination):
    """Sets and deletes tags, sends push notifications."""

    settings: OnesignalSettings
    settings_type = OnesignalSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _USERS,
            Operation.UPDATE: _USERS,
            Operation.REMOVE: _USERS,
            Operation.TRIGGER: _PUSH,
            Operation.DELETE: _USERS,
        },
        identifiers=("person",),
        dedupe=Dedupe.KEY,
        dedupe_window=30 * 86_400,
    )

    def deliver(self, batch: Batch) -> Exchange:
        [member] = batch.members
        if batch.operation is Operation.TRIGGER:
            try:
                body = notification(batch, member, self.settings)
            except Unfilled as reason:
                return every(batch, Verdict.REJECTED, str(reason))
            response = yield self._ask("POST", "notifications", body)
            return read_push(batch, response)
        if batch.operation is Operation.DELETE:
            return (yield from self._forget(batch, member))
        body = {"identity": {"external_id": member.person}, "properties": {"tags": tags(batch, member)}}
        response = yield self._ask("POST", f"apps/{quote(self.settings.app_id)}/users", body)
        if not response.ok or not isinstance(response.json, dict):
            return unaccepted(batch, response, code(response.get("errors", 0, "code")))
        remote = response.get("identity", "onesignal_id")
        return [Outcome(member.id, Verdict.ACCEPTED, remote_id=remote if isinstance(remote, str) else None)]

    def _forget(self, batch: Batch, member: Member) -> Exchange:
        """Delete by OneSignal's own id, which a user who is unknown is given first: no key of a person in a path."""
        users, remote = f"apps/{quote(self.settings.app_id)}/users", member.remote_id
        if not remote:
            response = yield self._ask("POST", users, {"identity": {"external_id": member.person}, "properties": {}})
            remote = response.get("identity", "onesignal_id")
            if not response.ok or not isinstance(remote, str):
                return unaccepted(batch, response, code(response.get("errors", 0, "code")))
        response = yield self._ask("DELETE", f"{users}/by/onesignal_id/{quote(remote, safe='')}")
        if response.ok or response.status == 404:
            return every(batch, Verdict.ACCEPTED, "" if response.ok else "not there")
        return unaccepted(batch, response, code(response.get("errors", 0, "code")))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", with_query("notifications", app_id=self.settings.app_id, limit=1))
        expect(response, list, "notifications", what="the app's notifications")

    def _ask(self, method: str, path: str, body: Json = None) -> Request:
        login = {"Authorization": f"Key {self.settings.api_key.get_secret_value()}"}
        url = f"{self.settings.root('https://api.onesignal.com')}/{path}"
        return send_json(method, url, body, login, reads=method == "GET")


def tags(batch: Batch, member: Member) -> dict[str, Json]:
    """The tags that change: columns, and the audience's own."""
    changes: dict[str, Json] = {name: tag(unix(value)) for name, value in member.attributes.items()}
    if batch.operation is Operation.UPDATE:
        return changes
    if batch.operation is Operation.REMOVE:
        return {batch.audience: ""}
    return {**changes, batch.audience: "true"}


def tag(value: Json) -> str:
    """A tag is a text; an empty one is deleted."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
