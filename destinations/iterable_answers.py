"""What Iterable answers: rows whose shape is refused, people who failed under HTTP 200, a list that is gone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from destinations.answers import code, unaccepted
from destinations.http import Response
from destinations.iterable_bodies import who
from destinations.protocol import Batch, Gone, Operation, Outcome, Verdict, every

_ROW = re.compile(r"obj\.(?:users|subscribers|events)\[(\d{1,6})\](?:\.([\w.]+))?")
_FAILURES = {"invalid": "invalid identifier", "notFound": "not found", "forgotten": "forgotten for good",
             "conflict": "in conflict with another user", "invalidData": "invalid data"}  # fmt: skip
_FIELDS = {f"{failure}{kind}": why for failure, why in _FAILURES.items() for kind in ("Emails", "UserIds")}
_LIST_GONE = re.compile(r"(?i)\blist\b")


def named_rows(response: Response) -> dict[int, str]:
    """Index → reason of the rows whose shape a refusal complains of, as keys of `params`."""
    params = response.get("params") if response.status == 400 else None
    matches = [_ROW.fullmatch(str(key)) for key in params] if isinstance(params, dict) else []
    return {int(match[1]): code("invalid", match[2]) for match in matches if match}


def read_failures(batch: Batch, response: Response, identifier: str) -> Sequence[Outcome]:
    """Who failed is named by value; when more failed than are named, the others are uncertain."""
    count = response.get("failCount")
    if type(count) is not int:
        return unaccepted(batch, response)
    if batch.event and batch.event in (response.get("disallowedEventNames") or ()):
        return every(batch, Verdict.REJECTED, "this event name is not allowed in the project")
    failed = failures(response)
    named = {member.id: failed[key] for member in batch.members
             if (key := str(next(iter(who(member, identifier).values()))).lower()) in failed}  # fmt: skip
    rest = (Verdict.UNKNOWN, "some row failed that was not named") if count > len(named) else (Verdict.ACCEPTED, "")
    gone = (Verdict.ACCEPTED, "not there")
    told = {one: gone if why == _FAILURES["notFound"] and batch.operation is Operation.REMOVE
            else (Verdict.REJECTED, why) for one, why in named.items()}  # fmt: skip
    return [Outcome(member.id, *told.get(member.id, rest)) for member in batch.members]


def failures(response: Response) -> dict[str, str]:
    """Identifier in lower case → why it failed, from `failedUpdates` and from the fields beside it."""
    found: dict[str, str] = {}
    for field, why in _FIELDS.items():
        for values in (response.get("failedUpdates", field), response.get(field)):
            found |= {str(value).lower(): why for value in values} if isinstance(values, list) else {}
    return found


def blame_list(response: Response, target: str | None) -> None:
    """Raise Gone where the list is not there."""
    if response.status in (400, 404) and _LIST_GONE.search(str(response.get("msg"))):
        raise Gone(f"Iterable knows no static list {target}: correct list_id in connections.yml, or leave it out to "
                   "have the list found or created by name")
