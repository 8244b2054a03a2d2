"""How Customer.io refuses a call: the Track API, a v2 batch and the App API each in their own form."""

from __future__ import annotations

from typing import Any

from destinations.sandbox.channel import Call, Refuse, Reply


def read_object(call: Call) -> Any:
    """The body, which must be an object."""
    if not isinstance(call.json, dict):
        raise refuse(400, "the body must be a JSON object")
    return call.json


def refuse(status: int, message: str) -> Refuse:
    """A refusal of the Track API."""
    return Refuse(Reply(status, {"meta": {"error": message}}))


def app(status: int, message: str) -> Refuse:
    """A refusal of the App API."""
    return Refuse(Reply(status, {"errors": [{"detail": message, "status": str(status)}]}))


def invalid(field: str, message: str) -> Refuse:
    """A refusal of a whole v2 batch."""
    return Refuse(Reply(400, {"errors": [{"reason": "invalid", "field": field, "message": message}]}))
