"""Answers of Meta's Marketing API: how many entries were taken, whose fault a refusal is, how much quota is left.

Source: the error reference of the Marketing API, and graph-api/overview/rate-limiting.
"""

from __future__ import annotations

from typing import Any

from destinations.answers import code, expect, unaccepted
from destinations.http import Response, walk
from destinations.protocol import Batch, Gone, Outcome, Refused, Verdict, every

_USAGE = ("x-business-use-case-usage", "x-ad-account-usage", "x-app-usage")
_KINDS = ("call_count", "total_cputime", "total_time", "acc_id_util_pct")
_CONFIGURATION: dict[tuple[int | None, int | None], str] = {
    (100, 33): "there is no such audience, or this token may not see it",
    (100, 1713230): "Meta has flagged the audience: its name must not suggest anyone's finances or health",
    (1487301, None): "the audience is not shared with this ad account",
    (1487366, None): "the audience was deleted",
    (2655, None): "the terms of custom audiences are not accepted for this ad account",
    (1870034, None): "the terms of custom audiences are not accepted for this ad account",
}
_GONE = {(100, 33), (1487366, None)}


def read_counts(batch: Batch, response: Response) -> list[Outcome]:
    """Meta counts entries and names none. A dropped row was not applied, yet which one it was cannot be told."""
    sent, received, invalid = len(batch.members), response.get("num_received"), response.get("num_invalid_entries")
    if type(received) is not int or type(invalid) is not int or not 0 <= invalid <= received:
        return unaccepted(batch, response)
    if received != sent:
        return every(batch, Verdict.UNKNOWN, f"{received} of {sent} entries received")
    if invalid == sent:
        return every(batch, Verdict.REJECTED, "Meta found every entry of the request invalid")
    return every(batch, Verdict.ACCEPTED, f"{invalid} of {sent} entries invalid, not named by Meta" if invalid else "")


def blame_configuration(response: Response, what: str) -> None:
    """Raise Refused for what only the operator can put right."""
    number, detail = error_of(response)
    why = _CONFIGURATION.get((number, detail)) or _CONFIGURATION.get((number, None))
    if why or response.status == 404:
        is_gone = response.status == 404 or not _GONE.isdisjoint([(number, detail), (number, None)])
        raise (Gone if is_gone else Refused)(
            f"Meta refused {what} ({code(number, detail)}): {why or 'there is no such audience'}; correct audience_id "
            "in connections.yml, or leave it out to have the audience found by name")


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
