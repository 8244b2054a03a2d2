"""How a finished import of Klaviyo's tells what became of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.answers import code
from destinations.http import walk
from destinations.klaviyo_bodies import ROW, names_of
from destinations.protocol import Job, Member, Outcome, Verdict


def still_pending(job: Job, why: str) -> list[Outcome]:
    """Ask again later."""
    return [Outcome(member.id, Verdict.PENDING, why, job=job.id) for member in job.members]


def read_job(job: Job, errors: Sequence[Any], profiles: Sequence[Any], failed: int) -> list[Outcome]:
    """How a finished import ended for each member: by the payload that an error repeats, else by its pointer."""
    index = {(field, value.lower()): at for at, member in enumerate(job.members)
             for field, value in names_of(member).items() if isinstance(value, str)}

    def find(attributes: Any) -> int | None:
        keys = [(field, str(walk(attributes, field)).lower()) for field in ("external_id", "email", "phone_number")]
        return next((index[key] for key in keys if key in index), None)

    wrong: dict[int | None, str] = {}
    for error in errors:
        about = walk(error, "attributes", "original_payload")
        at = find(walk(about, "attributes", default=about))
        match = ROW.fullmatch(str(walk(error, "attributes", "source", "pointer")))
        if at is None and match and len(match[1]) < 7:
            at = int(match[1])
        wrong[at] = code(walk(error, "attributes", "code"), match[2] if match else None) or "refused by the import"
    remote = {find(walk(profile, "attributes")): walk(profile, "id") for profile in profiles}
    unnamed = failed > sum(at is not None and at < len(job.members) for at in wrong)

    def outcome(at: int, member: Member) -> Outcome:
        if at in wrong:
            return Outcome(member.id, Verdict.REJECTED, wrong[at])
        if isinstance(remote.get(at), str):
            return Outcome(member.id, Verdict.ACCEPTED, remote_id=remote[at])
        if unnamed:
            return Outcome(member.id, Verdict.UNKNOWN, "the import refused rows that it did not name")
        return Outcome(member.id, Verdict.ACCEPTED)

    return [outcome(at, member) for at, member in enumerate(job.members)]
