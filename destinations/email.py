"""E-mail over SMTP: one message a member who triggers an event, in text and HTML, with a way to unsubscribe.

Sources: RFC 5321 (SMTP), 5322 (messages), 2369 and 8058 (List-Unsubscribe by one click, which the large mailbox
providers ask of bulk senders), 3207 and 8314 (TLS), 6531 (addresses beyond ASCII), 3463 (status codes).

A request names the server in its URL, the envelope in its headers and is the message itself; the SMTP carrier speaks it
and answers 200 for a message taken over, 422 for one refused for good, 429 for one refused for now (greylisting), 401
for a refused login, 426 for a server without TLS, each with the server's reply code. smtp:// demands STARTTLS, smtps://
is TLS from the start. The Message-ID is made of the operation's id; servers do not drop what they have seen, so a
message whose answer was lost is never sent again by itself. No line break of any value gets into a header.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from destinations.answers import code, unaccepted
from destinations.api import revealed
from destinations.email_message import BREAK, Mail, compose, mailbox, reachable
from destinations.http import Request, Response, basic_auth
from destinations.identifiers import Unusable
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Refused,
    Settings,
    Verdict,
    every,
)
from destinations.templates import Template, Unfilled, of_event

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_TLS = {"starttls": "smtp", "implicit": "smtps"}


class EmailSettings(Settings):
    """A mail server, who the mail is from, how to unsubscribe, and the texts of each event."""

    base_url: str = Field(default="", pattern="^(smtps?://.+)?$", description="smtp:// or smtps:// instead of host")
    host: str = Field(default="", pattern=r"^[\w.:\[\]-]*$", description="the mail server")
    port: int = Field(default=587, ge=1, le=65_535, description="its port for submission")
    tls: Literal["starttls", "implicit"] = Field(default="starttls", description="implicit on port 465")
    username: str = Field(default="", description="login, where the server wants one")
    password: SecretStr | None = Field(default=None, description="password of username")
    sender: str = Field(description="From: an address, or Name <address>")
    reply_to: str = Field(default="", description="Reply-To, when answers go elsewhere")
    unsubscribe_url: Template = Field(description="https:// address that takes a POST, as a template")
    messages: dict[str, Mail] = Field(description="event: its subject, text and html")

    @field_validator("sender", "reply_to")
    @classmethod
    def _addressed(cls, value: str) -> str:
        if value and (BREAK.search(value) or not mailbox(value)):
            raise ValueError("must be an address, or Name <address>")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> EmailSettings:
        if not self.host and not self.base_url:
            raise ValueError("host must name the mail server")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password go together")
        return self


class Email(Destination):
    """Sends mail."""

    settings: EmailSettings
    settings_type = EmailSettings
    capabilities = Capabilities(operations={Operation.TRIGGER: Limits(rows=1)}, identifiers=("email",))

    def deliver(self, batch: Batch) -> Exchange:
        [member] = batch.members
        mail = of_event(self.settings.messages, batch.event, "message", "messages")
        try:
            to = reachable(member.identifiers.get("email", ""))
            message = compose(batch, member, mail, to, self.settings)
        except (Unfilled, Unusable) as reason:
            return every(batch, Verdict.REJECTED, str(reason))
        envelope = {"Mail-From": mailbox(self.settings.sender), "Rcpt-To": to}
        response = yield Request("SEND", self._server, {**envelope, **self._login}, message)
        return self._read(batch, response)

    def _read(self, batch: Batch, response: Response) -> Sequence[Outcome]:
        if response.status == 200 and isinstance(response.get("reply"), int):
            return every(batch, Verdict.ACCEPTED)
        if response.status == 426:
            raise Refused("the mail server offers no TLS: correct host, port or tls in connections.yml")
        enhanced = str(response.get("enhanced"))
        why = code(response.get("reply")) + (f" {enhanced}" if _ENHANCED.fullmatch(enhanced) else "")
        if response.status == 422 and response.get("stage") == "mail":
            raise Refused(f"the mail server refuses the sender ({why}): correct sender in connections.yml")
        if response.status == 422:
            return every(batch, Verdict.REJECTED, f"refused by the mail server: {why or 'no code'}")
        return unaccepted(batch, response, why)

    def check(self) -> Generator[Request, Response, None]:
        response = yield Request("NOOP", self._server, self._login, reads=True)
        if response.status == 426:
            raise Refused("the mail server offers no TLS: correct host, port or tls in connections.yml")
        if response.status != 200 or not isinstance(response.get("reply"), int):
            raise Refused(f"the mail server does not take this connection (HTTP {response.status})")

    @property
    def _server(self) -> str:
        return self.settings.root(f"{_TLS[self.settings.tls]}://{self.settings.host}:{self.settings.port}")

    @property
    def _login(self) -> dict[str, str]:
        password = revealed(self.settings.password)
        return basic_auth(self.settings.username, password) if password else {}
