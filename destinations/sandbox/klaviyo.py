"""Klaviyo: bulk imports into lists, removal by profile id, events (developers.klaviyo.com, revision 2026-07-15).

This file lists the operations and answers those on lists and profiles; `klaviyo_writes` answers imports and events,
`klaviyo_consent` suppressions and consent, `klaviyo_door` checks what all calls share, `klaviyo_account` keeps it all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from destinations.sandbox import klaviyo_bodies as bodies
from destinations.sandbox.channel import Call, Document, Reply, Route
from destinations.sandbox.klaviyo_account import Account, blank, tidy
from destinations.sandbox.klaviyo_consent import Consent
from destinations.sandbox.klaviyo_door import check, count, page, read_filter, refuse
from destinations.sandbox.klaviyo_writes import Writes

SUPPRESSED = "subscriptions.email.marketing.suppression.reason"
PROFILE_ID = re.compile(r"01[0-9A-Z]{24}")


class Klaviyo(Writes, Consent):
    """One Klaviyo account."""

    name = "klaviyo"
    routes = (
        Route("GET", "api/accounts", "accounts", "XS"),
        Route("GET", "api/lists", "find_lists", "L"),
        Route("POST", "api/lists", "create_list", "daily"),
        Route("GET", "api/lists/{key}", "show_list", "L"),
        Route("DELETE", "api/lists/{key}", "drop_list", "M"),
        Route("GET", "api/lists/{key}/relationships/profiles", "list_ids", "L"),
        Route("POST", "api/lists/{key}/relationships/profiles", "join", "M"),
        Route("DELETE", "api/lists/{key}/relationships/profiles", "leave", "M"),
        Route("GET", "api/lists/{key}/profiles", "list_profiles", "L"),
        Route("GET", "api/profiles", "find_profiles", "L"),
        Route("POST", "api/profile-import", "import_one", "L"),
        Route("POST", "api/profile-bulk-import-jobs", "import_many", "M"),
        Route("GET", "api/profile-bulk-import-jobs/{key}", "show_job", "M"),
        Route("GET", "api/profile-bulk-import-jobs/{key}/import-errors", "job_errors", "M"),
        Route("GET", "api/profile-bulk-import-jobs/{key}/profiles", "job_profiles", "M"),
        Route("POST", "api/events", "event", "XL"),
        Route("POST", "api/event-bulk-create-jobs", "events", "M"),
        Route("POST", "api/profile-suppression-bulk-create-jobs", "suppress", "L"),
        Route("GET", "api/profile-suppression-bulk-create-jobs/{key}", "show_suppression", "L"),
        Route("POST", "api/profile-suppression-bulk-delete-jobs", "unsuppress", "L"),
        Route("GET", "api/profile-suppression-bulk-delete-jobs/{key}", "show_unsuppression", "L"),
        Route("POST", "api/profile-subscription-bulk-create-jobs", "subscribe", "L"),
        Route("POST", "api/profile-subscription-bulk-delete-jobs", "unsubscribe", "L"),
        Route("POST", "api/data-privacy-deletion-jobs", "forget", "S"),
    )

    def blank(self) -> Document:
        return blank()

    def load(self, state: Document) -> None:
        super().load(state)
        self.account = Account(state)

    def settle(self) -> None:
        now = self.setup.clock()
        if self.account.settle(now) | self.end_suppressions(now):
            self.version += 1

    def truth(self) -> Document:
        profiles = self.state["profiles"]
        return {
            "audiences": {key: self._audience(found) for key, found in self.state["lists"].items()},
            "profiles": len(profiles),
            "messages": self.state["messages"],
            "repeats": self.state["repeats"],
            "suppressed": sorted(self.state["suppressed"]),
            "unsubscribed": sorted(self.state["unsubscribed"]),
            "flows": dict(self.state.get("flows", {})),
        }

    def _audience(self, found: Document) -> Document:
        profiles = [self.state["profiles"][key] for key in found["members"]]
        return {
            "name": found["name"],
            "members": sorted(map(self.account.shown, found["members"])),
            "keys": sorted(profile["external_id"] for profile in profiles if profile.get("external_id")),
        }

    def accounts(self, call: Call) -> Reply:
        link = {"self": f"{call.root}/api/accounts/SANDBX"}
        details = {
            "test_account": True,
            "timezone": "UTC",
            "preferred_currency": "EUR",
            "public_api_key": "SANDBX",
            "locale": "en",
        }
        return Reply(200, {"data": [{"type": "account", "id": "SANDBX", "attributes": details, "links": link}]})

    def find_lists(self, call: Call) -> Reply:
        found = dict(sorted(self.state["lists"].items()))
        wanted = read_filter(call, ("name", "id"))
        if wanted:
            field, values = wanted
            found = {key: one for key, one in found.items() if (key if field == "id" else one["name"]) in values}
        return page(call, list(found), lambda key: self._list(call, key), 10, 10)

    def create_list(self, call: Call) -> Reply:
        check(call, bodies.LIST)
        key = self.account.create_list(call.json["data"]["attributes"]["name"], self.now())
        return Reply(201, {"data": self._list(call, key)})

    def show_list(self, call: Call, key: str) -> Reply:
        self.known("lists", key)
        return Reply(200, {"data": self._list(call, key)})

    def drop_list(self, call: Call, key: str) -> Reply:  # noqa: ARG002 (all answers are called alike)
        self.known("lists", key)
        self.account.drop_list(key)
        return Reply(204)

    def _list(self, call: Call, key: str) -> Document:
        found = self.state["lists"][key]
        details = {
            "name": found["name"],
            "created": found["created"],
            "updated": found["created"],
            "opt_in_process": "single_opt_in",
        }
        return {"type": "list", "id": key, "attributes": details, "links": {"self": f"{call.root}/api/lists/{key}"}}

    def list_ids(self, call: Call, key: str) -> Reply:
        return page(call, sorted(self._members(call, key)), lambda one: {"type": "profile", "id": one}, 20, 100)

    def list_profiles(self, call: Call, key: str) -> Reply:
        return self.profiles(call, self._members(call, key))

    def _members(self, call: Call, key: str) -> Iterable[str]:
        members: Iterable[str] = self.known("lists", key)["members"]
        wanted = read_filter(call, ("email", "phone_number"))
        return members if wanted is None else set(members) & set(self._named(*wanted))

    def join(self, call: Call, key: str) -> Reply:
        self.known("lists", key)
        ids = self._ids(call)
        for number, one in enumerate(ids):
            if one not in self.state["profiles"]:
                raise refuse(404, "not_found", f"A profile with id {one} does not exist.", f"/data/{number}/id")
        for one in ids:
            self.account.join(key, one, self.now())
        return Reply(204, rows=len(ids))

    def leave(self, call: Call, key: str) -> Reply:
        members, ids = self.known("lists", key)["members"], self._ids(call)
        for one in ids:
            members.pop(one, None)
        return Reply(204, rows=len(ids))

    def _ids(self, call: Call) -> list[str]:
        check(call, bodies.MEMBERS)
        ids = [item["id"] for item in call.json["data"]]
        count(len(ids), 1000, "profiles", "/data")
        for number, one in enumerate(ids):
            if not PROFILE_ID.fullmatch(one):
                raise refuse(400, "invalid", "Not a Klaviyo profile id.", f"/data/{number}/id")
        return ids

    def find_profiles(self, call: Call) -> Reply:
        wanted = read_filter(call, ("id", "email", "phone_number", "external_id", SUPPRESSED))
        found = self.state["profiles"] if wanted is None else self._named(*wanted)
        return self.profiles(call, found)

    def _named(self, field: str, values: list[str]) -> set[str]:
        if field == SUPPRESSED:
            emails = self.state["suppressed"] if values == ["USER_SUPPRESSED"] else []
            return {key for email in emails if (key := self.account.index.get(("email", email)))}
        if field == "id":
            return {value for value in values if value in self.state["profiles"]}
        return {key for value in values if (key := self.account.index.get((field, tidy(field, value))))}

    def profiles(self, call: Call, keys: Iterable[str]) -> Reply:
        return page(call, sorted(keys), lambda key: self.profile(call, key), 20, 100)

    def profile(self, call: Call, key: str) -> Document:
        wanted = call.query.get("fields[profile]")
        details = self.state["profiles"][key]
        if call.query.get("additional-fields[profile]") == "subscriptions":
            details = {**details, "subscriptions": self.account.consents(key)}
        chosen = details if wanted is None else {name: details.get(name) for name in wanted.split(",")}
        return {
            "type": "profile",
            "id": key,
            "attributes": chosen,
            "links": {"self": f"{call.root}/api/profiles/{key}"},
        }
