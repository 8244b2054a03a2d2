"""What Google's Data Manager answers: whom a refusal blames, and how a request that was worked off ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from destinations.answers import code, expect, pending
from destinations.http import Response, walk
from destinations.protocol import Gone, Job, Outcome, Refused, Verdict, every

_ROW = re.compile(r"(?:.*\.)?audience_?members\[(\d{1,6})\](?:\W.*)?", re.IGNORECASE)
_NO_LIST = "INVALID_USER_LIST_ID"
CONFIGURATION = {
    _NO_LIST: "there is no such user list: correct list_id, or leave it out to have it found by name",
    "INVALID_USER_LIST_TYPE": "the user list takes no members of this kind: name another list_id, or its upload_key",
    "INVALID_DESTINATION": "account_id, login_account_id and list_id do not belong together",
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": "login_account_id does not manage account_id",
    "TERMS_AND_CONDITIONS_NOT_SIGNED": "accept the Customer Match terms, then write terms_accepted: true",
    "ADVERTISER_TOS_NOT_ACCEPTED": "accept the Customer Match terms in this Google Ads account",
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": "this Google Ads account may not upload Customer Match data",
    "NOT_ALLOWLISTED": "this Google Ads account is not allowed to use Customer Match",
    "NOT_FOUND": "there is no such account or user list: correct account_id and list_id",
    "REQUEST_TOO_OLD": "the clock of this machine is behind: set it",
    "INVALID_REMOVE_AS_OF_TIME": "the clock of this machine is ahead, or the time is too long ago: set it",
}
"""Reasons that concern the whole sync, and what the operator can do."""


def user_lists(response: Response) -> list[Any]:
    """The user lists of an answer, which leaves out a field that is empty."""
    blame(response, "the account's user lists")
    if response.ok and response.json == {}:
        return []
    found: list[Any] = expect(response, list, "userLists", what="the user lists")
    return found


def blame(response: Response, what: str) -> None:
    """Raise Refused for what only the operator can put right."""
    for reason in reasons(response) if not response.ok else ():
        if reason in CONFIGURATION:
            said = f"Google refused {what} ({reason}): {CONFIGURATION[reason]}"
            raise (Gone if reason == _NO_LIST else Refused)(said)


def login_refused(response: Response) -> str | None:
    """What the operator must know of an account that is refused, or of a refresh token."""
    known = [CONFIGURATION[reason] for reason in reasons(response) if reason in CONFIGURATION]
    if response.status == 403 and known:
        return f"Google refused the account: {known[0]}"
    if response.status == 400 and response.get("error") in ("invalid_grant", "invalid_client"):
        return f"Google gave no access token ({response.get('error')}): authorise refresh_token anew"
    return None


def is_daily(response: Response) -> bool:
    """Whether it is the day's quota that is used up, and not the minute's."""
    details = response.get("error", "details")
    limits = [walk(detail, "metadata", "quota_limit") for detail in details] if isinstance(details, list) else []
    return any("PerDay" in str(limit) for limit in limits)


def violations(response: Response) -> list[Any]:
    """The fields that a refusal names, from all its details."""
    details = response.get("error", "details")
    lists = [walk(detail, "fieldViolations") for detail in details] if isinstance(details, list) else []
    return [one for found in lists if isinstance(found, list) for one in found]


def named_rows(response: Response) -> dict[int, str]:
    """Index → reason of the rows that a refusal names. What is wrong with the list is told of its first row too."""
    named = [(_ROW.fullmatch(str(walk(one, "field"))), code(walk(one, "reason"))) for one in violations(response)]
    if response.status != 400 or any(why in CONFIGURATION for _, why in named):
        return {}
    return {int(match[1]): why or "invalid" for match, why in named if match}


def reasons(response: Response) -> list[str]:
    """The reasons of a refusal, of its fields first, and its status last."""
    details = response.get("error", "details")
    others = [walk(detail, "reason") for detail in details] if isinstance(details, list) else []
    found = [*(walk(one, "reason") for one in violations(response)), *others, response.get("error", "status")]
    return [reason for reason in found if isinstance(reason, str)]


def read_status(job: Job, response: Response) -> Sequence[Outcome]:
    """How a request stands, or ended: Google counts the records that failed, by reason, and names none."""
    if response.status in (400, 404):
        return every(job, Verdict.UNKNOWN, "Google knows the request no longer")
    status = response.get("requestStatusPerDestination", 0, "requestStatus")
    if not response.ok or status not in ("SUCCESS", "PARTIAL_SUCCESS", "FAILED"):
        why = "Google has not worked it off" if response.ok else f"HTTP {response.status}"
        return pending(job.id, job.members, why)
    if status == "SUCCESS":
        return every(job, Verdict.ACCEPTED)
    counts = response.get("requestStatusPerDestination", 0, "errorInfo", "errorCounts")
    errors = counts if isinstance(counts, list) else []
    why = code(*(str(walk(one, "reason")).removeprefix("PROCESSING_ERROR_REASON_") for one in errors[:3]))
    if status == "FAILED":
        internal = not errors or "INTERNAL_ERROR" in why
        return every(job, Verdict.UNKNOWN if internal else Verdict.REJECTED, why or "Google failed without a reason")
    texts = [str(walk(one, "recordCount", default="")) for one in errors]
    failed = sum(int(text) for text in texts if text.isdecimal() and len(text) < 9)
    if failed >= len(job.members):
        return every(job, Verdict.REJECTED, why or "Google could use no record of the request")
    return every(job, Verdict.ACCEPTED, f"{failed} of {len(job.members)} records failed, not named by Google: {why}")
