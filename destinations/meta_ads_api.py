"""How Meta is asked: the log-in of an app's system user, the proof that it may be asked for, the ad account."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from destinations.api import Calls, Query, revealed
from destinations.http import Json, Request, bearer
from destinations.protocol import Refused

if TYPE_CHECKING:
    from destinations.meta_ads import MetaAdsSettings


class Api(Calls):
    """The calls of one ad account."""

    settings: MetaAdsSettings

    @property
    def root(self) -> str:
        return f"{self.settings.root('https://graph.facebook.com')}/{self.settings.version}"

    @property
    def headers(self) -> Mapping[str, str]:
        return bearer(revealed(self.settings.access_token))

    @property
    def account(self) -> str:
        """The ad account. Raises Refused where none is given."""
        number = self.settings.ad_account_id.removeprefix("act_")
        if not number:
            raise Refused("Meta needs ad_account_id to find or create an audience: set it, or audience_id")
        return f"act_{number}"

    def ask(self, method: str, path: str, body: Json = None, *, query: Query | None = None, **more: Any) -> Request:
        """One request, with the proof that an app may demand of whoever holds the token."""
        token, proof = revealed(self.settings.access_token).encode(), dict[str, str]()
        if secret := revealed(self.settings.app_secret).encode():
            proof["appsecret_proof"] = hmac.new(secret, token, hashlib.sha256).hexdigest()
        return super().ask(method, path, body, query={**(query or {}), **proof}, **more)
