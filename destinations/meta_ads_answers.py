"""Answers of Meta's Marketing API: how many entries were taken, whose fault a refusal is, how much quota is left.

Source: the error reference of the Marketing API, and graph-api/overview/rate-limiting. Code 200 is a missing permission
unless its subcode says otherwise: 1870047 refuses a removal that would leave an audience too small. How small, no page
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.answers import code, expect, unaccepted
from destinations.http import Response, walk
from destinations.protocol import Alike, Batch, Gone, Outcome, Refused, Verdict, every

_USAGE = ("x-business-use-case-usage", "x-ad-account-usage", "x-app-usage")
_KINDS = ("call_count", "total_cputime", "total_time", "acc_id_util_pct")
_UNSIGNED = "accept, for this ad account, the terms of"
_CONFIGURATION: dict[tuple[int | None, int | None], str] = {
    (100, 1713230): "the audience is flagged: its name must not suggest anyone's finances or health",
    (1487301, None): "the audience is not shared with this ad account",
    (2654, 1713092): "this token may not write audiences in this ad account",
    **dict.fromkeys([(2655, None), (200, 1870034), (200, 1870090)], f"{_UNSIGNED} custom audiences"),
    (200, 1870092): f"{_UNSIGNED} Business Tools",
}
_GONE = {(100, 33), (1487366, None)}
_TOO_LOW = (200, 1870047)


def read_counts(batch: Batch, response: Response) -> Sequence[Outcome]:
    """Meta counts entries and names none. A dropped row was not applied, yet which one it was cannot be told."""
    sent, received, invalid = len(batch.members), response.get("num_received"), response.get("num_invalid_entries")
    if type(received) is not int or type(invalid) is not int or not 0 <= invalid <= received:
        return unaccepted(batch, response)
    if received != sent:
        return every(batch, Verdict.UNKNOWN, f"{received} of {sent} entries received")
    if invalid == sent:
        return every(batch, Verdict.REJECTED, "Meta found every entry of the request invalid")
    return every(batch, Verdict.ACCEPTED, f"{invalid} of {sent} entries invalid, not named by Meta" if invalid else "")


def read_refusal(batch: Batch, response: Response, what: str) -> Alike:
    """The same outcome for every member; raises Refused for what only the operator can put right.

    A removal that would leave an audience too small is refused as a whole, and halved by the driver: as many leave as
    Meta lets go, and the others are asked for again with every run.
    """
    blame_configuration(response, what)
    why = code(*error_of(response))
    if error_of(response) == _TOO_LOW:
        return every(batch, Verdict.REJECTED, f"HTTP {response.status}: {why}: Meta lets the audience get no smaller; "
                     "it will when others join, or delete it in Ads Manager")
    return unaccepted(batch, response, why)


def is_permission(response: Response) -> bool:
    """Whether a code of missing permissions means them, and no subcode says that it is something else."""
    told = error_of(response)
    return told not in _CONFIGURATION and told != _TOO_LOW


def blame_configuration(response: Response, what: str) -> None:
    """Raise Refused for what only the operator can put right."""
    number, detail = error_of(response)
    said = f"Meta refused {what} ({code(number, detail)})"
    if response.status == 404 or not _GONE.isdisjoint([(number, detail), (number, None)]):
        raise Gone(f"{said}: there is no such audience, or this token may not see it; correct audience_id in "
                   "connections.yml, or leave it out to have the audience found by name")
    if number == 100 and "LOOKALIKE_VALUE" in str(response.get("error", "message")):
        raise Refused(f"{said}: LOOKALIKE_VALUE is for value-based audiences, which need it, and for these alone")
    if why := _CONFIGURATION.get((number, detail)) or _CONFIGURATION.get((number, None)):
        raise Refused(f"{said}: {why}")


def expect_field(response: Response, kind: type, key: str, what: str) -> Any:
    """What an answer must hold. Raises Refused, in the words of its error where those say what to put right."""
    if not response.ok:
        blame_configuration(response, what)
    return expect(response, kind, key, what=what)


def error_of(response: Response) -> tuple[int | None, int | None]:
    """Code and subcode of an error body."""
    number, detail = response.get("error", "code"), response.get("error", "error_subcode")
    return number if type(number) is int else None, detail if type(detail) is int else None


def usage_of(response: Response, header: str) -> list[Any]:
    """The entries of a usage header: one, or those of all business use cases."""
    found = Response(200, {}, response.headers.get(header, "").encode()).json
    groups = found.values() if isinstance(found, dict) else []
    listed = [entry for group in groups if isinstance(group, list) for entry in group]
    return listed or [found]


def usage(response: Response) -> int:
    """Per cent of the hour's quota that is used, of the scarcest kind that a header tells."""
    shares = [walk(entry, kind) for header in _USAGE for entry in usage_of(response, header) for kind in _KINDS]
    return max([int(share) for share in shares if type(share) in (int, float) and 0 <= share <= 100], default=0)


def regain(response: Response) -> float:
    """Seconds until a throttled account has access again, as the usage header says; 0 where it does not."""
    waits = [walk(entry, "estimated_time_to_regain_access") for entry in usage_of(response, _USAGE[0])]
    return 60.0 * max([minutes for minutes in waits if type(minutes) is int and 0 < minutes < 10_000], default=0)
