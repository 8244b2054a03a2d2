"""The form of Graph API calls: parameters from query, form or JSON, chosen fields, and errors with their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from destinations.sandbox.channel import Call, Document, Refuse, Reply, parse

COMMON = {"access_token", "appsecret_proof", "method", "debug", "pretty", "format"}


def parameters(call: Call) -> Document:
    """Query, form and JSON body as one; a body of another type is refused."""
    given: Document = dict(call.query)
    if not call.body:
        return given
    if call.content_type == "application/json" and isinstance(call.json, dict):
        return given | call.json
    if call.content_type == "application/x-www-form-urlencoded":
        return given | dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    raise refuse("(#100) The body must be a JSON object or a form", 100)


def as_object(given: Mapping[str, Any], name: str) -> Document:
    """A parameter that must be an object, sent as JSON or as its text."""
    value = given.get(name)
    found = parse(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise refuse(f"(#100) The parameter {name} is required and must be an object", 100)
    return found


def only(given: Mapping[str, Any], known: set[str]) -> None:
    """Refuse a parameter that the call does not have."""
    for name in given:
        if name not in known | COMMON:
            raise refuse(f"(#100) Unknown parameter {name}", 100)


def chosen(found: Document, given: Mapping[str, Any], default: tuple[str, ...]) -> Document:
    """The fields the call asks for."""
    fields = given["fields"].split(",") if given.get("fields") else default
    for name in fields:
        if name not in found:
            raise refuse(f"(#100) Tried accessing nonexisting field ({name})", 100)
    return {"id": found["id"], **{name: found[name] for name in fields}}


def form(message: str, code: int, subcode: int | None = None, transient: bool = False) -> Document:
    """An error in Meta's form."""
    error = {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "is_transient": transient,
        "fbtrace_id": "sandbox",
    }
    return {"error": error if subcode is None else {**error, "error_subcode": subcode}}


def refuse(message: str, code: int, subcode: int | None = None, status: int = 400, title: str = "") -> Refuse:
    """An error in Meta's form, as an exception; `title` is what Meta shows to people."""
    said = form(message, code, subcode)
    return Refuse(Reply(status, {"error": {**said["error"], "error_user_title": title}} if title else said))
