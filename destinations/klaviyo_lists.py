"""Klaviyo's lists: found or made by name, read back, and taken off by Klaviyo's own ids."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from destinations.answers import expect, resend, unaccepted
from destinations.http import Json, Request, Response, walk
from destinations.klaviyo_api import LARGE, MEDIUM, PROFILES, Api, error_of
from destinations.klaviyo_bodies import FIELDS
from destinations.klaviyo_consent import SUPPRESSIONS
from destinations.protocol import (
    Batch,
    Exchange,
    Gone,
    Limits,
    Member,
    Outcome,
    Preparation,
    Reading,
    Refused,
    Verdict,
    every,
)

LISTS = Limits(rates=LARGE, rate_class="lists")
_NEW_LIST = Limits(rates=(*MEDIUM, (150, 86_400.0)), rate_class="new-list")
_MEMBERS = Limits(rates=LARGE, rate_class="list-read")
_ROW = re.compile(r"/data/(\d+)(?:/(\w+))?")


def find_or_make(api: Api, name: str) -> Preparation:
    """The id of the list of this name."""
    query = {"filter": f"equals(name,{json.dumps(name, ensure_ascii=False)})", "fields[list]": "name"}
    response = yield api.ask("GET", "lists", query=query, limits=LISTS)
    for found in expect(response, list, "data", what="the lists"):
        if walk(found, "attributes", "name") == name and isinstance(walk(found, "id"), str):
            return str(found["id"])
    body: Json = {"data": {"type": "list", "attributes": {"name": name}}}
    response = yield api.ask("POST", "lists", body, limits=_NEW_LIST)
    return str(expect(response, str, "data", "id", what="the new list"))


def read_keys(api: Api, target: str) -> Reading:
    """Who is on a list, or suppressed by a user: the first identifier that each profile has."""
    path, limits, query = f"lists/{quote(target, safe='')}/profiles", _MEMBERS, dict[str, str]()
    if target == SUPPRESSIONS:
        reason = 'equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")'
        path, limits, query = "profiles", PROFILES, {"filter": reason}
    fields = {"fields[profile]": ",".join(FIELDS.values())}
    found = yield from api.read(path, limits, {**query, **fields})
    if isinstance(found, Response):
        blame_list(found, target if target != SUPPRESSIONS else None)
        raise Refused(f"cannot read the list {target} (HTTP {found.status}): check list_id and the key's scopes")
    keys = ([walk(one, "attributes", field) for field in FIELDS.values()] for one in found)
    return [str(next(filter(None, key))) for key in keys if any(key)]


def remove(api: Api, batch: Batch) -> Exchange:
    """Take members off a list by Klaviyo's ids; who has none yet is looked up first."""
    if not batch.target:
        return every(batch, Verdict.REJECTED, "no list to remove from")
    found, outcomes = yield from api.find([member for member in batch.members if not member.remote_id])
    ids = {m.id: m.remote_id or walk(found.get(m.id), "id") for m in batch.members}
    outcomes += [Outcome(unique, Verdict.ACCEPTED, "not in Klaviyo") for unique in found if ids[unique] is None]
    there = tuple(member for member in batch.members if isinstance(ids[member.id], str))
    if not there:
        return outcomes
    path = f"lists/{quote(batch.target, safe='')}/relationships/profiles"

    def ask(members: Sequence[Member]) -> Request:
        return api.ask("DELETE", path, {"data": [{"type": "profile", "id": ids[m.id]} for m in members]})

    response, left, named = yield from resend(ask, there, _ROW)
    if response.ok:
        return [*outcomes, *named, *(Outcome(m.id, Verdict.ACCEPTED, remote_id=ids[m.id]) for m in left)]
    if left:
        blame_list(response, batch.target)
    return [*outcomes, *named, *unaccepted(replace(batch, members=left), response, error_of(response))]


def blame_list(response: Response, target: str | None) -> None:
    """Raise Gone where the list is not there."""
    pointer = str(response.get("errors", 0, "source", "pointer"))
    if target and (response.status == 404 or (not response.ok and pointer.startswith("/data/relationships/lists"))):
        raise Gone(f"Klaviyo knows no list {target}: correct list_id in connections.yml, or leave it out to have the "
                   "list found or created by name")
