"""The custom audience of a Meta ad account: found or made by name, as far as the name may be told."""

from __future__ import annotations

from destinations.discretion import discreet
from destinations.http import Json, walk
from destinations.meta_ads_answers import expect_field
from destinations.meta_ads_api import Api
from destinations.protocol import Preparation


def find_or_make(api: Api, name: str) -> Preparation:
    """The id of the audience of this name."""
    remote, edge, after = discreet(name), f"{api.account}/customaudiences", dict[str, str]()
    while True:
        response = yield api.ask("GET", edge, query={"fields": "name", "limit": 100, **after})
        for audience in expect_field(response, list, "data", "the list of audiences"):
            if walk(audience, "name") == remote and isinstance(walk(audience, "id"), str):
                return str(audience["id"])
        cursor = response.get("paging", "cursors", "after") if response.get("paging", "next") else None
        if not isinstance(cursor, str) or cursor in after.values():
            break
        after = {"after": cursor}
    body: Json = {"name": remote, "subtype": "CUSTOM", "description": "Kept by Tailrace",
                  "customer_file_source": api.settings.customer_file_source}
    response = yield api.ask("POST", edge, body)
    return str(expect_field(response, str, "id", "the new audience"))
