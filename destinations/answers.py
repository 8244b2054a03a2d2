"""Reading answers as all destinations do: what a status means, which rows are to blame, what may be repeated of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import replace
from typing import Any

from destinations.http import Request, Response, walk
from destinations.protocol import Alike, Batch, Job, Member, Operation, Outcome, Refused, Verdict, every

_CODE = re.compile(r"-?\d{1,7}|[A-Za-z/_][\w./\[\]-]{0,79}")
_TRIES = 5
UNTIL_TOMORROW = 3600.0
"""Seconds until a day's quota that is used up is asked for again: vendors do not say when their day ends."""
_LATER = frozenset({401, 403, 407, 408, 425, 429})
"""Refusals that concern no member: of the credentials or of the moment."""


def unaccepted(batch: Batch | Job, response: Response, why: str = "") -> Alike:
    """The same outcome for every member of a request that was not accepted as documented: the status decides."""
    if response.status in _LATER:
        verdict, reason = Verdict.DEFERRED, f"HTTP {response.status}"
    elif response.status >= 500:
        verdict, reason = Verdict.UNKNOWN, f"HTTP {response.status}"
    elif response.ok:
        verdict, reason = Verdict.UNKNOWN, f"HTTP {response.status} with an unreadable answer"
    else:
        verdict, reason = Verdict.REJECTED, f"HTTP {response.status}"
    return every(batch, verdict, f"{reason}: {why}" if why else reason)


def pending(job: str, members: Sequence[Member], why: str) -> list[Outcome]:
    """Members that an asynchronous job has taken over: it is asked again later."""
    return [Outcome(member.id, Verdict.PENDING, why, job=job) for member in members]


def told(response: Response, header: str) -> int | None:
    """A number that stands in a header; None where there is none."""
    text = response.headers.get(header, "").strip()
    return int(text) if re.fullmatch(r"\d{1,12}", text) else None


def known_by(batch: Batch, kinds: Collection[str]) -> tuple[Batch, list[Outcome]]:
    """The members that have one of these identifiers, and outcomes for the others.

    Who leaves and has none left shares all with others who stay: nothing is to be done.
    """
    known = tuple(member for member in batch.members if not member.identifiers.keys().isdisjoint(kinds))
    kept = {member.id for member in known}
    leaves = batch.operation is Operation.REMOVE
    verdict = Verdict.ACCEPTED if leaves else Verdict.REJECTED
    why = "its identifiers belong to others who stay" if leaves else "no identifier that the channel accepts"
    return replace(batch, members=known), [Outcome(m.id, verdict, why) for m in batch.members if m.id not in kept]


def sift(batch: Batch, why: Callable[[Member], str]) -> tuple[Batch, list[Outcome]]:
    """The members that can be sent, and outcomes for those of whom `why` says why they cannot."""
    wrong = {member.id: reason for member in batch.members if (reason := why(member))}
    kept = tuple(member for member in batch.members if member.id not in wrong)
    return replace(batch, members=kept), [Outcome(unique, Verdict.REJECTED, reason) for unique, reason in wrong.items()]


def code(*parts: Any) -> str:
    """A vendor's error codes and field names as a reason. Anything that looks like free text is left out.

    Vendors echo what they were sent in their messages; codes and field names carry no person's data.
    """
    words = [str(part) for part in parts if isinstance(part, str | int) and not isinstance(part, bool)]
    return " ".join(word for word in words if _CODE.fullmatch(word))


def expect(response: Response, kind: type, *path: str | int, what: str) -> Any:
    """The part of an answer without which a preparation or reading cannot go on. Raises Refused."""
    value = response.get(*path)
    if response.ok and type(value) is kind:
        return value
    problem = "the answer is not as documented" if response.ok else f"HTTP {response.status}"
    raise Refused(f"cannot read {what}: {problem}; check this connection's keys, ids and base_url")


def resend(
    ask: Callable[[Sequence[Member]], Request],
    members: tuple[Member, ...],
    row: re.Pattern[str] | Callable[[Response], dict[int, str]],
) -> Generator[Request, Response, tuple[Response, tuple[Member, ...], list[Outcome]]]:
    """Send members; when a refusal of the whole request names rows, send again without them.

    `row` is the JSON pointer of a row's error, or a function that reads index → reason in the vendor's own way.

    For channels that process nothing then: waiting for the next run would hold back thousands for one wrong row. A 404
    that names a row says it is not there. Answers the last response, the members it was about, the others' outcomes.
    """
    outcomes = list[Outcome]()
    for _ in range(_TRIES):
        response = yield ask(members)
        named = row(response) if callable(row) else named_rows(response, row)
        wrong = {index: named[index] for index in range(len(members)) if index in named}
        if not wrong:
            return response, members, outcomes
        gone = response.status == 404
        verdict = Verdict.ACCEPTED if gone else Verdict.REJECTED
        outcomes += [Outcome(members[at].id, verdict, "not there" if gone else why) for at, why in wrong.items()]
        members = tuple(member for index, member in enumerate(members) if index not in wrong)
        if not members:
            return response, (), outcomes
    left = [Outcome(member.id, Verdict.DEFERRED, "refused together with other rows") for member in members]
    return response, (), outcomes + left


def named_rows(response: Response, row: re.Pattern[str]) -> dict[int, str]:
    """Index → reason of the rows that a refusal names by JSON pointer."""
    errors = response.get("errors") if response.status in (400, 404) else None
    found: dict[int, str] = {}
    for error in errors if isinstance(errors, list) else []:
        match = row.fullmatch(str(walk(error, "source", "pointer")))
        if match and len(match[1]) < 7:
            found.setdefault(int(match[1]), code(walk(error, "code"), match[2]) or "invalid")
    return found
