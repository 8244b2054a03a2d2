"""Twilio: one SMS a member who triggers an event.

Sources: Twilio's public OpenAPI file (api v2010, Messages.json), its page on the resource (1,600 characters) and its
error dictionary. Creating a message has no idempotency key (`I-Twilio-Idempotency-Token` is a header of Twilio's own
webhooks), so a message whose answer was lost is never sent again by itself; a 429 was never processed. Delivery is told
later, to `status_callback` if that is set, and not to us: accepted means that Twilio has taken the message. Consent is
yours: Twilio refuses only who has replied STOP.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, unaccepted
from destinations.http import Request, Response, basic_auth
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
from destinations.templates import Template, Unfilled, fill, of_event, values_of

_LONGEST = 1600
_ROW = {
    21211: "not a number that can be called",
    21214: "a number that cannot be reached",
    21217: "not a number that can be called",
    21408: "SMS to this country are not switched on for the account",
    21610: "has opted out of messages from this sender",
    21612: "cannot be reached from this sender",
    21614: "not a mobile number",
    21617: "a text that is too long",
}
_SENDER = frozenset({21212, 21603, 21606, 21618, 21659, 21660, 21701, 21703, 21704, 21705})
"""Codes of a sender, or a messaging service, that is not there, not yours or not for SMS."""
_FULL = 21611
"""Ten hours of messages are queued for this sender already: nothing was taken."""
_BUSY = frozenset({14107, 20429})


class TwilioSettings(Settings):
    """An account, a way to log in, a sender, and the text of each event."""

    account_sid: str = Field(pattern="^AC[0-9a-fA-F]{32}$", description="the account, AC…")
    auth_token: SecretStr = Field(description="its auth token, or the secret of api_key_sid")
    api_key_sid: str = Field(default="", pattern="^(SK[0-9a-fA-F]{32})?$", description="an API key, SK…, if used")
    from_number: str = Field(default="", description="the sender: a number of yours, +…, or an alphanumeric id")
    messaging_service_sid: str = Field(default="", pattern="^(MG[0-9a-fA-F]{32})?$", description="or a service, MG…")
    status_callback: str = Field(default="", pattern="^(https://.+)?$", description="where Twilio tells of delivery")
    texts: dict[str, Template] = Field(description="event: text, as a template")

    @model_validator(mode="after")
    def _one_sender(self) -> TwilioSettings:
        if bool(self.from_number) == bool(self.messaging_service_sid):
            raise ValueError("give either from_number or messaging_service_sid")
        return self


class Twilio(Destination):
    """Sends SMS."""

    settings: TwilioSettings
    settings_type = TwilioSettings
    capabilities = Capabilities(operations={Operation.TRIGGER: Limits(rows=1)}, identifiers=("phone",))

    def deliver(self, batch: Batch) -> Exchange:
        [member] = batch.members
        template = of_event(self.settings.texts, batch.event, "text", "texts")
        try:
            text = fill(template, values_of(batch, member)).strip()
        except Unfilled as reason:
            return every(batch, Verdict.REJECTED, str(reason))
        if not text or len(text) > _LONGEST or "phone" not in member.identifiers:
            why = f"a text of more than {_LONGEST} characters" if text else "an empty text"
            return every(batch, Verdict.REJECTED, why if "phone" in member.identifiers else "no phone number")
        sender = ({"MessagingServiceSid": self.settings.messaging_service_sid} if self.settings.messaging_service_sid
                  else {"From": self.settings.from_number})
        told = {"StatusCallback": self.settings.status_callback} if self.settings.status_callback else {}
        form = {"To": member.identifiers["phone"], **sender, "Body": text, **told}
        response = yield self._ask("POST", "/Messages.json", form)
        return self._read(batch, response)

    def _read(self, batch: Batch, response: Response) -> Sequence[Outcome]:
        number = response.get("code")
        if response.ok and isinstance(response.get("sid"), str):
            return every(batch, Verdict.ACCEPTED)
        if not response.ok and number in _SENDER:
            raise Refused(f"Twilio refused the sender (error {number}): correct from_number or messaging_service_sid")
        if not response.ok and type(number) is int and number in _ROW:
            return every(batch, Verdict.REJECTED, f"{number}: {_ROW[number]}")
        return unaccepted(batch, response, code(number))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", ".json")
        if expect(response, str, "status", what="the account") != "active":
            raise Refused("this Twilio account is suspended or closed: see its console")

    def throttled(self, response: Response) -> float | None:
        number = None if response.ok else response.get("code")
        if number == _FULL:
            return 3600.0
        return response.retry_after or 0.0 if number in _BUSY else super().throttled(response)

    def refused(self, response: Response) -> str | None:
        of_row = response.status == 403 and response.get("code") in (*_ROW, *_SENDER)
        return None if of_row else super().refused(response)

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Request:
        account = quote(self.settings.account_sid, safe="")
        login = basic_auth(self.settings.api_key_sid or account, self.settings.auth_token.get_secret_value())
        url = f"{self.settings.root('https://api.twilio.com')}/2010-04-01/Accounts/{account}{path}"
        if form is None:
            return Request(method, url, login, reads=True)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(method, url, {**login, **kind}, urlencode(form).encode())
