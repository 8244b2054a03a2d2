"""Salesforce: records upserted by an external id in Bulk API 2.0 jobs, members of a campaign added and removed by ids.

Sources: Bulk API 2.0 guide (create, upload, close; states of a job; its three tables of results), REST API guide
(sObject collections: 200 records, answered in order; SOQL queries; error bodies) and, for the wire, requests of
simple-salesforce 1.12.10. Every row carries the warehouse's key in `external_id_field`, by which its result is found.

An upsert is a job: its rows are pending until `settle` has read how each ended; then those that are in go into the
campaign, which a repeat leaves as it is. A removal asks which campaign members they are and deletes these by id.
In a CSV an empty cell leaves a field as it is and #N/A clears it. Log in with a token, or let a connected app's client
credentials fetch one for each exchange. Not verified: the wording of a close that comes twice (taken by its code).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import expect, unaccepted
from destinations.http import Request, Response, basic_auth
from destinations.login import fetch_token, logged_in
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Job,
    Limits,
    Member,
    Operation,
    Preparation,
    Reading,
    Settings,
    Verdict,
    every,
)
from destinations.salesforce_answers import (
    RESULTS,
    Rows,
    blame,
    cell,
    error_of,
    pending,
    read_row,
)
from destinations.salesforce_api import Api
from destinations.salesforce_campaign import delete, enter, find_or_make, read_keys
from destinations.tables import write_csv

# A job may take 100 MB; its results, which repeat its rows, are read in one piece.
_JOB = Limits(rows=10_000, bytes=4_000_000)
_ASKED = 100
"""Keys and ids that a query's address has room for."""
_UNTIL_TOMORROW = 3600.0
_FIELDS = {"Contact": {"email": "Email", "phone": "Phone"}, "Lead": {"email": "Email", "phone": "Phone"},
           "Account": {"phone": "Phone"}}  # fmt: skip
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})


class SalesforceSettings(Settings):
    """An org, a way to log in, the object that members are and the field that holds the warehouse's key."""

    instance_url: str = Field(default="", pattern=r"^(https://.+)?$", description="https://<domain>.my.salesforce.com")
    access_token: SecretStr | None = Field(default=None, description="an access token, where you refresh it yourself")
    client_id: str = Field(default="", description="consumer key of a connected app with the client credentials flow")
    client_secret: SecretStr | None = Field(default=None, description="consumer secret of that app")
    object_type: str = Field(default="Contact", pattern=r"^\w+$", description="the object that members are")
    external_id_field: str = Field(pattern=r"^\w+$", description="its external id field, such as Customer_Key__c")
    campaign_id: str = Field(default="", pattern=r"^\w*$", description="the campaign; unset: found or created by name")
    version: str = Field(default="62.0", pattern=r"^\d+\.0$", description="the version of the API")

    @model_validator(mode="after")
    def _complete(self) -> SalesforceSettings:
        if not (self.instance_url or self.base_url):
            raise ValueError("instance_url must be the https:// address of your org")
        if not self.access_token and not (self.client_id and self.client_secret):
            raise ValueError("give access_token, or client_id and client_secret")
        return self


class Salesforce(Destination):
    """Keeps records and the members of one campaign."""

    settings_type = SalesforceSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _JOB,
            Operation.UPDATE: _JOB,
            Operation.REMOVE: Limits(rows=_ASKED),
            Operation.DELETE: Limits(rows=_ASKED),
        },
        identifiers=("person", "account", "email", "phone"),
        lateness=86_400,
        needs_target=True,
        readback=True,
        target="campaign_id",
    )

    @property
    def _api(self) -> Api:
        return Api(self.settings)

    def log_in(self) -> Generator[Request, Response, dict[str, str]]:
        """The Authorization header; client credentials ask for a token first."""
        own = self.settings
        if own.access_token:
            return {"Authorization": f"Bearer {own.access_token.get_secret_value()}"}
        login = basic_auth(own.client_id, own.client_secret.get_secret_value())
        url = f"{own.root(own.instance_url)}/services/oauth2/token"
        what = "an access token for client_id and client_secret"
        return (yield from fetch_token(url, login, what, grant_type="client_credentials"))

    @logged_in
    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation in (Operation.REMOVE, Operation.DELETE):
            return (yield from delete(self._api, batch))
        job = {"object": self.settings.object_type, "operation": "upsert", "contentType": "CSV", "lineEnding": "LF",
               "externalIdFieldName": self.settings.external_id_field, "columnDelimiter": "COMMA"}
        response = yield self._api.ask("POST", "jobs/ingest", job)
        blame(response, self.settings.object_type, self.settings.external_id_field)
        if not response.ok or not isinstance(number := response.get("id"), str) or not number:
            return unaccepted(batch, response, error_of(response))
        path, kind = f"jobs/ingest/{quote(number, safe='')}", {"Content-Type": "text/csv; charset=UTF-8"}
        response = yield Request("PUT", self._api.url(f"{path}/batches"), kind, self._table(batch.members))
        if response.ok:
            response = yield self._api.ask("PATCH", path, {"state": "UploadComplete"})
        # INVALIDJOBSTATE: closed already, by a try whose answer was lost.
        if not response.ok and error_of(response) != "INVALIDJOBSTATE":
            return unaccepted(batch, response, error_of(response))
        return pending(number, batch.members, "the job has not ended")

    def _table(self, members: Sequence[Member]) -> bytes:
        """The rows as CSV."""
        fields = _FIELDS.get(self.settings.object_type, {})
        rows = [{**{name: cell(value) for name, value in member.attributes.items()},
                 **{fields[kind]: member.identifiers[kind] for kind in fields if kind in member.identifiers},
                 self.settings.external_id_field: member.person} for member in members]
        return write_csv(rows)

    @logged_in
    def settle(self, job: Job) -> Exchange:
        path = f"jobs/ingest/{quote(job.id, safe='')}"
        response = yield self._api.ask("GET", path, reads=True)
        if response.status in (404, 410):
            return every(job, Verdict.UNKNOWN, "the job was forgotten by Salesforce")
        if not response.ok or response.get("state") not in _ENDED:
            why = "the job has not ended" if response.ok else f"HTTP {response.status}"
            return pending(job.id, job.members, why)
        tables = list[Rows]()
        for name in RESULTS:
            rows = yield from self._api.read_rows(f"{path}/{name}")
            if rows is None:
                return pending(job.id, job.members, "the job has ended, but how could not be read")
            tables.append(rows)
        outcomes = [read_row(member, tables, response) for member in job.members]
        if job.target and job.operation is not Operation.REMOVE:
            return (yield from enter(self._api, job, job.target, outcomes))
        return outcomes

    @logged_in
    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    @logged_in
    def members(self, target: str) -> Reading:
        return (yield from read_keys(self._api, target))

    @logged_in
    def check(self) -> Generator[Request, Response, None]:
        response = yield self._api.ask("GET", f"sobjects/{self.settings.object_type}", reads=True)
        expect(response, dict, "objectDescribe", what=f"the object {self.settings.object_type}")

    def throttled(self, response: Response) -> float | None:
        if not response.ok and error_of(response) == "REQUEST_LIMIT_EXCEEDED":
            return _UNTIL_TOMORROW
        return super().throttled(response)

    def refused(self, response: Response) -> str | None:
        if error_of(response) == "REQUEST_LIMIT_EXCEEDED":
            return None
        if response.status == 400 and response.get("error") in ("invalid_client", "invalid_client_id", "invalid_grant"):
            return f"Salesforce gave no access token ({response.get('error')}): check client_id and client_secret"
        return super().refused(response)
