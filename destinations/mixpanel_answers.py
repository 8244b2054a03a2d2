"""What Mixpanel answers: whether all profile updates were taken, and which events of an import were not."""

from __future__ import annotations

from collections.abc import Sequence

from destinations.answers import code, unaccepted
from destinations.http import Response, walk
from destinations.protocol import Batch, Outcome, Verdict, every


def read_profiles(batch: Batch, response: Response) -> Sequence[Outcome]:
    """1 takes all; 0 under HTTP 200 is a refusal."""
    taken = response.get("status")
    if response.ok and taken == 1 and type(taken) is int:
        return every(batch, Verdict.ACCEPTED)
    if response.ok and taken == 0 and type(taken) is int:
        return every(batch, Verdict.REJECTED, "HTTP 200 with status 0: an invalid profile update")
    return unaccepted(batch, response)


def read_import(batch: Batch, response: Response) -> Sequence[Outcome]:
    """What is refused is named by index under HTTP 400, and the others are imported all the same."""
    imported, failed = response.get("num_records_imported"), response.get("failed_records", default=[])
    if type(imported) is not int or not isinstance(failed, list) or not (response.ok or response.status == 400):
        return unaccepted(batch, response)
    wrong = {walk(one, "index"): code("invalid", walk(one, "field")) for one in failed}
    named = {at: why for at, why in wrong.items() if type(at) is int and 0 <= at < len(batch.members)}
    whole = imported + len(named) >= len(batch.members) if failed or not response.ok else True
    rest = (Verdict.ACCEPTED, "") if whole else (Verdict.UNKNOWN, "some row was refused that was not named")
    return [Outcome(member.id, Verdict.REJECTED, named[at]) if at in named else Outcome(member.id, *rest)
            for at, member in enumerate(batch.members)]
