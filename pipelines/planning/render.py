"""Render rows of an audience as the members that a channel will see: pure, and the same for ever for the same row.

It goes column by column, and a million rows a first load are why: values of one type are written in one way, and an
object of JSON is put together by one format of texts.

The payload's hash is ours (SHA-256 of canonical JSON with a version in front), so that no engine or library upgrade can
make an unchanged member look changed. Whoever changes what it is made of raises `VERSION`: then what was recorded is
hashed again from its stored payload (`versions.py`), and nothing is sent for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

from destinations.identifiers import Unusable
from destinations.protocol import Destination, Json
from pipelines.audiences import Audience, Sync
from pipelines.state.desired import Columns, Rendered

VERSION = 1
NOTHING = "no identifier that the channel accepts"
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_ONCE = ({Decimal}, {datetime}, {date})
"""Types of which a value that is there again is not written again: equal ones are written alike."""


def jsonable(value: Any) -> Json:
    """A warehouse value as JSON: times as ISO 8601 in UTC, decimals as numbers, not-a-number as null, bytes in base64,
    intervals as ISO 8601 durations; structs, maps and JSON as objects, lists as lists."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"{moment.isoformat()}Z"
    if isinstance(value, Mapping):
        return {str(jsonable(key)): jsonable(item) for key, item in value.items()}
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):
        return f"P{value.months}M{value.days}DT{Decimal(value.nanoseconds) / 10**9:f}S"
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def canonical(value: Json) -> str:
    """JSON of one form: sorted keys, no spaces."""
    return _CANONICAL.encode(value)


def hash_of(identifiers: str, attributes: str) -> str:
    """What tells payloads apart, of both as canonical JSON."""
    return hashlib.sha256(f"[{VERSION},{identifiers},{attributes}]".encode()).hexdigest()


def columns_of(audience: Audience, sync: Sync, destination: Destination) -> list[str]:
    """The columns that a member of this sync is rendered from, in a fixed order."""
    own = audience.identifiers_for(sync)
    kinds = [kind for kind in destination.capabilities.identifiers if kind in own]
    columns = [audience.key, *(own[kind] for kind in kinds),
               *(audience.regions[kind] for kind in kinds if kind in audience.regions), *sync.send]
    return list(dict.fromkeys(columns))


def mapped(audience: Audience, sync: Sync, destination: Destination) -> dict[str, Json]:
    """How rows become members, in the words of the declaration, so that a change of it can be named."""
    return {"destination": type(destination).__name__, "identifiers": audience.identifiers_for(sync),
            "region": dict(audience.regions), "send": dict(sync.send),
            "phone_region": destination.settings.phone_region}


def mapping_of(audience: Audience, sync: Sync, destination: Destination) -> str:
    """A short digest of how rows become members: when it changes, every row is rendered again."""
    parts = [VERSION, type(destination).__name__, audience.identifiers_for(sync), dict(audience.regions), sync.send,
             sync.nulls, destination.settings.phone_region]
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:16]


def renderer(audience: Audience, sync: Sync, destination: Destination) -> Callable[[Columns], Rendered]:
    """The function from rows (`_key` and columns) to what the channel will see."""
    own = audience.identifiers_for(sync)
    kinds = [(kind, own[kind], audience.regions.get(kind))
             for kind in destination.capabilities.identifiers if kind in own]

    def render(rows: Columns) -> Rendered:
        count = len(rows["_key"])
        keys, reasons = list[str | None]([None] * count), [NOTHING] * count
        said: dict[str, Sequence[str | None]] = {"person": rows["_key"]}
        for kind, column, region in kinds:
            values, why = _identified(destination, kind, rows[column], rows[region] if region else [None] * count)
            keys = [key or (value and f"{kind}:{value}") for key, value in zip(keys, values, strict=True)]
            reasons = [new or old for new, old in zip(why, reasons, strict=True)]
            said[kind] = values if kind != "person" else [
                value or key for value, key in zip(values, rows["_key"], strict=True)]
        identifiers = _objects({kind: texts(values) for kind, values in said.items()}, count)
        attributes = attributes_of(rows, sync.send, skip=sync.nulls == "skip")
        return Rendered(keys, list(map(hash_of, identifiers, attributes)), identifiers, attributes,
                        ["" if key else why for key, why in zip(keys, reasons, strict=True)])

    return render


def attributes_of(rows: Columns, send: Mapping[str, str], *, skip: bool = False) -> list[str]:
    """Columns under the names that the channel knows them by, as JSON; with `skip`, without what is null."""
    absent = None if skip else "null"
    return _objects({name: texts(rows[column], absent) for column, name in send.items()}, len(rows["_key"]))


def _identified(
    destination: Destination, kind: str, given: Sequence[Any], regions: Sequence[str | None]
) -> tuple[list[str | None], list[str]]:
    """Each value as the channel keys on it, and why it cannot be where it cannot."""
    values, reasons, identify = list[str | None](), list[str](), destination.identify
    for value, region in zip(given, regions, strict=True):
        usable, reason = None, ""
        if value is not None and value != "":
            try:
                usable = identify(kind, str(value), region)
            except Unusable as error:
                reason = f"{kind}: {error}"
        values.append(usable)
        reasons.append(reason)
    return values, reasons


def texts(values: Sequence[Any], absent: str | None = None) -> Sequence[str | None]:
    """Values of a column as canonical JSON; what is null there is `absent`."""
    types = set(map(type, values)) - {type(None)}
    if types == {str}:
        return [absent if value is None else encode_basestring(value) for value in values]
    if types == {int}:
        return [absent if value is None else str(value) for value in values]
    if types == {float}:
        return [absent if value is None or not isfinite(value) else repr(value) for value in values]
    if types in _ONCE:
        written = {value: _text(value, absent) for value in set(values)}
        return [written[value] for value in values]
    return [_text(value, absent) for value in values]


def _text(value: Any, absent: str | None) -> str | None:
    plain = jsonable(value)
    if plain is None:
        return absent
    if type(plain) is str:
        return encode_basestring(plain)
    return repr(plain) if type(plain) is int or (type(plain) is float and isfinite(plain)) else canonical(plain)


def _objects(columns: Mapping[str, Sequence[str | None]], rows: int) -> list[str]:
    """A JSON object a row, of texts by name; what is None is left out."""
    labels = {name: encode_basestring(name) for name in sorted(columns)}
    if not labels:
        return ["{}"] * rows
    across = zip(*(columns[name] for name in labels), strict=True)
    if any(None in column for column in columns.values()):
        return ["{" + ",".join([f"{label}:{text}" for label, text in zip(labels.values(), row, strict=True)
                                if text is not None]) + "}" for row in across]
    whole = ",".join(f"{label.replace('%', '%%')}:%s" for label in labels.values())
    return list(map(f"{{{whole}}}".__mod__, across))
