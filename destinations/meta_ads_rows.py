"""Rows of Meta's audiences: what is matched by, in the order of a schema that the request names."""

from __future__ import annotations

from typing import Any

from destinations.http import Json
from destinations.matching import META_KEYS, meta_key
from destinations.protocol import Batch, Member

_OPTIONS = "DATA_PROCESSING_OPTIONS"
FIELDS = frozenset((*META_KEYS, _OPTIONS))
"""Columns under which Meta takes something: what it matches by, and how it may use a person's data."""


def payload(batch: Batch) -> dict[str, Any]:
    """Rows of what Meta matches by; an empty text for what a member has not."""
    kinds = {"EMAIL": "email", "PHONE": "phone"}
    if any("madid" in member.identifiers for member in batch.members):
        kinds["MADID"] = "madid"
    limited = any(_OPTIONS in member.attributes for member in batch.members)
    keys = [key for key in META_KEYS if any(key in member.attributes for member in batch.members)]

    def row(member: Member) -> list[Json]:
        return [*(member.identifiers.get(kind, "") for kind in kinds.values()),
                *(meta_key(key, member.attributes) for key in keys),
                *([options(member.attributes.get(_OPTIONS))] if limited else ()), member.person]

    data = [row(member) for member in batch.members]
    return {"schema": [*kinds, *keys, *([_OPTIONS] if limited else ()), "EXTERN_ID"], "is_raw": True, "data": data}


def options(value: Json) -> list[Json]:
    """Limited Data Use, as some states of the US let a person demand, or nothing."""
    words = value if isinstance(value, list | tuple) else [value]
    return ["LDU"] if any(str(word).strip().upper() == "LDU" for word in words) else []
