"""Messages that Iterable starts for one person: a triggered e-mail campaign, or a journey (which it calls a workflow).

Nothing makes a repeat of them harmless. Iterable documents no rate of these calls that we know of: ten a second is what
it takes of events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from destinations.answers import code, unaccepted
from destinations.http import Request
from destinations.iterable_bodies import who
from destinations.protocol import Batch, Exchange, Limits, Refused, Verdict, every

if TYPE_CHECKING:
    from destinations.iterable import IterableSettings

SENDS = Limits(rates=((10, 1.0),), rate_class="sends")
_RECIPIENT = {"email": "recipientEmail", "userId": "recipientUserId"}
_MESSAGE = re.compile(r"(?i)\b(campaign|workflow|journey)")


def starts_message(settings: IterableSettings, event: str | None) -> bool:
    """Whether an event starts a campaign or a journey."""
    return event in settings.campaigns or event in settings.workflows


def start(ask: Callable[..., Request], settings: IterableSettings, batch: Batch) -> Exchange:
    """Start the campaign or journey of the event for one person."""
    [member], event = batch.members, batch.event or ""
    named, fields = who(member, settings.identifier), {"dataFields": dict(member.attributes)}
    if event in settings.campaigns:
        recipient = {_RECIPIENT[kind]: value for kind, value in named.items()}
        response = yield ask("POST", "email/target", {"campaignId": settings.campaigns[event], **recipient, **fields})
    else:
        body = {"workflowId": settings.workflows[event], **named, **fields}
        response = yield ask("POST", "workflows/triggerWorkflow", body)
    if response.ok and response.get("code") == "Success":
        return every(batch, Verdict.ACCEPTED)
    if response.status in (400, 404) and _MESSAGE.search(str(response.get("msg"))):
        raise Refused(f"Iterable cannot start the message of {event} (HTTP {response.status}): correct its id under "
                      "campaigns or workflows in connections.yml, and see that it is active and started by the API")
    return unaccepted(batch, response, code(response.get("code")))
