"""Google's user lists: found or made by name, as far as the name may be told."""

from __future__ import annotations

from destinations.answers import expect
from destinations.discretion import discreet
from destinations.google_ads_answers import blame, user_lists
from destinations.google_ads_api import OTHER, Api
from destinations.http import Json, Request, walk
from destinations.protocol import Limits, Preparation

_LISTS = Limits(rates=OTHER, rate_class="user-lists")
_KINDS = {"CONTACT_ID": "contactIdInfo", "USER_ID": "userIdInfo", "MOBILE_ID": "mobileIdInfo"}


def find_or_make(api: Api, name: str) -> Preparation:
    """The id of the user list of this name."""
    remote, key = discreet(name), api.settings.upload_key
    wanted = remote.replace("\\", "\\\\").replace('"', '\\"')
    response = yield ask_for_lists(api, "GET", filter=f'display_name = "{wanted}"')
    for found in user_lists(response):
        if walk(found, "displayName") == remote and str(walk(found, "id")).isdecimal():
            return str(found["id"])
    own = {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}
    body: Json = {
        "displayName": remote,
        "description": "Kept by Tailrace",
        "membershipDuration": f"{api.settings.membership_days * 86_400}s",
        "ingestedUserListInfo": {"uploadKeyTypes": [key], _KINDS[key]: own},
    }
    response = yield ask_for_lists(api, "POST", body)
    blame(response, "the new user list")
    return str(expect(response, str, "id", what="the new user list"))


def ask_for_lists(api: Api, method: str, body: Json = None, **query: str | int) -> Request:
    """One request about the account's user lists, which says who manages the account."""
    manager = api.settings.login_account_id
    headers = {"login-account": f"accountTypes/GOOGLE_ADS/accounts/{manager}"} if manager else {}
    path = f"accountTypes/GOOGLE_ADS/accounts/{api.settings.account_id}/userLists"
    return api.ask(method, path, body, query=query, headers=headers, limits=_LISTS)
