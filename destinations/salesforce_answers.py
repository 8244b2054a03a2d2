"""What Salesforce answers to jobs and collections: whose fault a refusal is, and how each row ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from destinations.answers import code
from destinations.http import Response, walk
from destinations.protocol import Member, Outcome, Refused, Verdict
from destinations.tables import read_csv

RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")
ALREADY_THERE = frozenset({"DUPLICATE_VALUE"})
GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"})
_PASSING = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_LIMIT_EXCEEDED"})
_WORDS = dict.fromkeys(GONE, "the campaign or the record was deleted: correct campaign_id in connections.yml")
_NO_FIELD = re.compile(r"(?i)field name not found ?: ?(\w{1,80})")
Rows = dict[str, Mapping[str, str]]


def blame(response: Response, kind: str, key: str) -> None:
    """Raise Refused for a job that no row is to blame for."""
    why = {
        "INVALIDENTITY": f"there is no object {kind}, or this user may not see it: correct object_type",
        "INVALIDJOB": f"{key} is no external id of {kind}: mark the field as one, or correct external_id_field",
        "INVALIDJOBFIELD": f"{key} is no external id of {kind}: mark the field as one, or correct external_id_field",
        "API_DISABLED_FOR_ORG": "this edition has no API, or it is switched off for this org",
        "FEATURENOTENABLED": "the Bulk API is not enabled for this org",
    }.get(error_of(response) if not response.ok else "")
    if why:
        raise Refused(f"Salesforce refused the job ({error_of(response)}): {why}")


def read_table(response: Response, key: str) -> Rows | None:
    """Result rows by the warehouse's key; None when the answer is no such table, and none where it is empty."""
    if response.ok and not response.body.strip():
        return {}
    table = read_csv(response.body) if response.ok else None
    return {row[key]: row for row in table[1]} if table and key in table[0] else None


def read_row(member: Member, tables: Sequence[Rows], job: Response) -> Outcome:
    """How one row of a job ended, by the tables of its results."""
    done, failed, left = tables
    if member.person in failed:
        why = error_of_row(str(failed[member.person].get("sf__Error", ""))) or "refused by the job"
        passing = why.partition(" ")[0] in _PASSING
        return Outcome(member.id, Verdict.DEFERRED if passing else Verdict.REJECTED, why)
    if member.person in done:
        return Outcome(member.id, Verdict.ACCEPTED, remote_id=str(done[member.person].get("sf__Id", "")) or None)
    if member.person in left:
        missing = _NO_FIELD.search(str(job.get("errorMessage")))
        why = f"left out of a job that ended as {code(job.get('state'))}"
        return Outcome(member.id, Verdict.DEFERRED, f"Salesforce has no field {missing[1]}" if missing else why)
    return Outcome(member.id, Verdict.UNKNOWN, "in no result of the job")


def error_of_row(text: str) -> str:
    """Code and fields of `CODE:words:Field Field --`, without the words, which repeat values."""
    first, _, rest = text.strip().partition(":")
    fields = rest.rpartition(":")[2].removesuffix("--").split() if rest.endswith("--") else []
    return code(first, *fields)


def read_result(result: Any, done: Outcome, fine: frozenset[str]) -> Outcome:
    """How one record of a collection ended: `done`, also where the error says that it was so before."""
    why = code(walk(result, "errors", 0, "statusCode"))
    if walk(result, "success") is True or why in fine:
        return done
    return replace(done, verdict=Verdict.DEFERRED if why in _PASSING else Verdict.REJECTED,
                   reason=_WORDS.get(why, why) or "refused")


def error_of(response: Response) -> str:
    """The code of an error body, which is a list."""
    return code(response.get(0, "errorCode"))
