"""Members of Google's user lists: ingested, removed, or cut off at a time; taken at once, worked off and told later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from destinations.answers import code, expect, known_by, pending, resend, unaccepted
from destinations.google_ads_answers import blame, named_rows, read_status, reasons
from destinations.google_ads_api import OTHER, Api
from destinations.google_ads_bodies import destination, membership
from destinations.http import Json, Request
from destinations.protocol import Batch, Exchange, Job, Limits, Member, Operation, Preparation

INGESTION = Limits(rows=10_000, rates=((300, 60.0), (100_000, 86_400.0)), rate_class="ingestion")
_STATUS = Limits(rates=OTHER, rate_class="request-status")


def assert_members(api: Api, batch: Batch, kinds: Collection[str]) -> Exchange:
    """Ingest or remove the members that are known by one of these identifiers; pending until it is worked off."""
    verb = "remove" if batch.operation is Operation.REMOVE else "ingest"
    known, nobody = known_by(batch, kinds)
    if not known.members:
        return nobody

    def ask(members: Sequence[Member]) -> Request:
        return api.ask("POST", f"audienceMembers:{verb}", membership(api.settings, batch, members))

    response, left, outcomes = yield from resend(ask, known.members, named_rows)
    outcomes += nobody
    job = response.get("requestId")
    if response.ok and isinstance(job, str) and job:
        return outcomes + pending(job, left, "Google has not worked it off")
    if left:
        blame(response, f"the user list {batch.target}")
    return outcomes + unaccepted(replace(batch, members=left), response, code(*reasons(response)[:1]))


def cut_off(api: Api, target: str, before: datetime) -> Preparation:
    """Remove whoever was last ingested before a time; returns the request to ask for."""
    time = before.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body: Json = {"destinations": [destination(api.settings, target)], "removeAsOfTime": time}
    response = yield api.ask("POST", "audienceMembers:removeAll", body, limits=INGESTION)
    blame(response, f"the user list {target}")
    return str(expect(response, str, "requestId", what="the removal of earlier members"))


def read_request(api: Api, job: Job) -> Exchange:
    """How a request stands, or ended for each."""
    response = yield api.ask("GET", "requestStatus:retrieve", query={"requestId": job.id}, limits=_STATUS)
    return read_status(job, response)
