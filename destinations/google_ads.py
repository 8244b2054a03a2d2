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
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from destinations.answers import code, expect, known_by, resend, unaccepted
from destinations.discretion import discreet
from destinations.google_ads_answers import CONFIGURATION, blame, named_rows, read_status, reasons, user_lists
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.identifiers import hash_of
from destinations.login import fetch_token, logged_in
from destinations.matching import GOOGLE_ADDRESS, google_address
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
    every,
)

_INGESTION = Limits(rows=10_000, rates=((300, 60.0), (100_000, 86_400.0)), rate_class="ingestion")
_OTHER = ((300, 60.0), (50_000, 86_400.0))
_LISTS: dict[str, Any] = {"rates": _OTHER, "rate_class": "user-lists"}
_GRANTED, _DENIED = frozenset({"true", "granted", "consent_granted"}), frozenset({"false", "denied", "consent_denied"})
_PERSONAL = {"ad_user_data": "adUserData", "ad_personalization": "adPersonalization"}
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
        fields=frozenset((*GOOGLE_ADDRESS, *_PERSONAL)),
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
        """The headers of all requests: a token that is given, or one that the refresh token fetches."""
        own = self.settings
        billed = {"x-goog-user-project": own.quota_project} if own.quota_project else {}
        if own.access_token:
            return {"Authorization": f"Bearer {own.access_token.get_secret_value()}", **billed}
        form = {"grant_type": "refresh_token", "client_id": own.client_id,
                "client_secret": own.client_secret.get_secret_value(),
                "refresh_token": own.refresh_token.get_secret_value()}  # fmt: skip
        url = f"{own.root('https://oauth2.googleapis.com')}/token"
        token = yield from fetch_token(url, {}, "an access token for client_id and refresh_token", **form)
        return {**token, **billed}

    @logged_in
    def deliver(self, batch: Batch) -> Exchange:
        verb = "remove" if batch.operation is Operation.REMOVE else "ingest"
        known, nobody = known_by(batch, self.capabilities.identifiers)
        if not known.members:
            return nobody

        def ask(members: Sequence[Member]) -> Request:
            return self._ask("POST", f"audienceMembers:{verb}", self._body(batch, members))

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
        body: Json = {"destinations": [self._destination(target)], "removeAsOfTime": time}
        more = {"rates": _INGESTION.rates, "rate_class": _INGESTION.rate_class}
        response = yield self._ask("POST", "audienceMembers:removeAll", body, **more)
        blame(response, f"the user list {target}")
        return str(expect(response, str, "requestId", what="the removal of earlier members"))

    def _destination(self, target: str | None) -> dict[str, Json]:
        account: dict[str, Json] = {"operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": self._account}}
        if self.settings.login_account_id:
            login = self.settings.login_account_id.replace("-", "")
            account["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
        return {**account, "productDestinationId": target or ""}

    def _body(self, batch: Batch, members: Sequence[Member]) -> dict[str, Any]:
        removes = batch.operation is Operation.REMOVE
        data = [self._member(member) for member in members]
        body: dict[str, Any] = {"destinations": [self._destination(batch.target)], "audienceMembers": data}
        if self.settings.upload_key == "CONTACT_ID":
            body["encoding"] = "HEX"
        if removes:
            return body
        for one, member in zip(data, members, strict=True):
            one.update(consent_of(member))
        if self.settings.consent != "unspecified":
            status = f"CONSENT_{self.settings.consent.upper()}"
            body["consent"] = {"adUserData": status, "adPersonalization": status}
        if self.settings.terms_accepted:
            body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return body

    def _member(self, member: Member) -> dict[str, Any]:
        """One entry of `audienceMembers`."""
        if self.settings.upload_key == "USER_ID":
            return {"userIdData": {"userId": member.identifiers.get("account", member.person)}}
        if self.settings.upload_key == "MOBILE_ID":
            return {"mobileData": {"mobileIds": [member.identifiers.get("madid", "")]}}
        named = {"email": "emailAddress", "phone": "phoneNumber"}
        known: list[Json] = [{named[kind]: member.identifiers[kind]} for kind in named if kind in member.identifiers]
        if found := google_address(member.attributes):
            known.append({"address": found})
        return {"userData": {"userIdentifiers": known}}

    @logged_in
    def settle(self, job: Job) -> Exchange:
        url = with_query("requestStatus:retrieve", requestId=job.id)
        response = yield self._ask("GET", url, rates=_OTHER, rate_class="request-status")
        if response.status in (400, 404):
            return every(job, Verdict.UNKNOWN, "Google knows the request no longer")
        status = response.get("requestStatusPerDestination", 0, "requestStatus")
        if not response.ok or status not in ("SUCCESS", "PARTIAL_SUCCESS", "FAILED"):
            why = "Google has not worked it off" if response.ok else f"HTTP {response.status}"
            return [Outcome(member.id, Verdict.PENDING, why, job=job.id) for member in job.members]
        return read_status(job, response, status)

    @logged_in
    def prepare(self, name: str) -> Preparation:
        remote, key = discreet(name), self.settings.upload_key
        wanted = remote.replace("\\", "\\\\").replace('"', '\\"')
        response = yield self._ask("GET", with_query(self._user_lists, filter=f'display_name = "{wanted}"'), **_LISTS)
        for found in user_lists(response):
            if walk(found, "displayName") == remote and str(walk(found, "id")).isdecimal():
                return str(found["id"])
        kind = {"CONTACT_ID": "contactIdInfo", "USER_ID": "userIdInfo"}.get(key, "mobileIdInfo")
        body: Json = {
            "displayName": remote,
            "description": "Kept by Tailrace",
            "membershipDuration": f"{self.settings.membership_days * 86_400}s",
            "ingestedUserListInfo": {"uploadKeyTypes": [key], kind: {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}},
        }
        response = yield self._ask("POST", self._user_lists, body, **_LISTS)
        blame(response, "the new user list")
        return str(expect(response, str, "id", what="the new user list"))

    @logged_in
    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", with_query(self._user_lists, pageSize=1), **_LISTS)
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
    def _account(self) -> str:
        number: str = self.settings.account_id.replace("-", "")
        return number

    @property
    def _user_lists(self) -> str:
        return f"accountTypes/GOOGLE_ADS/accounts/{self._account}/userLists"

    def _ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        headers = dict[str, str]()
        if self.settings.login_account_id and "userLists" in path:
            login = quote(self.settings.login_account_id.replace("-", ""))
            headers["login-account"] = f"accountTypes/GOOGLE_ADS/accounts/{login}"
        url = f"{self.settings.root('https://datamanager.googleapis.com')}/v1/{path}"
        return send_json(method, url, body, headers, reads=method == "GET", **more)


def undotted(address: str) -> str:
    """Without the dots that Gmail does not read; of all other providers as it is."""
    local, _, domain = address.partition("@")
    return f"{local.replace('.', '')}@{domain}" if domain in ("gmail.com", "googlemail.com") else address


def consent_of(member: Member) -> dict[str, Any]:
    """What a member's columns say of consent; nothing where they say nothing that is understood."""
    words = {name: str(member.attributes.get(column)).strip().lower() for column, name in _PERSONAL.items()}
    said = {name: "CONSENT_GRANTED" if word in _GRANTED else "CONSENT_DENIED"
            for name, word in words.items() if word in _GRANTED | _DENIED}  # fmt: skip
    return {"consent": said} if said else {}
