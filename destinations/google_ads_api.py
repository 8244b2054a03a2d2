"""How Google's Data Manager is asked: the log-in, the addresses, whose account it is, user lists by name."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import quote

from destinations.answers import expect
from destinations.discretion import discreet
from destinations.google_ads_answers import blame, user_lists
from destinations.http import Json, Request, Response, send_json, walk, with_query
from destinations.login import fetch_token
from destinations.protocol import Preparation

OTHER = ((300, 60.0), (50_000, 86_400.0))
_LISTS: dict[str, Any] = {"rates": OTHER, "rate_class": "user-lists"}


class Api:
    """The calls of one account."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def log_in(self) -> Generator[Request, Response, dict[str, str]]:
        """The headers of all requests: a token that is given, or one that the refresh token fetches."""
        own = self._settings
        billed = {"x-goog-user-project": own.quota_project} if own.quota_project else {}
        if own.access_token:
            return {"Authorization": f"Bearer {own.access_token.get_secret_value()}", **billed}
        form = {"grant_type": "refresh_token", "client_id": own.client_id,
                "client_secret": own.client_secret.get_secret_value(),
                "refresh_token": own.refresh_token.get_secret_value()}  # fmt: skip
        url = f"{own.root('https://oauth2.googleapis.com')}/token"
        token = yield from fetch_token(url, {}, "an access token for client_id and refresh_token", **form)
        return {**token, **billed}

    def ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        """One request."""
        headers = dict[str, str]()
        if self._settings.login_account_id and "userLists" in path:
            login = quote(undashed(self._settings.login_account_id))
            headers["login-account"] = f"accountTypes/GOOGLE_ADS/accounts/{login}"
        url = f"{self._settings.root('https://datamanager.googleapis.com')}/v1/{path}"
        return send_json(method, url, body, headers, reads=method == "GET", **more)

    def find_or_make(self, name: str) -> Preparation:
        """The id of the user list of this name, as far as the name may be told."""
        remote, key = discreet(name), self._settings.upload_key
        wanted = remote.replace("\\", "\\\\").replace('"', '\\"')
        response = yield self.ask("GET", with_query(self._user_lists, filter=f'display_name = "{wanted}"'), **_LISTS)
        for found in user_lists(response):
            if walk(found, "displayName") == remote and str(walk(found, "id")).isdecimal():
                return str(found["id"])
        kind = {"CONTACT_ID": "contactIdInfo", "USER_ID": "userIdInfo"}.get(key, "mobileIdInfo")
        body: Json = {
            "displayName": remote,
            "description": "Kept by Tailrace",
            "membershipDuration": f"{self._settings.membership_days * 86_400}s",
            "ingestedUserListInfo": {"uploadKeyTypes": [key], kind: {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}},
        }
        response = yield self.ask("POST", self._user_lists, body, **_LISTS)
        blame(response, "the new user list")
        return str(expect(response, str, "id", what="the new user list"))

    def read_one_list(self) -> Request:
        """The cheapest question that needs the credentials."""
        return self.ask("GET", with_query(self._user_lists, pageSize=1), **_LISTS)

    @property
    def _user_lists(self) -> str:
        return f"accountTypes/GOOGLE_ADS/accounts/{undashed(self._settings.account_id)}/userLists"


def destination(settings: Any, target: str | None) -> dict[str, Json]:
    """The user list, and the accounts that own and manage it."""
    owner = {"accountType": "GOOGLE_ADS", "accountId": undashed(settings.account_id)}
    account: dict[str, Json] = {"operatingAccount": owner}
    if settings.login_account_id:
        account["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": undashed(settings.login_account_id)}
    return {**account, "productDestinationId": target or ""}


def undashed(account: str) -> str:
    """An account's number without the dashes that people write it with."""
    return account.replace("-", "")
