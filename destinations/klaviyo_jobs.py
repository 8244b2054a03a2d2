"""Klaviyo's jobs: an import into a list, whose rows are read when it has ended, and suppressions, which are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from destinations.answers import code, pending, resend, unaccepted
from destinations.http import Request, Response, walk
from destinations.klaviyo_api import LARGE, MEDIUM, RUNS, Api, error_of
from destinations.klaviyo_bodies import FIELDS, ROW, import_job, names_of
from destinations.klaviyo_lists import blame_list
from destinations.protocol import Batch, Exchange, Job, Limits, Member, Operation, Outcome, Verdict, every

_IMPORT = Limits(rates=MEDIUM, rate_class="import-job")
_ERRORS = Limits(rates=MEDIUM, rate_class="import-errors")
_PROFILES = Limits(rates=MEDIUM, rate_class="import-profiles")
_SUPPRESSION = Limits(rates=LARGE, rate_class="suppression-job")


def import_members(api: Api, batch: Batch) -> Exchange:
    """A job that creates or updates the members' profiles and puts them on the list."""

    def ask(members: Sequence[Member]) -> Request:
        return api.ask("POST", "profile-bulk-import-jobs", import_job(members, batch.target))

    response, left, outcomes = yield from resend(ask, batch.members, ROW)
    job = response.get("data", "id")
    if response.ok and isinstance(job, str) and job:
        return outcomes + pending(job, left, RUNS)
    blame_list(response, batch.target)
    return outcomes + unaccepted(replace(batch, members=left), response, error_of(response))


def read_import(api: Api, job: Job) -> Exchange:
    """How an import stands, or ended for each member: its errors and its profiles, all pages of both."""
    path = f"profile-bulk-import-jobs/{quote(job.id, safe='')}"
    response = yield api.ask("GET", path, limits=_IMPORT)
    if unended := _unended(job, response):
        return unended
    errors = yield from api.read(f"{path}/import-errors", _ERRORS, {})
    fields = {"fields[profile]": ",".join(FIELDS.values())}
    profiles = yield from api.read(f"{path}/profiles", _PROFILES, fields)
    if isinstance(errors, Response) or isinstance(profiles, Response):
        return pending(job.id, job.members, "the job has ended, but how could not be read")
    failed = response.get("data", "attributes", "failed_count")
    return read_rows(job, errors, profiles, failed if type(failed) is int else len(errors))


def read_suppression(api: Api, job: Job) -> Exchange:
    """How a job that suppresses, or lifts that, stands or ended: Klaviyo counts whom it skipped and names nobody."""
    verb = "delete" if job.operation is Operation.REMOVE else "create"
    path = f"profile-suppression-bulk-{verb}-jobs/{quote(job.id, safe='')}"
    response = yield api.ask("GET", path, limits=_SUPPRESSION)
    if unended := _unended(job, response):
        return unended
    total, done, skipped = (response.get("data", "attributes", f"{name}_count") or 0
                            for name in ("total", "completed", "skipped"))
    if not (type(total) is type(done) is type(skipped) is int) or done + skipped < total:
        return every(job, Verdict.UNKNOWN, "the job has ended without telling of all")
    # Who is skipped was suppressed before, or is for a reason that is not the shop's to lift.
    return every(job, Verdict.ACCEPTED, f"{skipped} of {total} skipped, not named by Klaviyo" if skipped else "")


def read_rows(job: Job, errors: Sequence[Any], profiles: Sequence[Any], failed: int) -> list[Outcome]:
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


def _unended(job: Job, response: Response) -> Sequence[Outcome]:
    """Outcomes of a job that runs, was cancelled, or is no longer known to Klaviyo; none of one that has ended."""
    status = response.get("data", "attributes", "status")
    if response.status in (404, 410) or status in ("cancelled", "failed"):
        return every(job, Verdict.UNKNOWN, f"the job was {status if response.ok else 'forgotten by Klaviyo'}")
    if response.ok and status == "complete":
        return []
    return pending(job.id, job.members, RUNS if response.ok else f"HTTP {response.status}")
