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

import re
from collections.abc import Generator

from pydantic import Field, SecretStr, model_validator

from destinations.answers import UNTIL_TOMORROW, expect
from destinations.http import Request, Response
from destinations.login import logged_in
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Job,
    Limits,
    Operation,
    Preparation,
    Reading,
    Settings,
)
from destinations.salesforce_answers import error_of
from destinations.salesforce_api import Api
from destinations.salesforce_campaign import delete, enter, find_or_make, read_keys
from destinations.salesforce_jobs import read_job, submit

# A job may take 100 MB; its results, which repeat its rows, are read in one piece.
_JOB = Limits(rows=10_000, bytes=4_000_000)
_ASKED = 100
"""Keys and ids that a query's address has room for."""


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

    settings: SalesforceSettings
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
        return (yield from self._api.log_in())

    @logged_in
    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation in (Operation.REMOVE, Operation.DELETE):
            return (yield from delete(self._api, batch))
        return (yield from submit(self._api, batch))

    @logged_in
    def settle(self, job: Job) -> Exchange:
        outcomes = yield from read_job(self._api, job)
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
        response = yield self._api.ask("GET", f"sobjects/{self.settings.object_type}")
        expect(response, dict, "objectDescribe", what=f"the object {self.settings.object_type}")

    def throttled(self, response: Response) -> float | None:
        if not response.ok and error_of(response) == "REQUEST_LIMIT_EXCEEDED":
            return UNTIL_TOMORROW
        return super().throttled(response)

    def rests(self, response: Response) -> float:
        used = re.search(r"(?<![\w-])api-usage=(\d{1,9})/(\d{1,9})", response.headers.get("sforce-limit-info", ""))
        return UNTIL_TOMORROW if used and int(used[1]) >= int(used[2]) else 0.0

    def refused(self, response: Response) -> str | None:
        if error_of(response) == "REQUEST_LIMIT_EXCEEDED":
            return None
        if response.status == 400 and response.get("error") in ("invalid_client", "invalid_client_id", "invalid_grant"):
            return f"Salesforce gave no access token ({response.get('error')}): check client_id and client_secret"
        return super().refused(response)

    @property
    def _api(self) -> Api:
        return Api(self.settings)
