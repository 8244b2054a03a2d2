"""Google Ads Customer Match: people added to and removed from a user list, by hashed e-mail, phone and address.

Source: Data Manager API v1 (https://developers.google.com/data-manager/api/reference/rest), its protos
(google-ads-datamanager 0.9.4), its guides on errors, consent and limits, and Google's own formatter for normalisation.

A request is taken as a whole or, when it names a wrong row, not at all; Google works it off within hours, which
`settle` asks for, counts what it could not use and names nobody. Of the columns that are sent, given_name, family_name,
region_code and postal_code become an address, ad_user_data and ad_personalization the member's consent. Consent is
never assumed. Lists of your own user ids or of device ids (`upload_key`) are filled too; a list holds one kind only.
Who is in a list cannot be read back.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, known_by, resend, unaccepted
from destinations.google_ads_answers import CONFIGURATION, blame, named_rows, read_status, reasons, user_lists
from destinations.google_ads_api import OTHER, Api, destination
from destinations.google_ads_bodies import PERSONAL, membership, undotted
from destinations.http import Json, Request, Response, with_query
from destinations.identifiers import hash_of
from destinations.login import logged_in
from destinations.matching import GOOGLE_ADDRESS
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
    Settings,
    Verdict,
)

_INGESTION = Limits(rows=10_000, rates=((300, 60.0), (100_000, 86_400.0)), rate_class="ingestion")
_KINDS = {"CONTACT_ID": ("email", "phone"), "USER_ID": ("person", "account"), "MOBILE_ID": ("madid",)}


class GoogleAdsSettings(Settings):
    """A way to log in (scope https://www.googleapis.com/auth/datamanager) and the account whose user list is filled."""

    access_token: SecretStr | None = Field(default=None, description="an OAuth access token that you refresh yourself")
    client_id: str = Field(default="", description="OAuth client whose refresh_token fetches access tokens")
    client_secret: SecretStr | None = Field(default=None, description="secret of that client")
    refresh_token: SecretStr | None = Field(default=None, description="the refresh token that the client was given")
    account_id: str = Field(pattern=r"^\d+(-\d+)*$", description="the Google Ads account that owns the list")
    login_account_id: str = Field(default="", pattern=r"^(\d+(-\d+)*)?$", description="the manager account, if any")
    list_id: str = Field(default="", pattern=r"^\d*$", description="the user list; unset: found or created by name")
    upload_key: Literal["CONTACT_ID", "USER_ID", "MOBILE_ID"] = Field(
        default="CONTACT_ID", description="what the list knows its members by; MOBILE_ID needs a list_id")
    quota_project: str = Field(default="", description="the Cloud project that is billed, for tokens of a person")
    consent: Literal["unspecified", "granted", "denied"] = Field(
        default="unspecified", description="consent of members whose columns say nothing: what they have told you")
    terms_accepted: bool = Field(default=False, description="whether you have accepted the Customer Match terms")
    membership_days: int = Field(default=540, ge=1, le=540, description="days a member stays without being sent again")

    @model_validator(mode="after")
    def _complete(self) -> GoogleAdsSettings:
        if not self.access_token and not (self.client_id and self.client_secret and self.refresh_token):
            raise ValueError("give access_token, or client_id, client_secret and refresh_token")
        if self.upload_key == "MOBILE_ID" and not self.list_id:
            raise ValueError("a list of device ids belongs to an app: make it in Google Ads and give its list_id")
        return self


class GoogleAds(Destination):
    """Ingests members into and removes them from one user list."""

    settings_type = GoogleAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _INGESTION, Operation.REMOVE: _INGESTION},
        identifiers=tuple(kind for kinds in _KINDS.values() for kind in kinds),
        fields=frozenset((*GOOGLE_ADDRESS, *PERSONAL)),
        hashed=True,
        matches_any=True,
        paid=True,
        needs_target=True,
        minimum=100,
        cutoff=True,
        target="list_id",
    )

    def __init__(self, settings: GoogleAdsSettings) -> None:
        super().__init__(settings)
        self.capabilities = replace(type(self).capabilities, identifiers=_KINDS[settings.upload_key])

    def identify(self, kind: str, value: str, region: str | None = None) -> str:
        normalise = super().identify
        if kind not in _KINDS["CONTACT_ID"]:
            return normalise(kind, value, region)
        return hash_of(value, lambda plain: undotted(normalise(kind, plain, region)))

    def log_in(self) -> Generator[Request, Response, dict[str, str]]:
        return (yield from self._api.log_in())

    @logged_in
    def deliver(self, batch: Batch) -> Exchange:
        verb = "remove" if batch.operation is Operation.REMOVE else "ingest"
        known, nobody = known_by(batch, self.capabilities.identifiers)
        if not known.members:
            return nobody

        def ask(members: Sequence[Member]) -> Request:
            return self._api.ask("POST", f"audienceMembers:{verb}", membership(self.settings, batch, members))

        response, left, outcomes = yield from resend(ask, known.members, named_rows)
        outcomes += nobody
        job = response.get("requestId")
        if response.ok and isinstance(job, str) and job:
            return outcomes + [Outcome(m.id, Verdict.PENDING, "Google has not worked it off", job=job) for m in left]
        if left:
            blame(response, f"the user list {batch.target}")
        return outcomes + unaccepted(replace(batch, members=left), response, code(*reasons(response)[:1]))

    @logged_in
    def cut_off(self, target: str, before: datetime) -> Preparation:
        time = before.astimezone(UTC).isoformat().replace("+00:00", "Z")
        body: Json = {"destinations": [destination(self.settings, target)], "removeAsOfTime": time}
        more = {"rates": _INGESTION.rates, "rate_class": _INGESTION.rate_class}
        response = yield self._api.ask("POST", "audienceMembers:removeAll", body, **more)
        blame(response, f"the user list {target}")
        return str(expect(response, str, "requestId", what="the removal of earlier members"))

    @logged_in
    def settle(self, job: Job) -> Exchange:
        url = with_query("requestStatus:retrieve", requestId=job.id)
        response = yield self._api.ask("GET", url, rates=OTHER, rate_class="request-status")
        return read_status(job, response)

    @logged_in
    def prepare(self, name: str) -> Preparation:
        return (yield from self._api.find_or_make(name))

    @logged_in
    def check(self) -> Generator[Request, Response, None]:
        response = yield self._api.read_one_list()
        user_lists(response)

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.status == 409 and response.get("error", "status") == "ABORTED")

    def refused(self, response: Response) -> str | None:
        known = [CONFIGURATION[reason] for reason in reasons(response) if reason in CONFIGURATION]
        if response.status == 403 and known:
            return f"Google refused the account: {known[0]}"
        if response.status == 400 and response.get("error") in ("invalid_grant", "invalid_client"):
            return f"Google gave no access token ({response.get('error')}): authorise refresh_token anew"
        plain = super().refused(response)
        return plain and f"{plain}; access_token lasts an hour and needs the scope datamanager"

    @property
    def _api(self) -> Api:
        return Api(self.settings)
