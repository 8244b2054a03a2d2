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

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, unaccepted
from destinations.http import Json, Request, Response, basic_auth, send_json, walk, with_query
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
from destinations.tables import read_csv, write_csv

# A job may take 100 MB; its results, which repeat its rows, are read in one piece.
_JOB = Limits(rows=10_000, bytes=4_000_000)
_TOGETHER = 200
_UNTIL_TOMORROW = 3600.0
_FIELDS = {"email": "Email", "phone": "Phone"}
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_PASSING = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_LIMIT_EXCEEDED"})
_THERE, _GONE = frozenset({"DUPLICATE_VALUE"}), frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"})
_WORDS = dict.fromkeys(_GONE, "the campaign or the record was deleted: correct campaign_id in connections.yml")
_RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")
Rows = dict[str, Mapping[str, str]]


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
        operations={Operation.ADD: _JOB, Operation.UPDATE: _JOB, Operation.REMOVE: Limits(rows=_TOGETHER)},
        identifiers=("person", "account", "email", "phone"),
        lateness=86_400,
        needs_target=True,
        readback=True,
        target="campaign_id",
    )

    def deliver(self, batch: Batch) -> Exchange:
        login = yield from self._log_in()
        if batch.operation is Operation.REMOVE:
            return (yield from self._remove(batch, login))
        job = {"object": self.settings.object_type, "operation": "upsert", "contentType": "CSV", "lineEnding": "LF",
               "externalIdFieldName": self.settings.external_id_field, "columnDelimiter": "COMMA"}
        response = yield self._ask("POST", "jobs/ingest", login, job)
        if not response.ok or not isinstance(number := response.get("id"), str) or not number:
            return unaccepted(batch, response, error_of(response))
        path, table = f"jobs/ingest/{quote(number, safe='')}", self._table(batch.members)
        headers = {**login, "Content-Type": "text/csv; charset=UTF-8"}
        response = yield Request("PUT", self._url(f"{path}/batches"), headers, table)
        if response.ok:
            response = yield self._ask("PATCH", path, login, {"state": "UploadComplete"})
        # INVALIDJOBSTATE: closed already, by a try whose answer was lost.
        if not response.ok and error_of(response) != "INVALIDJOBSTATE":
            return unaccepted(batch, response, error_of(response))
        return still_pending(Job(number, batch.members, batch.operation), "the job has not ended")

    def _table(self, members: Sequence[Member]) -> bytes:
        """The rows as CSV."""
        rows = [{**{name: cell(value) for name, value in member.attributes.items()},
                 **{_FIELDS[kind]: member.identifiers[kind] for kind in _FIELDS if kind in member.identifiers},
                 self.settings.external_id_field: member.person} for member in members]
        return write_csv(rows)

    def settle(self, job: Job) -> Exchange:
        login = yield from self._log_in()
        path = f"jobs/ingest/{quote(job.id, safe='')}"
        response = yield self._ask("GET", path, login, reads=True)
        if response.status in (404, 410):
            return every(job, Verdict.UNKNOWN, "the job was forgotten by Salesforce")
        if not response.ok or response.get("state") not in _ENDED:
            return still_pending(job, "the job has not ended" if response.ok else f"HTTP {response.status}")
        tables = list[Rows]()
        for name in _RESULTS:
            answer = yield self._ask("GET", f"{path}/{name}", login, reads=True)
            rows = read_table(answer, self.settings.external_id_field)
            if rows is None:
                return still_pending(job, "the job has ended, but how could not be read")
            tables.append(rows)
        outcomes = [read_row(member, tables, str(response.get("state"))) for member in job.members]
        if job.target and job.operation is not Operation.REMOVE:
            return (yield from self._enter(job, job.target, outcomes, login))
        return outcomes

    def _enter(self, job: Job, campaign: str, outcomes: list[Outcome], login: dict[str, str]) -> Exchange:
        """Put the records that are in on the campaign; those who are on it already stay."""
        done = [outcome for outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]
        ended = [outcome for outcome in outcomes if outcome.verdict is not Verdict.ACCEPTED]
        for start in range(0, len(done), _TOGETHER):
            part = done[start : start + _TOGETHER]
            records: Json = [{"attributes": {"type": "CampaignMember"}, "CampaignId": campaign,
                              self._member_field: outcome.remote_id} for outcome in part]
            response = yield self._ask("POST", "composite/sobjects", login, {"allOrNone": False, "records": records})
            if not isinstance(response.json, list) or len(response.json) != len(part):
                waiting = replace(job, members=tuple(m for m in job.members if m.id in {one.id for one in part}))
                ended += still_pending(waiting, "the records are in, the campaign has not taken them yet")
                continue
            ended += [read_result(result, one, _THERE) for result, one in zip(response.json, part, strict=True)]
        return ended

    def _remove(self, batch: Batch, login: dict[str, str]) -> Exchange:
        if not batch.target:
            return every(batch, Verdict.REJECTED, "no campaign to remove from")
        key, who = f"{self._member_object}.{self.settings.external_id_field}", self._member_field
        keys = ",".join(literal(member.person) for member in batch.members)
        ids = ",".join(literal(member.remote_id) for member in batch.members if member.remote_id)
        wanted = f"({key} IN ({keys})" + (f" OR {who} IN ({ids}))" if ids else ")")
        soql = f"SELECT Id, {who}, {key} FROM CampaignMember WHERE CampaignId = {literal(batch.target)} AND {wanted}"
        found = yield from self._query(soql, login)
        if isinstance(found, Response):
            return every(batch, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
        places = {str(name): walk(row, "Id") for row in found
                  for name in (walk(row, *key.split(".")), walk(row, who)) if name}
        known = {member.id: place for member in batch.members
                 if isinstance(place := places.get(str(member.remote_id)) or places.get(member.person), str)}
        outcomes = [Outcome(m.id, Verdict.ACCEPTED, "not in the campaign") for m in batch.members if m.id not in known]
        if not known:
            return outcomes
        path = with_query("composite/sobjects", ids=",".join(known.values()), allOrNone="false")
        response = yield self._ask("DELETE", path, login)
        part = replace(batch, members=tuple(member for member in batch.members if member.id in known))
        if not isinstance(response.json, list) or not response.ok or len(response.json) != len(part.members):
            return outcomes + unaccepted(part, response, error_of(response))
        return outcomes + [read_result(result, Outcome(member.id, Verdict.ACCEPTED), _GONE)
                           for result, member in zip(response.json, part.members, strict=True)]

    def _query(self, soql: str, login: dict[str, str]) -> Generator[Request, Response, list[Any] | Response]:
        """All rows of a query, or the answer that was none."""
        found, path, seen = list[Any](), with_query("query", q=soql), set[str]()
        while True:
            response = yield self._ask("GET", path, login, reads=True)
            records, following = response.get("records"), str(response.get("nextRecordsUrl", default=""))
            if not response.ok or not isinstance(records, list):
                return response
            found += records
            path = f"query/{quote(following.rpartition('/')[2], safe='')}"
            if not following or following in seen:
                return found
            seen.add(following)

    def prepare(self, name: str) -> Preparation:
        login = yield from self._log_in()
        found = yield from self._query(f"SELECT Id FROM Campaign WHERE Name = {literal(name)} LIMIT 1", login)
        if isinstance(found, Response):
            expect(found, list, "records", what="the campaigns")
        if isinstance(found, list) and isinstance(walk(found, 0, "Id"), str):
            return str(found[0]["Id"])
        response = yield self._ask("POST", "sobjects/Campaign", login, {"Name": name, "IsActive": True})
        return str(expect(response, str, "id", what="the new campaign"))

    def members(self, target: str) -> Reading:
        login = yield from self._log_in()
        key = (self._member_object, self.settings.external_id_field)
        soql = f"SELECT {'.'.join(key)} FROM CampaignMember WHERE CampaignId = {literal(target)}"
        found = yield from self._query(soql, login)
        if isinstance(found, Response):
            raise Refused(f"cannot read the campaign {target} (HTTP {found.status}): check campaign_id")
        return [str(name) for row in found if (name := walk(row, *key))]

    def check(self) -> Generator[Request, Response, None]:
        login = yield from self._log_in()
        response = yield self._ask("GET", f"sobjects/{self.settings.object_type}", login, reads=True)
        expect(response, dict, "objectDescribe", what=f"the object {self.settings.object_type}")

    def throttled(self, response: Response) -> float | None:
        if not response.ok and error_of(response) == "REQUEST_LIMIT_EXCEEDED":
            return _UNTIL_TOMORROW
        return super().throttled(response)

    def refused(self, response: Response) -> str | None:
        return None if error_of(response) == "REQUEST_LIMIT_EXCEEDED" else super().refused(response)

    def _log_in(self) -> Generator[Request, Response, dict[str, str]]:
        """The Authorization header; client credentials ask for a token first."""
        if self.settings.access_token:
            return {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        secret = self.settings.client_secret.get_secret_value() if self.settings.client_secret else ""
        url = self.settings.root(self.settings.instance_url) + "/services/oauth2/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded", **basic_auth(self.settings.client_id, secret)}
        response = yield Request("POST", url, headers, b"grant_type=client_credentials", reads=True)
        token = expect(response, str, "access_token", what="an access token for client_id and client_secret")
        return {"Authorization": f"Bearer {token}"}

    @property
    def _member_object(self) -> str:
        return "Lead" if self.settings.object_type == "Lead" else "Contact"

    @property
    def _member_field(self) -> str:
        return f"{self._member_object}Id"

    def _url(self, path: str) -> str:
        return f"{self.settings.root(self.settings.instance_url)}/services/data/v{self.settings.version}/{path}"

    def _ask(self, method: str, path: str, login: dict[str, str], body: Json = None, reads: bool = False) -> Request:
        return send_json(method, self._url(path), body, login, reads=reads)


def cell(value: Json) -> str:
    """A value in a CSV: null clears the field."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ";".join(cell(part) for part in value)
    return "#N/A" if value is None else str(value)


def literal(text: str | None) -> str:
    """A text in SOQL."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def read_table(response: Response, key: str) -> Rows | None:
    """Result rows by the warehouse's key; None when the answer is no such table."""
    table = read_csv(response.body) if response.ok else None
    return {row[key]: row for row in table[1]} if table and key in table[0] else None


def read_row(member: Member, tables: Sequence[Rows], state: str) -> Outcome:
    """How one row of a job ended, by the tables of its results."""
    done, failed, left = tables
    if member.person in failed:
        why = code(str(failed[member.person].get("sf__Error", "")).partition(":")[0]) or "refused by the job"
        return Outcome(member.id, Verdict.DEFERRED if why in _PASSING else Verdict.REJECTED, why)
    if member.person in done:
        return Outcome(member.id, Verdict.ACCEPTED, remote_id=str(done[member.person].get("sf__Id", "")) or None)
    if member.person in left:
        return Outcome(member.id, Verdict.DEFERRED, f"left out of a job that ended as {code(state)}")
    return Outcome(member.id, Verdict.UNKNOWN, "in no result of the job")


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


def still_pending(job: Job, why: str) -> list[Outcome]:
    """Ask again later."""
    return [Outcome(member.id, Verdict.PENDING, why, job=job.id) for member in job.members]
