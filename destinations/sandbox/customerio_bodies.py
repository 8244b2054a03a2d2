"""Bodies of the Customer.io calls the sandbox answers, after the Track API's OpenAPI, and its limits on fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from destinations.sandbox.shapes import MAYBE_TEXT, OBJECT, TEXT, WHOLE, Shape, complaints, one

ITEM_BYTES, VALUE_BYTES, NAME_BYTES, EVENT_NAME_BYTES, ATTRIBUTES, EVENT_DATA_BYTES = (
    32_000,
    1000,
    150,
    100,
    300,
    100_000,
)
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
IDENTIFIER_KINDS = {"id", "email", "phone", "cio_id"}
REFUSED = {"reason": "invalid", "field": "attributes", "message": "the sandbox refuses every nth row"}

_PERSON: Shape = {"type": one("person"), "action": TEXT, "identifiers": OBJECT}
_EVENT: Shape = {**_PERSON, "name": TEXT, "id?": TEXT, "timestamp?": WHOLE, "attributes?": OBJECT}
PERSON: Mapping[str, Shape] = {
    "identify": {**_PERSON, "attributes?": OBJECT, "timestamp?": WHOLE, "cio_relationships?": (list,)},
    "delete": _PERSON,
    "suppress": _PERSON,
    "unsuppress": _PERSON,
    "event": _EVENT,
    "page": _EVENT,
    "screen": _EVENT,
    "add_relationships": {**_PERSON, "cio_relationships": (list,)},
    "delete_relationships": {**_PERSON, "cio_relationships": (list,)},
    "add_device": {**_PERSON, "device": OBJECT},
    "delete_device": {**_PERSON, "device": OBJECT},
    "merge": {"type": one("person"), "action": TEXT, "primary": OBJECT, "secondary": OBJECT},
}
_OBJECT: Shape = {"type": one("object"), "action": TEXT, "identifiers": OBJECT}
THING: Mapping[str, Shape] = {
    "identify": {**_OBJECT, "attributes?": OBJECT, "cio_relationships?": (list,)},
    "identify_anonymous": {**_OBJECT, "attributes?": OBJECT, "cio_relationships?": (list,)},
    "delete": _OBJECT,
    "add_relationships": {**_OBJECT, "cio_relationships": (list,)},
    "delete_relationships": {**_OBJECT, "cio_relationships": (list,)},
}
EVENT_V1: Shape = {"name": TEXT, "type?": TEXT, "data?": OBJECT, "id?": TEXT, "timestamp?": WHOLE}
SEND: Shape = {
    "to?": TEXT,
    "identifiers": OBJECT,
    "transactional_message_id?": (str, int),
    "body?": TEXT,
    "subject?": TEXT,
    "from?": TEXT,
    "message_data?": OBJECT,
    "send_at?": WHOLE,
    "queue_draft?": (bool,),
    "disable_message_retention?": (bool,),
    "send_to_unsubscribed?": (bool,),
    "language?": MAYBE_TEXT,
    "reply_to?": TEXT,
    "bcc?": TEXT,
    "preheader?": TEXT,
    "tracked?": (bool,),
}
BROADCAST: Shape = {
    "per_user_data": [{"id": TEXT, "data?": OBJECT}],
    "data?": OBJECT,
    "id_ignore_missing?": (bool,),
}
Wrong = dict[str, str]


def dotted(pointer: str) -> str:
    """`/attributes/plan` as `attributes.plan`."""
    return pointer.strip("/").replace("/", ".")


def _invalid(field: str, message: str) -> Wrong:
    return {"reason": "invalid", "field": field, "message": message}


def wrong_item(item: Any) -> Wrong | None:
    """The first thing wrong with a v2 item, in the form of the 207 and 400 answers; None when it is good."""
    return next(_wrong(item), None)


def _wrong(item: Any) -> Iterator[Wrong]:
    if not isinstance(item, dict):
        yield _invalid("", "must be an object")
        return
    shapes = {"person": PERSON, "object": THING}.get(str(item.get("type")))
    if shapes is None:
        yield _invalid("type", "must be one of person, object")
        return
    shape = shapes.get(str(item.get("action")))
    if shape is None:
        yield _invalid("action", f"must be one of {', '.join(shapes)}")
        return
    yield from (_invalid(dotted(wrong.at), wrong.message) for wrong in complaints(item, shape))
    if len(json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode()) > ITEM_BYTES:
        yield _invalid("", "must be 32kb or smaller")
    yield from _wrong_person(item) if shapes is PERSON else _wrong_thing(item)


def _wrong_person(item: Mapping[str, Any]) -> Iterator[Wrong]:
    for field in ("primary", "secondary") if item["action"] == "merge" else ("identifiers",):
        yield from wrong_identifiers(item[field], field)
    if item["action"] == "identify":
        yield from wrong_attributes(item.get("attributes", {}), "attributes")
    if "name" in item:
        yield from _wrong_event(item)


def _wrong_thing(item: Mapping[str, Any]) -> Iterator[Wrong]:
    if set(item["identifiers"]) not in ({"object_type_id", "object_id"}, {"cio_object_id"}):
        yield _invalid("identifiers", "must have object_type_id and object_id, or cio_object_id")


def wrong_identifiers(identifiers: Mapping[str, Any], field: str = "identifiers") -> list[Wrong]:
    """Exactly one of id, email, phone and cio_id, of at most 150 bytes."""
    if len(identifiers) != 1 or not set(identifiers) <= IDENTIFIER_KINDS:
        return [_invalid(field, "must have exactly one of id, email, phone, cio_id")]
    ((kind, value),) = identifiers.items()
    if type(value) not in (str, int) or not str(value).strip():
        return [_invalid(f"{field}.{kind}", "must not be blank")]
    if len(str(value).encode()) > NAME_BYTES:
        return [_invalid(f"{field}.{kind}", "identifier cannot be longer than 150 bytes")]
    return []


def wrong_attributes(attributes: Mapping[str, Any], field: str) -> Iterator[Wrong]:
    """Names of at most 150 bytes, values of at most 1000, at most 300 of them."""
    if len(attributes) > ATTRIBUTES:
        yield _invalid(field, f"cannot have more than {ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if not name or len(name.encode()) > NAME_BYTES:
            yield _invalid(f"{field}.{name[:40]}", "property name cannot be longer than 150 bytes")
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(written.encode()) > VALUE_BYTES:
            yield _invalid(f"{field}.{name}", "property value cannot be longer than 1000 bytes")


def _wrong_event(event: Mapping[str, Any]) -> Iterator[Wrong]:
    if not event["name"].strip() or len(event["name"].encode()) > EVENT_NAME_BYTES:
        yield _invalid("name", "event name must have 1 to 100 bytes")
    if "id" in event and not ULID.fullmatch(event["id"]):
        yield _invalid("id", "must be a valid ULID")


def wrong_event_v1(event: Any, body: bytes) -> Iterator[str]:
    """What is wrong with a v1 event, as the text of `meta.error`."""
    wrong = list(complaints(event, EVENT_V1))
    yield from (f"{dotted(one.at)} {one.message}" for one in wrong)
    if not wrong:
        yield from (f"{one['field']} {one['message']}" for one in _wrong_event(event))
    if len(body) > EVENT_DATA_BYTES:
        yield "data cannot be larger than 100000 bytes"


def wrong_send(message: Any, kind: str) -> Iterator[str]:
    """What is wrong with a transactional message, as the text of `meta.error`."""
    wrong = list(complaints(message, {**SEND, "to": TEXT} if kind in ("email", "sms", "whatsapp") else SEND))
    yield from (f"{dotted(one.at)} {one.message}" for one in wrong)
    if not wrong and wrong_identifiers(message["identifiers"]):
        yield "identifiers must have exactly one of id, email, cio_id"
    if "transactional_message_id" not in message and not {"body", "subject", "from"} <= set(message):
        yield "transactional_message_id, or body, subject and from, is required"
