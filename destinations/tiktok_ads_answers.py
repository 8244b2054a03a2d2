"""What TikTok answers: a code under HTTP 200 for the whole call, and whom it blames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from destinations.answers import code, unaccepted
from destinations.http import Response
from destinations.protocol import Batch, Gone, Outcome, Refused, Verdict, every

_PARTLY = 20001
_NO_AUDIENCE = re.compile(r"(?i)\baudience.*\b(not exist|not found|invalid|deleted|expired)")


def code_of(response: Response) -> int | None:
    """TikTok's own code; 0 is success."""
    number = response.get("code")
    return number if type(number) is int else None


def read_mapping(batch: Batch, response: Response) -> Sequence[Outcome]:
    """The same outcome for all: TikTok names no rows."""
    number = code_of(response)
    if not response.ok or number is None:
        return unaccepted(batch, response, code(number))
    if number == 0:
        return every(batch, Verdict.ACCEPTED)
    if number == _PARTLY:
        return every(batch, Verdict.UNKNOWN, f"{number}: taken in part, and TikTok names no rows")
    if _NO_AUDIENCE.search(str(response.get("message"))):
        raise Gone(f"TikTok refused the audience {batch.target} ({number}): there is no such audience of this "
                   "advertiser; correct audience_id in connections.yml, or leave it out to have the audience found by "
                   "name")
    return every(batch, Verdict.REJECTED, f"TikTok refused the call: {number}")


def expect_data(response: Response, kind: type, key: str, what: str) -> Any:
    """What a successful answer holds at this key of its data; Refused where it is none, or not of that kind."""
    value, number = response.get("data", key), code_of(response)
    if response.ok and number == 0 and type(value) is kind:
        return value
    problem = f"TikTok answers {number}" if number else f"HTTP {response.status} with an unreadable answer"
    raise Refused(f"cannot read {what}: {problem}; check access_token, advertiser_id and base_url")
