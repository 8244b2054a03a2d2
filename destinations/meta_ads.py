"""Meta Custom Audiences: people added to and removed from an ad audience, by hashed e-mail and phone.

Sources: https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences, reference
custom-audience/users, graph-api/overview/rate-limiting and the error reference of the Marketing API. The version is the
one that the official SDK of the same time speaks (facebook-business 26.0.3), whose requests ours are compared with; two
differences are meant: a removal's payload stands in a JSON body, because as a query string (the SDK's way) it breaks
long before 10,000 rows, and the token stands in a header, where no log of addresses shows it.

Normalisation is Meta's documented one, not the SDK's, which loses non-ASCII letters and keeps the 00 of phones. The
warehouse's key goes along as EXTERN_ID, in plain text as Meta asks. Columns sent under Meta's names of what it matches
by (FN, LN, ZIP, …) are hashed too. Who is in an audience cannot be read back; a sync of `mode: replace` uploads the
whole list in a session of `usersreplace` instead, which must end within 90 minutes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code, expect, unaccepted
from destinations.discretion import discreet
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.identifiers import hash_of
from destinations.matching import META_KEYS, meta_key
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Member,
    Operation,
    Outcome,
    Part,
    Preparation,
    Refused,
    Settings,
    Verdict,
    every,
)

_USERS = Limits(rows=10_000, rates=((190_000, 3600.0),), rate_class="custom_audience")
_THROTTLING = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_CREDENTIALS = frozenset({10, 102, 190, 200, 294})
_OTHER_SESSION = 2650
_USAGE = ("x-business-use-case-usage", "x-ad-account-usage", "x-app-usage")
_KINDS = ("call_count", "total_cputime", "total_time", "acc_id_util_pct")
_BUSY = 80
"""Per cent of a quota beyond which requests come slower, up to one a minute when it is used up."""
_FAILURES = frozenset({1, 2, 368, 5000, 21009})
_CONFIGURATION: dict[tuple[int | None, int | None], str] = {
    (100, 33): "there is no such audience, or this token may not see it",
    (100, 1713230): "Meta has flagged the audience: its name must not suggest anyone's finances or health",
    (1487301, None): "the audience is not shared with this ad account",
    (1487366, None): "the audience was deleted",
    (2655, None): "the terms of custom audiences are not accepted for this ad account",
    (1870034, None): "the terms of custom audiences are not accepted for this ad account",
}


class MetaAdsSettings(Settings):
    """A system user's token and the ad account or audience it may change."""

    access_token: SecretStr = Field(description="a system user's token with ads_management")
    app_secret: SecretStr | None = Field(default=None, description="the app's secret, where the app demands proofs")
    ad_account_id: str = Field(default="", pattern=r"^((act_)?\d+)?$", description="the account, act_… or without")
    audience_id: str = Field(default="", pattern=r"^\d*$", description="the audience; unset: found or created by name")
    version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$", description="the version of the Graph API")
    customer_file_source: Literal[
        "USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"
    ] = Field(default="USER_PROVIDED_ONLY", description="who gave the data to you")


