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

from destinations.answers import code, unaccepted
from destinations.http import Request, Response, send_json
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
from destinations.templates import Template, Unfilled, fill, values_of

_PACE = ((1, 1.0),)
_DIGEST = Limits(rows=20_000, rates=_PACE)
# Slack cuts a text after 40,000 characters and asks to stay below 4,000.
_LONGEST = 4000
_WORDS = {Operation.ADD: ("entered", "+"), Operation.UPDATE: ("changed", "±"), Operation.REMOVE: ("left", "−")}
_PLACE = frozenset({"channel_not_found", "channel_is_archived", "is_archived", "not_in_channel", "no_service",
                    "no_team", "action_prohibited", "restricted_action", "posting_to_general_channel_denied"})
_CREDENTIALS = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive",
                          "missing_scope", "no_permission", "invalid_token", "team_disabled"})
_FAILED = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error"})


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
            text = self._text(batch)
        except Unfilled as reason:
            return every(batch, Verdict.REJECTED, str(reason))
        if not text.strip() or len(text) > _LONGEST:
            why = f"a text of more than {_LONGEST} characters" if text.strip() else "an empty text"
            return every(batch, Verdict.REJECTED, why)
        block = {"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}}
        message = {"text": text, **({"blocks": [block]} if len(text) <= 3000 else {})}
        response = yield self._post(message)
        word = word_of(response)
        if (response.status == 200 and word == "ok") or (response.get("ok") is True and response.ok):
            return every(batch, Verdict.ACCEPTED)
        if word in _PLACE:
            raise Refused(f"Slack refused the channel ({word}): correct webhook_url or channel, or invite the bot")
        if response.ok and response.get("ok") is False:
            return every(batch, Verdict.REJECTED, word or "refused")
        return unaccepted(batch, response, word if not response.ok else "")

    def _text(self, batch: Batch) -> str:
        if batch.operation is Operation.TRIGGER:
            [member] = batch.members
            if template := self.settings.texts.get(batch.event):
                return fill(template, values_of(batch, member, escape))
            return f"*{escape(batch.event or 'event')}* for one member of {escape(batch.audience)}"
        word, sign = _WORDS[batch.operation]
        return f"*{escape(batch.audience)}* {sign}{len(batch.members):,} {word}"

    def _post(self, message: dict[str, Any]) -> Request:
        kind = {"Content-Type": "application/json;charset=utf-8"}
        if self.settings.bot_token:
            login = {"Authorization": f"Bearer {self.settings.bot_token.get_secret_value()}"}
            url = self.settings.root("https://slack.com") + "/api/chat.postMessage"
            return send_json("POST", url, {"channel": self.settings.channel, **message}, {**kind, **login})
        address = urlsplit(self.settings.webhook_url.get_secret_value())
        root = self.settings.root(f"https://{address.netloc}")
        return send_json("POST", root, message, kind,
                         finish=lambda request, _: replace(request, url=f"{root}{address.path}"))

    def check(self) -> Generator[Request, Response, None]:
        if not self.settings.bot_token:
            return  # a webhook can only be proven by posting
        login = {"Authorization": f"Bearer {self.settings.bot_token.get_secret_value()}"}
        url = self.settings.root("https://slack.com") + "/api/auth.test"
        response = yield send_json("POST", url, {}, login, reads=True)
        if response.get("ok") is not True or not response.ok:
            raise Refused(f"Slack refused the bot's token ({word_of(response) or f'HTTP {response.status}'}): "
                          "install the app again and give its bot_token")

    def throttled(self, response: Response) -> float | None:
        limited = response.ok and word_of(response) in ("ratelimited", "rate_limited")
        return response.retry_after or 1.0 if limited else super().throttled(response)

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.get("ok") is False and word_of(response) in _FAILED)

    def refused(self, response: Response) -> str | None:
        word = word_of(response)
        if word in _CREDENTIALS:
            return f"Slack refused the credentials ({word}): give this connection a fresh bot_token or webhook_url"
        return None if response.status == 403 and word in _PLACE else super().refused(response)


def word_of(response: Response) -> str:
    """Slack's word for how it went: `error` in JSON, else the whole body of a webhook's answer."""
    if isinstance(response.json, dict):
        return code(response.get("error"))
    return code(response.body[:80].decode(errors="replace").strip())


def escape(text: str) -> str:
    """The three characters that mean something to Slack, so that no value can mention a channel or fake a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
