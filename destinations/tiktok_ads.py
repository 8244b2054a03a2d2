"""TikTok audiences: people mapped to and unmapped from a custom audience, by hashed e-mail, phone and device id.

Sources: TikTok API for Business v1.3, streaming segments (https://business-api.tiktok.com/portal/docs, allow-listed:
segment/audience/ and segment/mapping/), dmp/custom_audience/list/, and its appendix of return codes. TikTok has
neither a specification nor an SDK of these calls: 10,000 rows a call and 10 calls a second are what others report.

Every answer is HTTP 200 and says in `code` how it went: 0 is success, all else a failure of the whole call. Addresses
keep their dots and tags; device ids (`idfa` of Apple's, `aaid` of Google's) must be in one case: lower case. Who
is in an audience cannot be read back.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from pydantic import Field, SecretStr

from destinations.answers import known_by
from destinations.discretion import discreet
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.identifiers import hash_of
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Preparation,
    Settings,
)
from destinations.tiktok_ads_answers import code_of, expect_data, read_mapping

_MAPPING = Limits(rows=10_000, rates=((10, 1.0), (600, 60.0)), rate_class="business-api")
_READING: dict[str, Any] = {"rates": _MAPPING.rates, "rate_class": _MAPPING.rate_class}
_THROTTLING = frozenset({40100, 40133})
_CREDENTIALS = frozenset({40001, 40101, 40102, 40104, 40105})
_SCHEMA = {"email": "EMAIL_SHA256", "phone": "PHONE_SHA256", "idfa": "IDFA_SHA256", "aaid": "AAID_SHA256"}
_DEVICE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PAGE = 100


class TiktokAdsSettings(Settings):
    """A long-lived token (scope: audience management) and the advertiser whose audience is filled."""

    access_token: SecretStr = Field(description="an access token of your TikTok app with audience management")
    advertiser_id: str = Field(pattern=r"^\d+$", description="the advertiser account")
    audience_id: str = Field(default="", pattern=r"^\d*$", description="the audience; unset: found or created by name")
    version: str = Field(default="v1.3", pattern=r"^v\d+\.\d+$", description="the version of the Business API")


class TiktokAds(Destination):
    """Adds to and deletes from one custom audience."""

    settings: TiktokAdsSettings
    settings_type = TiktokAdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _MAPPING, Operation.REMOVE: _MAPPING},
        identifiers=tuple(_SCHEMA),
        attributes=False,
        hashed=True,
        matches_any=True,
        paid=True,
        needs_target=True,
        minimum=1000,
        target="audience_id",
    )

    def identify(self, kind: str, value: str, region: str | None = None) -> str:
        normalise = super().identify
        if kind not in _SCHEMA:
            return normalise(kind, value, region)
        return hash_of(value, lambda plain: _one_case(normalise(kind, plain, region)))

    def deliver(self, batch: Batch) -> Exchange:
        batch, nobody = known_by(batch, _SCHEMA)
        if not batch.members:
            return nobody
        response = yield self._ask("POST", "segment/mapping/", self._mapping(batch))
        return [*nobody, *read_mapping(batch, response)]

    def _mapping(self, batch: Batch) -> dict[str, Any]:
        """Rows by position: `{}` for an identifier that a member has not."""
        kinds = [kind for kind in _SCHEMA if any(kind in member.identifiers for member in batch.members)]
        audiences = [batch.target or ""]
        rows = [[{"id": member.identifiers[kind], "audience_ids": audiences} if kind in member.identifiers else {}
                 for kind in kinds] for member in batch.members]  # fmt: skip
        action = "delete" if batch.operation is Operation.REMOVE else "add"
        return {"advertiser_ids": [self.settings.advertiser_id], "action": action,
                "id_schema": [_SCHEMA[kind] for kind in kinds], "batch_data": rows}  # fmt: skip

    def prepare(self, name: str) -> Preparation:
        remote, page, pages = discreet(name), 1, 1
        while page <= pages:
            response = yield self._list(page, _PAGE)
            for audience in expect_data(response, list, "list", "the list of audiences"):
                if walk(audience, "name") == remote and str(walk(audience, "audience_id")).isdecimal():
                    return str(audience["audience_id"])
            total = response.get("data", "page_info", "total_page")
            page, pages = page + 1, min(total, _PAGE) if type(total) is int else 1
        body = {"custom_audience_name": remote, "advertiser_id": self.settings.advertiser_id, "action": "create"}
        response = yield self._ask("POST", "segment/audience/", body, **_READING)
        return str(expect_data(response, str, "audience_id", "the new audience"))

    def check(self) -> Generator[Request, Response, None]:
        response = yield self._list(1, 1)
        expect_data(response, list, "list", "the audiences of the advertiser")

    def throttled(self, response: Response) -> float | None:
        if response.status == 429 or (response.ok and code_of(response) in _THROTTLING):
            return response.retry_after or 0.0
        return None

    def failed(self, response: Response) -> bool:
        return super().failed(response) or (response.ok and 50_000 <= (code_of(response) or 0) < 60_000)

    def refused(self, response: Response) -> str | None:
        number = code_of(response)
        if number not in _CREDENTIALS:
            return super().refused(response)
        return (f"TikTok refused the credentials ({number}): give access_token a token of your app with audience "
                "management for this advertiser_id; streaming segments must be allowed for the app")  # fmt: skip

    def _list(self, page: int, size: int) -> Request:
        query: dict[str, str | int] = {"advertiser_id": self.settings.advertiser_id, "page": page, "page_size": size}
        return self._ask("GET", with_query("dmp/custom_audience/list/", **query), **_READING)

    def _ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        root = self.settings.root("https://business-api.tiktok.com")
        login = {"Access-Token": self.settings.access_token.get_secret_value()}
        url = f"{root}/open_api/{self.settings.version}/{path}"
        return send_json(method, url, body, login, reads=method == "GET", **more)


def _one_case(plain: str) -> str:
    return plain.lower() if _DEVICE.fullmatch(plain) else plain
