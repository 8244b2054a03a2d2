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

from collections.abc import Generator, Sequence
from typing import Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from destinations.answers import code
from destinations.http import Request, Response
from destinations.identifiers import hash_of
from destinations.meta_ads_answers import (
    error_of,
    expect_field,
    is_permission,
    read_counts,
    read_refusal,
    regain,
    usage,
)
from destinations.meta_ads_api import Api
from destinations.meta_ads_audience import find_or_make
from destinations.meta_ads_rows import FIELDS, payload
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Part,
    Preparation,
    Settings,
    Verdict,
    every,
)

_USERS = Limits(rows=10_000, rates=((190_000, 3600.0),), rate_class="custom_audience")
_THROTTLING = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_CREDENTIALS = frozenset({10, 102, 190, 200, 294})
_OTHER_SESSION = 2650
_BUSY = 80
"""Per cent of a quota beyond which requests come slower, up to one a minute when it is used up."""
_FAILURES = frozenset({1, 2, 368, 5000, 21009})


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

    settings: MetaAdsSettings
    settings_type = MetaAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _USERS, Operation.REMOVE: _USERS},
        identifiers=("email", "phone", "madid"),
        fields=FIELDS,
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
        path = f"{quote(batch.target or '', safe='')}/users"
        response = yield self._api.ask(method, path, {"payload": payload(batch)})
        return self._read(batch, response)

    def replace(self, batch: Batch, part: Part) -> Exchange:
        session = {"session_id": part.session, "batch_seq": part.number, "last_batch_flag": part.last,
                   "estimated_num_total": part.total}
        path = f"{quote(batch.target or '', safe='')}/usersreplace"
        response = yield self._api.ask("POST", path, {"session": session, "payload": payload(batch)})
        if error_of(response)[0] == _OTHER_SESSION:
            return every(batch, Verdict.DEFERRED, "Meta has another replace session open; it ends after 90 minutes")
        return self._read(batch, response)

    def _read(self, batch: Batch, response: Response) -> Sequence[Outcome]:
        if not response.ok:
            return read_refusal(batch, response, f"the audience {batch.target}")
        return read_counts(batch, response)

    def prepare(self, name: str) -> Preparation:
        return (yield from find_or_make(self._api, name))

    def check(self) -> Generator[Request, Response, None]:
        place = self.settings.audience_id or self._api.account
        response = yield self._api.ask("GET", place, query={"fields": "id"})
        expect_field(response, str, "id", "the audience or ad account")

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
        if response.ok or number not in _CREDENTIALS or not is_permission(response):
            return None if number else super().refused(response)
        return (f"Meta refused the credentials ({code(number, detail)}): give access_token a fresh system user token "
                "with ads_management for this ad account")

    @property
    def _api(self) -> Api:
        return Api(self.settings)