class MetaAds(Destination):
    """Adds to and removes from one custom audience."""

    settings_type = MetaAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _USERS, Operation.REMOVE: _USERS},
        identifiers=("email", "phone", "madid"),
        fields=frozenset(META_KEYS),
        hashed=True,
        matches_any=True,
        paid=True,
        needs_target=True,
        minimum=100,
        replace=_USERS,
        target="audience_id",
    )

    def identify(self, kind: str, value: str, region: str | None = None) -> str:
        normalise = super().identify
        if kind in ("email", "phone"):
            return hash_of(value, lambda plain: normalise(kind, plain, region).removeprefix("+"))
        plain = normalise(kind, value, region)
        return plain.lower() if kind == "madid" else plain

    def deliver(self, batch: Batch) -> Exchange:
        method = "DELETE" if batch.operation is Operation.REMOVE else "POST"
        response = yield self._ask(method, f"{quote(batch.target or '', safe='')}/users", {"payload": payload(batch)})
        return self._read(batch, response)

    def replace(self, batch: Batch, part: Part) -> Exchange:
        session = {"session_id": part.session, "batch_seq": part.number, "last_batch_flag": part.last,
                   "estimated_num_total": part.total}
        response = yield self._ask("POST", f"{quote(batch.target or '', safe='')}/usersreplace",
                                   {"session": session, "payload": payload(batch)})
        if error_of(response)[0] == _OTHER_SESSION:
            return every(batch, Verdict.DEFERRED, "Meta has another replace session open; it ends after 90 minutes")
        return self._read(batch, response)

    def _read(self, batch: Batch, response: Response) -> list[Outcome]:
        if not response.ok:
            self._blame_configuration(response, f"the audience {batch.target}")
            return unaccepted(batch, response, code(*error_of(response)))
        return read_counts(batch, response)

    def prepare(self, name: str) -> Preparation:
        remote, edge, after = discreet(name), f"{self._account}/customaudiences", dict[str, str]()
        while True:
            response = yield self._ask("GET", edge, fields="name", limit=100, **after)
            for audience in self._expect(response, list, "data", "the list of audiences"):
                if walk(audience, "name") == remote and isinstance(walk(audience, "id"), str):
                    return str(audience["id"])
            cursor = response.get("paging", "cursors", "after") if response.get("paging", "next") else None
            if not isinstance(cursor, str) or cursor in after.values():
                break
            after = {"after": cursor}
        body = {"name": remote, "subtype": "CUSTOM", "description": "Kept by Tailrace",
                "customer_file_source": self.settings.customer_file_source}
        response = yield self._ask("POST", edge, body)
        return str(self._expect(response, str, "id", "the new audience"))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._ask("GET", self.settings.audience_id or self._account, fields="id")
        self._expect(response, str, "id", "the audience or ad account")

    def throttled(self, response: Response) -> float | None:
        number, _ = error_of(response)
        if response.status != 429 and (response.ok or number not in _THROTTLING):
            return None
        return response.retry_after or regain(response)

    def rests(self, response: Response) -> float:
        return 3.0 * max(0, usage(response) - _BUSY)

    def failed(self, response: Response) -> bool:
        transient = response.get("error", "is_transient") is True or error_of(response)[0] in _FAILURES
        return super().failed(response) or (not response.ok and transient)

    def refused(self, response: Response) -> str | None:
        number, detail = error_of(response)
        if response.ok or number not in _CREDENTIALS:
            return None if number else super().refused(response)
        return (f"Meta refused the credentials ({code(number, detail)}): give access_token a fresh system user token "
                "with ads_management for this ad account")

    @property
    def _account(self) -> str:
        number: str = self.settings.ad_account_id.removeprefix("act_")
        if not number:
            raise Refused("Meta needs ad_account_id to find or create an audience: set it, or audience_id")
        return f"act_{number}"

    def _ask(self, method: str, path: str, body: Json = None, **query: str | int) -> Request:
        token = self.settings.access_token.get_secret_value()
        if self.settings.app_secret:
            secret = self.settings.app_secret.get_secret_value().encode()
            query["appsecret_proof"] = hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()
        url = with_query(f"{self.settings.root('https://graph.facebook.com')}/{self.settings.version}/{path}", **query)
        return send_json(method, url, body, {"Authorization": f"Bearer {token}"}, reads=method == "GET")

    def _expect(self, response: Response, kind: type, key: str, what: str) -> Any:
        if not response.ok:
            self._blame_configuration(response, what)
        return expect(response, kind, key, what=what)

    def _blame_configuration(self, response: Response, what: str) -> None:
        """Raise Refused for what only the operator can put right."""
        number, detail = error_of(response)
        why = _CONFIGURATION.get((number, detail)) or _CONFIGURATION.get((number, None))
        if why or response.status == 404:
            raise Refused(f"Meta refused {what} ({code(number, detail)}): {why or 'there is no such audience'}; "
                          "correct audience_id in connections.yml, or leave it out to have the audience found by name")


def payload(batch: Batch) -> dict[str, Any]:
    """Rows of what Meta matches by; an empty text for what a member has not."""
    kinds = {"EMAIL": "email", "PHONE": "phone"}
    if any("madid" in member.identifiers for member in batch.members):
        kinds["MADID"] = "madid"
    keys = [key for key in META_KEYS if any(key in member.attributes for member in batch.members)]

    def row(member: Member) -> list[Json]:
        return [*(member.identifiers.get(kind, "") for kind in kinds.values()),
                *(meta_key(key, member.attributes.get(key)) for key in keys), member.person]

    data = [row(member) for member in batch.members]
    return {"schema": [*kinds, *keys, "EXTERN_ID"], "is_raw": True, "data": data}


def read_counts(batch: Batch, response: Response) -> list[Outcome]:
    """Meta counts entries and names none. A dropped row was not applied, yet which one it was cannot be told."""
    sent, received, invalid = len(batch.members), response.get("num_received"), response.get("num_invalid_entries")
    if type(received) is not int or type(invalid) is not int or not 0 <= invalid <= received:
        return unaccepted(batch, response)
    if received != sent:
        return every(batch, Verdict.UNKNOWN, f"{received} of {sent} entries received")
    if invalid == sent:
        return every(batch, Verdict.REJECTED, "Meta found every entry of the request invalid")
    return every(batch, Verdict.ACCEPTED, f"{invalid} of {sent} entries invalid, not named by Meta" if invalid else "")


def error_of(response: Response) -> tuple[int | None, int | None]:
    """Code and subcode of an error body."""
    number, detail = response.get("error", "code"), response.get("error", "error_subcode")
    return number if type(number) is int else None, detail if type(detail) is int else None


def usage_of(response: Response, header: str) -> list[Any]:
    """The entries of a usage header: one, or those of all business use cases."""
    found = Response(200, {}, response.headers.get(header, "").encode()).json
    groups = found.values() if isinstance(found, dict) else []
    listed = [entry for group in groups if isinstance(group, list) for entry in group]
    return listed or [found]


def usage(response: Response) -> int:
    """Per cent of the hour's quota that is used, of the scarcest kind that a header tells."""
    shares = [walk(entry, kind) for header in _USAGE for entry in usage_of(response, header) for kind in _KINDS]
    return max([int(share) for share in shares if type(share) in (int, float) and 0 <= share <= 100], default=0)


def regain(response: Response) -> float:
    """Seconds until a throttled account has access again, as the usage header says; 0 where it does not."""
    waits = [walk(entry, "estimated_time_to_regain_access") for entry in usage_of(response, _USAGE[0])]
    return 60.0 * max([minutes for minutes in waits if type(minutes) is int and 0 < minutes < 10_000], default=0)
