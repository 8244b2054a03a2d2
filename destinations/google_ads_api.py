"""How Google's Data Manager is asked: its address, and a log-in by a token that may have to be fetched."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from destinations.api import Calls, revealed
from destinations.http import Request, Response, bearer
from destinations.login import fetch_token

if TYPE_CHECKING:
    from destinations.google_ads import GoogleAdsSettings

OTHER = ((300, 60.0), (50_000, 86_400.0))
"""Windows of all that is neither ingested nor removed."""


class Api(Calls):
    """The calls of one account."""

    settings: GoogleAdsSettings

    @property
    def root(self) -> str:
        return f"{self.settings.root('https://datamanager.googleapis.com')}/v1"

    def log_in(self) -> Generator[Request, Response, dict[str, str]]:
        """The headers of all requests: a token that is given, or one that the refresh token fetches."""
        own = self.settings
        billed = {"x-goog-user-project": own.quota_project} if own.quota_project else {}
        if own.access_token:
            return {**bearer(revealed(own.access_token)), **billed}
        form = {"grant_type": "refresh_token", "client_id": own.client_id,
                "client_secret": revealed(own.client_secret), "refresh_token": revealed(own.refresh_token)}  # fmt: skip
        url = f"{own.root('https://oauth2.googleapis.com')}/token"
        token = yield from fetch_token(url, {}, "an access token for client_id and refresh_token", **form)
        return {**token, **billed}
