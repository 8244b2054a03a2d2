"""A message in the truth, in the form that all channels share."""

from __future__ import annotations

from typing import Any

from destinations.sandbox.channel import Document, stamp


def message(unique: str, name: str, to: str, at: str | float, now: float, properties: Any) -> Document:
    """One message as the inbox shows it; `at` is the vendor's own time, as ISO 8601 or in seconds."""
    return {
        "id": unique,
        "name": name,
        "to": to,
        "at": at if isinstance(at, str) else stamp(at),
        "received_at": stamp(now),
        "silent": False,
        "properties": properties,
    }
