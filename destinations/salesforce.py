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

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import expect, unaccepted
from destinations.http import Json, Request, Response, basic_auth, send_json, walk, with_query
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
    Outcome,
    Preparation,
    Reading,
    Refused,
    Settings,
    Verdict,
    every,
)
from destinations.salesforce_answers import (
    ALREADY_THERE,
    GONE,
    RESULTS,
    Rows,
    blame,
    cell,
    error_of,
    read_result,
    read_row,
    read_table,
)
from destinations.salesforce_queries import ids_of, literal, select_members, select_records
from destinations.tables import write_csv

# A job may take 100 MB; its results, which repeat its rows, are read in one piece.
_JOB = Limits(rows=10_000, bytes=4_000_000)
_TOGETHER, _ASKED = 200, 100
"""Records of a collection; keys and ids that a query's address has room for."""
_UNTIL_TOMORROW = 3600.0
_FIELDS = {"Contact": {"email": "Email", "phone": "Phone"}, "Lead": {"email": "Email", "phone": "Phone"},
           "Account": {"phone": "Phone"}}  # fmt: skip
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_ASK_AGAIN = "the records are in, the campaign has not taken them yet"


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
            return (yield from self._delete(batch))
        job = {"object": self.settings.object_type, "operation": "upsert", "contentType": "CSV", "lineEnding": "LF",
               "externalIdFieldName": self.settings.external_id_field, "columnDelimiter": "COMMA"}
        response = yield self._ask("POST", "jobs/ingest", job)
        blame(response, self.settings.object_type, self.settings.external_id_field)
        if not response.ok or not isinstance(number := response.get("id"), str) or not number:
            return unaccepted(batch, response, error_of(response))
        path, kind = f"jobs/ingest/{quote(number, safe='')}", {"Content-Type": "text/csv; charset=UTF-8"}
        response = yield Request("PUT", self._url(f"{path}/batches"), kind, self._table(batch.members))
        if response.ok:
            response = yield self._ask("PATCH", path, {"state": "UploadComplete"})
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
        response = yield self._ask("GET", path, reads=True)
        if response.status in (404, 410):
            return every(job, Verdict.UNKNOWN, "the job was forgotten by Salesforce")
        if not response.ok or response.get("state") not in _ENDED:
            why = "the job has not ended" if response.ok else f"HTTP {response.status}"
            return pending(job.id, job.members, why)
        tables = list[Rows]()
        for name in RESULTS:
            rows = yield from self._read(f"{path}/{name}")
            if rows is None:
                return pending(job.id, job.members, "the job has ended, but how could not be read")
            tables.append(rows)
        outcomes = [read_row(member, tables, response) for member in job.members]
        if job.target and job.operation is not Operation.REMOVE:
            return (yield from self._enter(job, job.target, outcomes))
        return outcomes

    def _read(self, path: str) -> Generator[Request, Response, Rows | None]:
        """A table of results, all pages of it; None where one is no such table."""
        found, locator, seen = Rows(), "", set[str]()
        while True:
            response = yield self._ask("GET", with_query(path, locator=locator) if locator else path, reads=True)
            rows = read_table(response, self.settings.external_id_field)
            if rows is None:
                return None
            found |= rows
            seen.add(locator)
            locator = response.headers.get("sforce-locator", "null")
            if locator == "null" or locator in seen:
                return found

    def _enter(self, job: Job, campaign: str, outcomes: list[Outcome]) -> Exchange:
        """Put the records that are in on the campaign; those who are on it already stay."""
        done = [outcome for outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]
        ended = [outcome for outcome in outcomes if outcome.verdict is not Verdict.ACCEPTED]
        for part in parts(done, _TOGETHER):
            records: Json = [{"attributes": {"type": "CampaignMember"}, "CampaignId": campaign,
                              f"{self._member}Id": outcome.remote_id} for outcome in part]
            response = yield self._ask("POST", "composite/sobjects", {"allOrNone": False, "records": records})
            if not isinstance(response.json, list) or len(response.json) != len(part):
                ids = {one.id for one in part}
                ended += pending(job.id, [member for member in job.members if member.id in ids], _ASK_AGAIN)
                continue
            ended += [read_result(result, one, ALREADY_THERE) for result, one in zip(response.json, part, strict=True)]
        return ended

    def _delete(self, batch: Batch) -> Exchange:
        """Find the campaign members, or the records themselves of persons to be forgotten, and delete them by id."""
        forget = batch.operation is Operation.DELETE
        kind, key = self.settings.object_type, self.settings.external_id_field
        if not forget and not batch.target:
            return every(batch, Verdict.REJECTED, "no campaign to remove from")
        soql = select_records(batch, kind, key) if forget else select_members(batch, self._member, key)
        found = yield from self._query(soql)
        if isinstance(found, Response):
            return every(batch, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
        ids = ids_of(batch, found, self._member, key)
        where = "in Salesforce" if forget else "in the campaign"
        outcomes = [Outcome(m.id, Verdict.ACCEPTED, f"not {where}") for m in batch.members if m.id not in ids]
        if not ids:
            return outcomes
        path = with_query("composite/sobjects", ids=",".join(ids.values()), allOrNone="false")
        response = yield self._ask("DELETE", path)
        part = replace(batch, members=tuple(member for member in batch.members if member.id in ids))
        if not isinstance(response.json, list) or not response.ok or len(response.json) != len(part.members):
            return outcomes + unaccepted(part, response, error_of(response))
        return outcomes + [read_result(result, Outcome(member.id, Verdict.ACCEPTED), GONE)
                           for result, member in zip(response.json, part.members, strict=True)]

    def _query(self, soql: str) -> Generator[Request, Response, list[Any] | Response]:
        """All rows of a query, or the answer that was none."""
        found, path, seen = list[Any](), with_query("query", q=soql), set[str]()
        while True:
            response = yield self._ask("GET", path, reads=True)
            records, following = response.get("records"), str(response.get("nextRecordsUrl", default=""))
            if not response.ok or not isinstance(records, list):
                return response
            found += records
            path = f"query/{quote(following.rpartition('/')[2], safe='')}"
            if not following or following in seen:
                return found
            seen.add(following)

    @logged_in
    def prepare(self, name: str) -> Preparation:
        found = yield from self._query(f"SELECT Id FROM Campaign WHERE Name = {literal(name)} LIMIT 1")
        if isinstance(found, Response):
            expect(found, list, "records", what="the campaigns")
        if isinstance(found, list) and isinstance(walk(found, 0, "Id"), str):
            return str(found[0]["Id"])
        response = yield self._ask("POST", "sobjects/Campaign", {"Name": name, "IsActive": True})
        return str(expect(response, str, "id", what="the new campaign"))

    @logged_in
    def members(self, target: str) -> Reading:
        key = (self._member, self.settings.external_id_field)
        soql = f"SELECT {'.'.join(key)} FROM CampaignMember WHERE CampaignId = {literal(target)}"
        found = yield from self._query(soql)
        if isinstance(found, Response):
            raise Refused(f"cannot read the campaign {target} (HTTP {found.status}): check campaign_id")
        return [str(name) for row in found if (name := walk(row, *key))]

    @logged_in
    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", f"sobjects/{self.settings.object_type}", reads=True)
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

    @property
    def _member(self) -> str:
        """What a campaign member stands for."""
        kind: str = self.settings.object_type
        return kind if kind in ("Lead", "Account") else "Contact"

    def _url(self, path: str) -> str:
        return f"{self.settings.root(self.settings.instance_url)}/services/data/v{self.settings.version}/{path}"

    def _ask(self, method: str, path: str, body: Json = None, reads: bool = False) -> Request:
        return send_json(method, self._url(path), body, reads=reads)


def pending(job: str, members: Sequence[Member], why: str) -> list[Outcome]:
    """Ask again later."""
    return [Outcome(member.id, Verdict.PENDING, why, job=job) for member in members]


def parts(outcomes: Sequence[Outcome], size: int) -> Iterable[Sequence[Outcome]]:
    """Pieces of at most that size."""
    return (outcomes[start : start + size] for start in range(0, len(outcomes), size))
