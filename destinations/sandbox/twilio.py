"""Twilio: messages of one account. There is no idempotency key, so a repeat is a second message.

Enforced: form-encoded bodies with the documented fields, one sender, E.164 numbers, 1,600 characters, opt-outs.
As at Twilio some numbers have a meaning: a message from one that ends in 5550001 has an invalid sender, one to a number
that ends in 5550009 cannot be routed.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qsl

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.messages import message

FIELDS = {"To", "From", "MessagingServiceSid", "Body", "ContentSid", "ContentVariables", "MediaUrl", "StatusCallback",
          "ValidityPeriod", "ScheduleType", "SendAt"}
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
SERVICE = re.compile("MG[0-9a-fA-F]{32}")
LONGEST = 1600


class TwilioMessages(Channel):
    """One Twilio account."""

    name = "twilio"
    routes = (
        Route("GET", "2010-04-01/Accounts/{account}", "account"),
        Route("POST", "2010-04-01/Accounts/{account}/Messages.json", "send"),
        Route("GET", "2010-04-01/Accounts/{account}/Messages.json", "messages"),
    )

    def blank(self) -> Document:
        return {"messages": [], "opted_out": {}}

    def truth(self) -> Document:
        return {"audiences": {}, "messages": self.state["messages"], "repeats": 0,
                "opted_out": sorted(self.state["opted_out"])}

    def answer(self, call: Call) -> Reply:
        own = self.setup.credentials
        login = base64.b64encode(f"{own.twilio_account_sid}:{own.twilio_auth_token}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {login}":
            raise Refuse(self.expired())
        route, found = self.find(call)
        if found["account"].removesuffix(".json") != own.twilio_account_sid:
            raise Refuse(self.error(404, "The requested resource was not found"))
        reply: Reply = getattr(self, route.take)(call)
        return reply

    def error(self, status: int, message: str) -> Reply:
        return _error(status, {401: 20003, 404: 20404, 405: 20004, 429: 20429}.get(status, 20500), message)

    def expired(self) -> Reply:
        return self.error(401, "Authenticate")

    def account(self, call: Call) -> Reply:
        return Reply(200, {"sid": self.setup.credentials.twilio_account_sid, "status": "active", "type": "Full"})

    def messages(self, call: Call) -> Reply:
        wanted = call.query.get("To")
        found = [one for one in self.state["messages"] if wanted in (None, one["to"])]
        return Reply(200, {"messages": [{"sid": one["id"], "to": one["to"], **one["properties"]} for one in found]})

    def send(self, call: Call) -> Reply:
        if call.content_type != "application/x-www-form-urlencoded":
            raise Refuse(_error(415, 20001, "Unsupported content type"))
        form = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        problem = self._problem(call, form)
        if problem:
            raise Refuse(_error(400, *problem))
        sid = f"SM{len(self.state['messages']) + 1:032d}"
        now = self.setup.clock()
        self.state["messages"].append(message(sid, "sms", form["To"], now, now, {"body": form["Body"]}))
        sender = {"from": form.get("From"), "messaging_service_sid": form.get("MessagingServiceSid")}
        body = {"sid": sid, "status": "accepted", "to": form["To"], "body": form["Body"], **sender, "error_code": None}
        return Reply(201, body, rows=1)

    def _problem(self, call: Call, form: dict[str, Any]) -> tuple[int, str] | None:
        """Twilio's number and words for what is wrong; its words repeat the number that was called."""
        to, sender = form.get("To", ""), form.get("From")
        service = SERVICE.fullmatch(form.get("MessagingServiceSid", ""))
        known = service or (sender and not sender.endswith("5550001"))
        problems = (
            (bool(set(form) - FIELDS), 20001, "Unknown parameter"),
            (not to, 21604, "A 'To' phone number is required."),
            (not NUMBER.fullmatch(to), 21211, f"Invalid 'To' Phone Number: {to}"),
            (sender is None and not service, 21603, "A 'From' phone number is required."),
            (not known, 21212, f"Invalid From Number: {sender}"),
            (not form.get("Body"), 21602, "Message body is required."),
            (len(form.get("Body", "")) > LONGEST, 21617, "The concatenated message body exceeds 1600 characters."),
            (to in self.state["opted_out"] or call.refuses(0), 21610, f"Attempt to send to unsubscribed {to}"),
            (to.endswith("5550009"), 21612, f"The 'To' phone number {to} is not currently reachable"),
        )
        return next(((number, words) for holds, number, words in problems if holds), None)


def _error(status: int, number: int, words: str) -> Reply:
    more = f"https://www.twilio.com/docs/errors/{number}"
    return Reply(status, {"code": number, "message": words, "more_info": more, "status": status})
