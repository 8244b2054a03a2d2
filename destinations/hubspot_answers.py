"""What HubSpot answers to a batch of records: what became of each row, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from destinations.answers import code, unaccepted
from destinations.http import Response, walk
from destinations.protocol import Batch, Member, Outcome, Refused, Verdict


def read_rows(batch: Batch, response: Response, name: str, key_of: Callable[[Member], str]) -> Sequence[Outcome]:
    """Rows are named by their trace id, results also by `name`, the property that they are found by."""
    results = response.get("results")
    if not response.ok or not isinstance(results, list):
        return unaccepted(batch, response, why_of(response.json))
    ids = dict[str, Any]()
    for result in results:
        for key in (walk(result, "objectWriteTraceId"), walk(result, "properties", name)):
            ids[str(key).lower()] = walk(result, "id")
    refused = {str(trace): why_of(error) or "refused" for error in as_list(response.get("errors"))
               for trace in as_list(walk(error, "context", "objectWriteTraceId"))}

    def outcome(member: Member) -> Outcome:
        found = ids.get(member.id.lower(), ids.get(key_of(member).lower()))
        if member.id in refused:
            return Outcome(member.id, Verdict.REJECTED, refused[member.id])
        if isinstance(found, str) and found:
            return Outcome(member.id, Verdict.ACCEPTED, remote_id=found)
        return Outcome(member.id, Verdict.UNKNOWN, "neither among the results nor among the errors")

    return [outcome(member) for member in batch.members]


def blame_properties(response: Response, names: set[str], kind: str) -> None:
    """Raise Refused where the account lacks a property, or keeps one not unique: no row is to blame for that."""
    words = str(response.get("message")) if response.status == 400 else ""
    for name in sorted(name for name in names if re.search(rf"\b{re.escape(name)}\b", words)):
        if "PROPERTY_DOESNT_EXIST" in words or "does not exist" in words:
            raise Refused(f"HubSpot knows no property {name} of {kind}: create it there, or correct its name here")
        if "unique" in words:
            raise Refused(f"HubSpot does not keep {name} of {kind} unique: name another property in id_property")


def why_of(error: Any) -> str:
    """Category and property of an error; its message would repeat values."""
    words = [walk(error, "category"), *as_list(walk(error, "context", "propertyName"))]
    return code(*dict.fromkeys(word for word in words if isinstance(word, str)))


def as_list(value: Any) -> list[Any]:
    """A list, whatever else it may be."""
    return value if isinstance(value, list) else []
