"""Render a row of an audience as the member that a channel will see: pure, and the same for ever for the same row.

The payload's hash is ours (SHA-256 of canonical JSON with a version in front), so that no engine or library upgrade can
make an unchanged member look changed. Whoever changes what it is made of raises `VERSION`: then what was recorded is
hashed again from its stored payload (`versions.py`), and nothing is sent for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from destinations.identifiers import Unusable
from destinations.protocol import Destination, Json
from pipelines.audiences import Audience, Sync
from pipelines.state.desired import Rendered

VERSION = 1
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def jsonable(value: Any) -> Json:
    """A warehouse value as JSON: times as ISO 8601 in UTC, decimals as numbers, not-a-number as null, bytes in base64,
    intervals as ISO 8601 durations; structs, maps and JSON as objects, lists as lists."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
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


def renderer(audience: Audience, sync: Sync, destination: Destination) -> Callable[[Mapping[str, Any]], Rendered]:
    """The function from a row (`_key` and columns) to what the channel will see."""
    own = audience.identifiers_for(sync)
    kinds = [(kind, own[kind], audience.regions.get(kind))
             for kind in destination.capabilities.identifiers if kind in own]

    def render(row: Mapping[str, Any]) -> Rendered:
        identifiers, dest_key, reason = {"person": row["_key"]}, None, "no identifier that the channel accepts"
        for kind, column, region in kinds:
            if (value := row[column]) is None or value == "":
                continue
            try:
                identifiers[kind] = destination.identify(kind, str(value), row[region] if region else None)
            except Unusable as error:
                reason = f"{kind}: {error}"
                continue
            dest_key = dest_key or f"{kind}:{identifiers[kind]}"
        attributes = {name: jsonable(row[column]) for column, name in sync.send.items()}
        if sync.nulls == "skip":
            attributes = {name: value for name, value in attributes.items() if value is not None}
        said, more = canonical(identifiers), canonical(attributes)
        return Rendered(dest_key, hash_of(said, more), said, more, "" if dest_key else reason)

    return render
