"""What Slack is told: the text of a trigger or of a digest, and the message around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.protocol import Batch, Operation
from destinations.templates import Unfilled, fill, values_of

# Slack cuts a text after 40,000 characters and asks to stay below 4,000; a section takes 3,000.
_LONGEST, _SECTION = 4000, 3000
_WORDS = {Operation.ADD: ("entered", "+"), Operation.UPDATE: ("changed", "±"), Operation.REMOVE: ("left", "−")}


def message(batch: Batch, texts: Mapping[str, str]) -> dict[str, Any]:
    """One message. Raises Unfilled where it cannot be said."""
    text = said(batch, texts)
    if not text.strip() or len(text) > _LONGEST:
        raise Unfilled(f"a text of more than {_LONGEST} characters" if text.strip() else "an empty text")
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"text": text, **({"blocks": [block]} if len(text) <= _SECTION else {})}


def said(batch: Batch, texts: Mapping[str, str]) -> str:
    """The text: a digest counts and names nobody."""
    if batch.operation is not Operation.TRIGGER:
        word, sign = _WORDS[batch.operation]
        return f"*{escape(batch.audience)}* {sign}{len(batch.members):,} {word}"
    event = batch.event or "event"
    if event in texts:
        return fill(texts[event], values_of(batch, batch.members[0], escape))
    return f"*{escape(event)}* for one member of {escape(batch.audience)}"


def escape(text: str) -> str:
    """The three characters that mean something to Slack, so that no value can mention a channel or fake a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
