"""Google Ads Customer Match: people added to and removed from a user list, by hashed e-mail, phone and address.

Source: Data Manager API v1 (https://developers.google.com/data-manager/api/reference/rest), its protos
(google-ads-datamanager 0.9.4), its guides on errors, consent and limits, and Google's own formatter for normalisation.

A request is taken as a whole or, when it names a wrong row, not at all; Google works it off within hours, which
`settle` asks for, counts what it could not use and names nobody. Of the columns that are sent, given_name, family_name,
region_code and postal_code become an address, ad_user_data and ad_personalization the member's consent; no others
leave. Consent is never assumed. Who is in a list cannot be read back.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, resend, unaccepted
from destinations.discretion import discreet
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.identifiers import hash_of
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
    Refused,
    Settings,
    Verdict,
    every,
)

_INGESTION = Limits(rows=10_000, rates=((300, 60.0), (100_000, 86_400.0)), rate_class="ingestion")
_OTHER = ((300, 60.0), (50_000, 86_400.0))
_ROW = re.compile(r"(?:.*\.)?audience_?members\[(\d{1,6})\](?:\W.*)?", re.IGNORECASE)
_GRANTED, _DENIED = frozenset({"true", "granted", "consent_granted"}), frozenset({"false", "denied", "consent_denied"})
_PERSONAL = {"ad_user_data": "adUserData", "ad_personalization": "adPersonalization"}
_CONFIGURATION = {
    "INVALID_USER_LIST_ID": "there is no such user list: correct list_id, or leave it out to have it found by name",
    "INVALID_USER_LIST_TYPE": "the user list does not take contact data: name another list_id",
    "INVALID_DESTINATION": "account_id, login_account_id and list_id do not belong together",
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": "login_account_id does not manage account_id",
    "TERMS_AND_CONDITIONS_NOT_SIGNED": "accept the Customer Match terms, then write terms_accepted: true",
    "ADVERTISER_TOS_NOT_ACCEPTED": "accept the Customer Match terms in this Google Ads account",
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": "this Google Ads account may not upload Customer Match data",
    "NOT_ALLOWLISTED": "this Google Ads account is not allowed to use Customer Match",
    "NOT_FOUND": "there is no such account or user list: correct account_id and list_id",
}


class GoogleAdsSettings(Settings):
    """An OAuth token and the account whose user list is filled."""

    access_token: SecretStr = Field(description="an OAuth access token, scope https://www.googleapis.com/auth/datamanager")
    account_id: str = Field(pattern=r"^\d+(-\d+)*$", description="the Google Ads account that owns the list")
    login_account_id: str = Field(default="", pattern=r"^(\d+(-\d+)*)?$", description="the manager account, if any")
    list_id: str = Field(default="", pattern=r"^\d*$", description="the user list; unset: found or created by name")
    quota_project: str = Field(default="", description="the Cloud project that is billed, for tokens of a person")
    consent: Literal["unspecified", "granted", "denied"] = Field(
        default="unspecified", description="consent of members whose columns say nothing: what they have told you")
    terms_accepted: bool = Field(default=False, description="whether you have accepted the Customer Match terms")
    membership_days: int = Field(default=540, ge=1, le=540, description="days a member stays without being sent again")


class GoogleAds(Destination):
    """Ingests members into and removes them from one user list."""

    settings_type = GoogleAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _INGESTION, Operation.REMOVE: _INGESTION},
        identifiers=("email", "phone"),
        fields=frozenset((*GOOGLE_ADDRESS, *_PERSONAL)),
        hashed=True,
        matches_any=True,
        needs_target=True,
        minimum=100,
        cutoff=True,
        target="list_id",
    )

    def identify(self, kind: str, value: str, region: str | None = None) -> str:
        normalise = super().identify
        if kind not in ("email", "phone"):
            return normalise(kind, value, region)
        return hash_of(value, lambda plain: undotted(normalise(kind, plain, region)))

    def deliver(self, batch: Batch) -> Exchange:
        verb = "remove" if batch.operation is Operation.REMOVE else "ingest"

        def ask(members: Sequence[Member]) -> Request:
            return self._ask("POST", f"audienceMembers:{verb}", self._body(batch, members))

        response, left, outcomes = yield from resend(ask, batch.members, named_rows)
        job = response.get("requestId")
        if response.ok and isinstance(job, str) and job:
            return outcomes + [Outcome(m.id, Verdict.PENDING, "Google has not worked it off", job=job) for m in left]
        if left:
            self._blame_configuration(response, f"the user list {batch.target}")
        return outcomes + unaccepted(replace(batch, members=left), response, code(*reasons(response)[:1]))

    def cut_off(self, target: str, before: datetime) -> Preparation:
        time = before.astimezone(UTC).isoformat().replace("+00:00", "Z")
        body: Json = {"destinations": [self._destination(target)], "removeAsOfTime": time}
        more = {"rates": _INGESTION.rates, "rate_class": _INGESTION.rate_class}
        response = yield self._ask("POST", "audienceMembers:removeAll", body, **more)
        self._blame_configuration(response, f"the user list {target}")
        return str(expect(response, str, "requestId", what="the removal of earlier members"))

    def _destination(self, target: str | None) -> dict[str, Json]:
        account: dict[str, Json] = {"operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": self._account}}
        if self.settings.login_account_id:
            login = self.settings.login_account_id.replace("-", "")
            account["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
        return {**account, "productDestinationId": target or ""}

    def _body(self, batch: Batch, members: Sequence[Member]) -> dict[str, Any]:
        removes = batch.operation is Operation.REMOVE
        body: dict[str, Any] = {
            "destinations": [self._destination(batch.target)],
            "audienceMembers": [audience_member(member, consenting=not removes) for member in members],
            "encoding": "HEX",
        }
        if not removes and self.settings.consent != "unspecified":
            status = f"CONSENT_{self.settings.consent.upper()}"
            body["consent"] = {"adUserData": status, "adPersonalization": status}
        if not removes and self.settings.terms_accepted:
            body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return body

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

    def prepare(self, name: str) -> Preparation:
        remote, path = discreet(name), f"accountTypes/GOOGLE_ADS/accounts/{self._account}/userLists"
        wanted = remote.replace("\\", "\\\\").replace('"', '\\"')
        response = yield self._ask("GET", with_query(path, filter=f'display_name = "{wanted}"'), **_LISTS)
        for found in self._lists(response):
            if walk(found, "displayName") == remote and str(walk(found, "id")).isdecimal():
                return str(found["id"])
        body: Json = {
            "displayName": remote,
            "description": "Kept by Tailrace",
            "membershipDuration": f"{self.settings.membership_days * 86_400}s",
            "ingestedUserListInfo": {
                "uploadKeyTypes": ["CONTACT_ID"],
                "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
            },
        }
        response = yield self._ask("POST", path, body, **_LISTS)
        self._blame_configuration(response, "the new user list")
        return str(expect(response, str, "id", what="the new user list"))

    def check(self) -> Generator[Request, Response, None]:
        path = with_query(f"accountTypes/GOOGLE_ADS/accounts/{self._account}/userLists", pageSize=1)
        response = yield self._ask("GET", path, **_LISTS)
        self._lists(response)

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.status == 409 and response.get("error", "status") == "ABORTED")

    def refused(self, response: Response) -> str | None:
        known = [_CONFIGURATION[reason] for reason in reasons(response) if reason in _CONFIGURATION]
        if response.status == 403 and known:
            return f"Google refused the account: {known[0]}"
        plain = super().refused(response)
        return plain and f"{plain}; access_token lasts an hour and needs the scope datamanager"

    def _lists(self, response: Response) -> list[Any]:
        """The user lists of an answer, which leaves out a field that is empty."""
        self._blame_configuration(response, "the account's user lists")
        if response.ok and response.json == {}:
            return []
        found: list[Any] = expect(response, list, "userLists", what="the user lists")
        return found

    @property
    def _account(self) -> str:
        number: str = self.settings.account_id.replace("-", "")
        return number

    def _ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        headers = {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        if self.settings.quota_project:
            headers["x-goog-user-project"] = self.settings.quota_project
        if self.settings.login_account_id and "userLists" in path:
            login = quote(self.settings.login_account_id.replace("-", ""))
            headers["login-account"] = f"accountTypes/GOOGLE_ADS/accounts/{login}"
        url = f"{self.settings.root('https://datamanager.googleapis.com')}/v1/{path}"
        return send_json(method, url, body, headers, reads=method == "GET", **more)

    def _blame_configuration(self, response: Response, what: str) -> None:
        """Raise Refused for what only the operator can put right."""
        for reason in reasons(response) if not response.ok else ():
            if reason in _CONFIGURATION:
                raise Refused(f"Google refused {what} ({reason}): {_CONFIGURATION[reason]}")


_LISTS: dict[str, Any] = {"rates": _OTHER, "rate_class": "user-lists"}


def audience_member(member: Member, *, consenting: bool) -> dict[str, Any]:
    """One entry of `audienceMembers`."""
    identifiers: list[Json] = [{field: member.identifiers[kind]} for kind, field in
                               (("email", "emailAddress"), ("phone", "phoneNumber")) if kind in member.identifiers]
    if found := google_address(member.attributes):
        identifiers.append({"address": found})
    said = {name: status for column, name in _PERSONAL.items() if (status := consent_of(member.attributes.get(column)))}
    return {"userData": {"userIdentifiers": identifiers}, **({"consent": said} if consenting and said else {})}


def undotted(address: str) -> str:
    """Without the dots that Gmail does not read; of all other providers as it is."""
    local, _, domain = address.partition("@")
    return f"{local.replace('.', '')}@{domain}" if domain in ("gmail.com", "googlemail.com") else address


def consent_of(value: Json) -> str | None:
    """What a column says of consent; None where it says nothing that is understood."""
    word = str(value).strip().lower()
    return "CONSENT_GRANTED" if word in _GRANTED else "CONSENT_DENIED" if word in _DENIED else None


def violations(response: Response) -> list[Any]:
    """The fields that a refusal names, from all its details."""
    details = response.get("error", "details")
    lists = [walk(detail, "fieldViolations") for detail in details] if isinstance(details, list) else []
    return [one for found in lists if isinstance(found, list) for one in found]


def named_rows(response: Response) -> dict[int, str]:
    """Index → reason of the rows that a refusal names."""
    named = [(_ROW.fullmatch(str(walk(one, "field"))), code(walk(one, "reason"))) for one in violations(response)]
    return {int(match[1]): why or "invalid" for match, why in named if match} if response.status == 400 else {}


def reasons(response: Response) -> list[str]:
    """The reasons of a refusal, of its fields first, and its status last."""
    details = response.get("error", "details")
    others = [walk(detail, "reason") for detail in details] if isinstance(details, list) else []
    found = [*(walk(one, "reason") for one in violations(response)), *others, response.get("error", "status")]
    return [reason for reason in found if isinstance(reason, str)]


def read_status(job: Job, response: Response, status: str) -> list[Outcome]:
    """How a request ended: Google counts the records that failed, by reason, and names none."""
    if status == "SUCCESS":
        return every(job, Verdict.ACCEPTED)
    counts = response.get("requestStatusPerDestination", 0, "errorInfo", "errorCounts")
    errors = counts if isinstance(counts, list) else []
    why = code(*(str(walk(one, "reason")).removeprefix("PROCESSING_ERROR_REASON_") for one in errors[:3]))
    if status == "FAILED":
        internal = not errors or "INTERNAL_ERROR" in why
        return every(job, Verdict.UNKNOWN if internal else Verdict.REJECTED, why or "Google failed without a reason")
    texts = [str(walk(one, "recordCount", default="")) for one in errors]
    failed = sum(int(text) for text in texts if text.isdecimal() and len(text) < 9)
    if failed >= len(job.members):
        return every(job, Verdict.REJECTED, why or "Google could use no record of the request")
    return every(job, Verdict.ACCEPTED, f"{failed} of {len(job.members)} records failed, not named by Google: {why}")
