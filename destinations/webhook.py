"""Webhook: one signed message a member to any HTTP endpoint.

Sources: Standard Webhooks, specification 1.0 (https://www.standardwebhooks.com), and its library as verifier.

`webhook-id` is the operation's id and stays the same at every attempt, so a receiver drops what it has seen; timestamp
and signature are made anew for each attempt. Redirects are not followed. The template that newcomers copy.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from destinations.addresses import objection
from destinations.answers import unaccepted
from destinations.http import Json, Request, Response, send_json
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
    Refused,
    Settings,
    Verdict,
)

_TYPES = {Operation.ADD: "audience.entered", Operation.UPDATE: "audience.updated", Operation.REMOVE: "audience.left",
          Operation.DELETE: "person.forgotten"}


class WebhookSettings(Settings):
    """Where to post, and the secret shared with the receiver."""

    url: str = Field(default="", description="the https address that receives the messages")
    secret: SecretStr | None = Field(default=None, description="whsec_… ; two separated by a blank while rotating")

    @field_validator("secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not signing_keys(secret):
            raise ValueError("must be whsec_ followed by the base64 of 24 to 64 bytes")
        return secret

    @model_validator(mode="after")
    def _somewhere(self) -> WebhookSettings:
        if not self.base_url and (reason := objection(self.url, self.allowed)):
            raise ValueError(f"url {reason}" if self.url else "url must be an https:// address")
        return self

    @property
    def endpoint(self) -> str:
        """`url`, with scheme and host of `base_url` where that is set."""
        if not self.base_url:
            return self.url
        parts = urlsplit(self.url)
        return self.root("") + parts.path + (f"?{parts.query}" if parts.query else "")


class Webhook(Destination):
    """Posts `{"type", "timestamp", "data"}` for who enters, changes, leaves, triggers an event or is forgotten."""

    settings: WebhookSettings
    settings_type = WebhookSettings
    capabilities = Capabilities(
        operations=dict.fromkeys(Operation, Limits(rows=1)),
        identifiers=("person", "account", "email", "phone"),
        dedupe=Dedupe.KEY,
        dedupe_window=86_400,
    )

    def deliver(self, batch: Batch) -> Exchange:
        [member] = batch.members
        headers = {"webhook-id": member.id}
        response = yield send_json("POST", self.settings.endpoint, message(batch, member), headers, finish=self.sign)
        if response.ok:
            return [Outcome(member.id, Verdict.ACCEPTED)]
        if response.status == 410:
            raise Refused("the endpoint says it is gone for good (HTTP 410): take it out of connections.yml")
        if response.status < 400:
            raise Refused(f"the endpoint has moved (HTTP {response.status}), and redirects are not followed: write the "
                          "new address into connections.yml")
        return unaccepted(batch, response)

    def refused(self, response: Response) -> str | None:
        if response.status not in (401, 403):
            return None
        return f"the endpoint refused the message (HTTP {response.status}): check secret, and the clock of this machine"

    def sign(self, request: Request, now: int) -> Request:
        """The request with the time of this attempt and, where a secret is set, its signature."""
        signed = f"{request.headers['webhook-id']}.{now}.".encode() + (request.body or b"")
        keys = signing_keys(self.settings.secret) if self.settings.secret else []
        marks = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
        signature = {"webhook-signature": " ".join(f"v1,{mark}" for mark in marks)} if marks else {}
        return replace(request, headers={**request.headers, "webhook-timestamp": str(now), **signature})


def message(batch: Batch, member: Member) -> dict[str, Json]:
    """The body of one message."""
    moment = member.occurred_at or batch.at
    at: dict[str, Json] = {"timestamp": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")} if moment else {}
    data: dict[str, Json] = {
        "audience": batch.audience,
        "person_id": member.person,
        "identifiers": {kind: value for kind, value in member.identifiers.items() if kind != "person"},
        "attributes": dict(member.attributes),
    }
    return {"type": _TYPES.get(batch.operation) or batch.event, **at, "data": data}


def signing_keys(secret: SecretStr) -> list[bytes]:
    """The keys in `whsec_…` secrets, empty when one of them is not usable."""
    keys = []
    for part in secret.get_secret_value().split():
        try:
            keys.append(base64.b64decode(part.removeprefix("whsec_"), validate=True))
        except binascii.Error:
            return []
    return keys if all(24 <= len(key) <= 64 for key in keys) else []
