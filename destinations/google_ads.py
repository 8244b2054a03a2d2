"""Google Ads Customer Match: people added to and removed from a user list, by hashed e-mail, phone and address.

Sources: Data Manager API v1 (https://developers.google.com/data-manager/api/reference/rest), its protos
(google-ads-datamanager 0.9.4), its guides on errors, consent and limits, and Google's own formatter for normalisation.

A request is taken as a whole or, when it names a wrong row, not at all; Google works it off within hours, which
`settle` asks for, counts what it could not use and names nobody. Of the columns that are sent, given_name, family_name,
region_code and postal_code become an address, ad_user_data and ad_personalization the member's consent. Consent is
never assumed. Lists of your own user ids or of device ids (`upload_key`) are filled too; a list holds one kind only.
Who is in a list cannot be read back.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from destinations.answers import UNTIL_TOMORROW
from destinations.google_ads_answers import is_daily, login_refused, user_lists
from destinations.google_ads_api import Api
from destinations.google_ads_bodies import PERSONAL, undotted
from destinations.google_ads_lists import ask_for_lists, find_or_make
from destinations.google_ads_members import INGESTION, assert_members, cut_off, read_request
from destinations.http import Request, Response
from destinations.identifiers import hash_of
from destinations.login import logged_in
from destinations.matching import GOOGLE_ADDRESS
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Job,
    Operation,
    Preparation,
    Settings,
)

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

    @field_validator("account_id", "login_account_id")
    @classmethod
    def _undashed(cls, account: str) -> str:
        return account.replace("-", "")

    @model_validator(mode="after")
    def _complete(self) -> GoogleAdsSettings:
        if not self.access_token and not (self.client_id and self.client_secret and self.refresh_token):
            raise ValueError("give access_token, or client_id, client_secret and refresh_token")
        if self.upload_key == "MOBILE_ID" and not self.list_id:
            raise ValueError("a list of device ids belongs to an app: make it in Google Ads and give its list_id")
        return self


class GoogleAds(Destination):
    """Ingests members into and removes them from one user list."""

    settings: GoogleAdsSettings
    settings_type = GoogleAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: INGESTION, Operation.REMOVE: INGESTION},
        identifiers=tuple(kind for kinds in _KINDS.values() for kind in kinds),
        fields=frozenset((*GOOGLE_ADDRESS, *PERSONAL)),
        hashed=True,
        matches_any=True,
        paid=True,
        needs_target=True,
        lateness=86_400,
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
        return (yield from assert_members(self._api, batch, self.capabilities.identifiers))

    @logged_in
    def cut_off(self, target: str, before: datetime) -> Preparation:
        return (yield from cut_off(self._api, target, before))

    @logged_in
    def settle(self, job: Job) -> Exchange:
        return (yield from read_request(self._api, job))

    @logged_in
    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    @logged_in
    def check(self) -> Generator[Request, Response, None]:
        response = yield ask_for_lists(self._api, "GET", pageSize=1)
        user_lists(response)

    def throttled(self, response: Response) -> float | None:
        wait = super().throttled(response)
        return UNTIL_TOMORROW if wait is not None and is_daily(response) else wait

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.status == 409 and response.get("error", "status") == "ABORTED")

    def refused(self, response: Response) -> str | None:
        if why := login_refused(response):
            return why
        plain = super().refused(response)
        return plain and f"{plain}; access_token lasts an hour and needs the scope datamanager"

    @property
    def _api(self) -> Api:
        return Api(self.settings)
