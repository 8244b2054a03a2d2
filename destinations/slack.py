"""Slack: a message for each member who triggers an event, or a digest of who entered and left an audience.

Sources: Slack's pages on incoming webhooks (errors by status and word, a body `ok`), chat.postMessage (errors under
HTTP 200), rate limits (one message a second a channel) and formatting (&, < and > are escaped).

A digest counts and names nobody. Nothing makes a repeated message harmless: one whose answer was lost is not sent again
for a trigger, but a digest may be. A webhook's address is its secret, so it is put in just before a request is sent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from destinations.api import revealed
from destinations.http import Json, Request, Response, bearer, send_json
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Refused,
    Settings,
    Verdict,
    every,
)
from destinations.slack_answers import CREDENTIALS, FAILED, PLACE, read_post, word_of
from destinations.slack_text import message
from destinations.templates import Template, Unfilled

_PACE = ((1, 1.0),)
_DIGEST = Limits(rows=20_000, rates=_PACE)
_KIND = {"Content-Type": "application/json;charset=utf-8"}


class SlackSettings(Settings):
    """An incoming webhook, or a bot's token and a channel."""

    webhook_url: SecretStr | None = Field(default=None, description="https://hooks.slack.com/services/…")
    bot_token: SecretStr | None = Field(default=None, description="a bot's token, xoxb-… (scope chat:write)")
    channel: str = Field(default="", description="the channel the bot writes to: its id, C…")
    texts: dict[str, Template] = Field(
        default_factory=dict, description="event: text, as a template; without one a message names the event")

    @field_validator("webhook_url")
    @classmethod
    def _secure(cls, url: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(url.get_secret_value()) if url else None
        if parts and (parts.scheme != "https" or not parts.path.strip("/")):
            raise ValueError("must be the https:// address that Slack gave for the webhook")
        return url

    @model_validator(mode="after")
    def _one_way(self) -> SlackSettings:
        if bool(self.webhook_url) == bool(self.bot_token) or bool(self.bot_token) != bool(self.channel):
            raise ValueError("give either webhook_url, or bot_token and channel")
        return self


class Slack(Destination):
    """Posts messages to one channel."""

    settings: SlackSettings
    settings_type = SlackSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _DIGEST,
            Operation.UPDATE: _DIGEST,
            Operation.REMOVE: _DIGEST,
            Operation.TRIGGER: Limits(rows=1, rates=_PACE),
        },
        identifiers=("person", "account", "email", "phone"),
    )

    def deliver(self, batch: Batch) -> Exchange:
        try:
            said = message(batch, self.settings.texts)
        except Unfilled as reason:
            return every(batch, Verdict.REJECTED, str(reason))
        response = yield self._post(said)
        return read_post(batch, response)

    def _post(self, said: dict[str, Any]) -> Request:
        if self.settings.bot_token:
            return self._ask("chat.postMessage", {"channel": self.settings.channel, **said})
        address = urlsplit(revealed(self.settings.webhook_url))
        root = self.settings.root(f"https://{address.netloc}")
        return send_json("POST", root, said, _KIND,
                         finish=lambda request, _: replace(request, url=f"{root}{address.path}"))

    def check(self) -> Generator[Request, Response, None]:
        if not self.settings.bot_token:
            return  # a webhook can only be proven by posting
        response = yield self._ask("auth.test", {}, reads=True)
        if response.get("ok") is not True or not response.ok:
            raise Refused(f"Slack refused the bot's token ({word_of(response) or f'HTTP {response.status}'}): "
                          "install the app again and give its bot_token")

    def throttled(self, response: Response) -> float | None:
        limited = response.ok and word_of(response) in ("ratelimited", "rate_limited")
        return response.retry_after or 1.0 if limited else super().throttled(response)

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.get("ok") is False and word_of(response) in FAILED)

    def refused(self, response: Response) -> str | None:
        word = word_of(response)
        if word in CREDENTIALS:
            return f"Slack refused the credentials ({word}): give this connection a fresh bot_token or webhook_url"
        return None if response.status == 403 and word in PLACE else super().refused(response)

    def _ask(self, method: str, body: Json, reads: bool = False) -> Request:
        """One of the Web API's methods, which are all posted."""
        url = f"{self.settings.root('https://slack.com')}/api/{method}"
        return send_json("POST", url, body, {**_KIND, **bearer(revealed(self.settings.bot_token))}, reads=reads)
