"""Salesforce's jobs: opened, filled with a table and closed; asked how they stand and, when they have ended, for whom.

An answer may be lost between any two of these steps: a job that was closed already is closed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from destinations.answers import pending, unaccepted
from destinations.http import Json, Request, Response
from destinations.protocol import Batch, Exchange, Job, Member, Outcome, Verdict, every
from destinations.salesforce_answers import RESULTS, Rows, blame, error_of, read_row
from destinations.salesforce_api import Api
from destinations.tables import write_csv

if TYPE_CHECKING:
    from destinations.salesforce import SalesforceSettings

_FIELDS = {"Contact": {"email": "Email", "phone": "Phone"}, "Lead": {"email": "Email", "phone": "Phone"},
           "Account": {"phone": "Phone"}}  # fmt: skip
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})


def submit(api: Api, batch: Batch) -> Exchange:
    """A job that upserts the rows of a batch."""
    own = api.settings
    job: Json = {"object": own.object_type, "operation": "upsert", "contentType": "CSV", "lineEnding": "LF",
                 "externalIdFieldName": own.external_id_field, "columnDelimiter": "COMMA"}
    response = yield api.ask("POST", "jobs/ingest", job)
    blame(response, own.object_type, own.external_id_field)
    if not response.ok or not isinstance(number := response.get("id"), str) or not number:
        return unaccepted(batch, response, error_of(response))
    path, kind = f"jobs/ingest/{quote(number, safe='')}", {"Content-Type": "text/csv; charset=UTF-8"}
    response = yield Request("PUT", f"{api.root}/{path}/batches", kind, table(own, batch.members))
    if response.ok:
        response = yield api.ask("PATCH", path, {"state": "UploadComplete"})
    # INVALIDJOBSTATE: closed already, by a try whose answer was lost.
    if not response.ok and error_of(response) != "INVALIDJOBSTATE":
        return unaccepted(batch, response, error_of(response))
    return pending(number, batch.members, "the job has not ended")


def table(settings: SalesforceSettings, members: Sequence[Member]) -> bytes:
    """The rows of a job as CSV."""
    fields = _FIELDS.get(settings.object_type, {})
    rows = [{**{name: cell(value) for name, value in member.attributes.items()},
             **{fields[kind]: member.identifiers[kind] for kind in fields if kind in member.identifiers},
             settings.external_id_field: member.person} for member in members]
    return write_csv(rows)


def cell(value: Json) -> str:
    """A value in a CSV: null clears the field."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ";".join(cell(part) for part in value)
    return "#N/A" if value is None else str(value)


def read_job(api: Api, job: Job) -> Generator[Request, Response, Sequence[Outcome]]:
    """How each row of a job ended, by the three tables of its results."""
    path = f"jobs/ingest/{quote(job.id, safe='')}"
    response = yield api.ask("GET", path)
    if response.status in (404, 410):
        return every(job, Verdict.UNKNOWN, "the job was forgotten by Salesforce")
    if not response.ok or response.get("state") not in _ENDED:
        why = "the job has not ended" if response.ok else f"HTTP {response.status}"
        return pending(job.id, job.members, why)
    tables = list[Rows]()
    for name in RESULTS:
        rows = yield from api.read_rows(f"{path}/{name}")
        if rows is None:
            return pending(job.id, job.members, "the job has ended, but how could not be read")
        tables.append(rows)
    return [read_row(member, tables, response) for member in job.members]
