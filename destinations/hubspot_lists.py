"""HubSpot's static lists: found or made by name, filled and emptied by HubSpot's record ids, read back."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from destinations.answers import expect, unaccepted
from destinations.http import Request, Response, walk
from destinations.hubspot_answers import why_of
from destinations.hubspot_api import Api
from destinations.protocol import Batch, Gone, Outcome, Preparation, Reading, Refused, Verdict, every

_TYPES = {"contacts": "0-1", "companies": "0-2"}


def find_or_make(api: Api, name: str) -> Preparation:
    """The id of the static list of this name."""
    kind = _TYPES[api.settings.object_type]
    path = f"{api.lists}/object-type-id/{kind}/name/{quote(name, safe='')}"
    response = yield api.ask("GET", path)
    if response.status == 404:
        body = {"name": name, "objectTypeId": kind, "processingType": "MANUAL"}
        response = yield api.ask("POST", api.lists, body)
        return str(expect(response, str, "list", "listId", what="the new list"))
    found = str(expect(response, str, "list", "listId", what=f"the list {name}"))
    if response.get("list", "processingType") not in ("MANUAL", "SNAPSHOT", None):
        raise Refused(f"the list {name} is kept by its filters, and only static ones can be filled: rename it")
    return found


def read_keys(api: Api, target: str) -> Reading:
    """Who is on a list, by the property that members are keyed by."""
    found, after, name = list[str](), "", api.settings.id_property
    while True:
        path = f"{api.lists}/{quote(target, safe='')}/memberships"
        more = {"after": after} if after else {}
        response = yield api.ask("GET", path, query={"limit": 100, **more})
        blame_list(response, target)
        rows = expect(response, list, "results", what=f"the members of list {target}")
        before, after = after, response.get("paging", "next", "after", default="")
        if rows:
            response = yield api.read_records([str(walk(row, "recordId")) for row in rows])
            records = expect(response, list, "results", what="the records of the list")
            found += [key for record in records if isinstance(key := walk(record, "properties", name), str)]
        if not isinstance(after, str) or after in ("", before):
            return found


def put_on(api: Api, batch: Batch, ids: Mapping[str, str]) -> Generator[Request, Response, list[Outcome]]:
    """Outcomes of the members that were written, whose records are known by `ids`."""
    known = replace(batch, members=tuple(member for member in batch.members if member.id in ids))
    listed, missing = yield from _change(api, "add", known, ids)
    return [*listed, *every(missing, Verdict.DEFERRED, "the list did not find the record")]


def remove(api: Api, batch: Batch) -> Generator[Request, Response, Sequence[Outcome]]:
    """Take members off by their records; who has none, or one that was merged away, is looked up."""
    if not batch.target:
        return every(batch, Verdict.REJECTED, "no list to remove from")
    ids = {member.id: member.remote_id for member in batch.members if member.remote_id}
    outcomes, missing = yield from _take_off(api, batch, ids)
    if missing.members:
        found = yield from api.look_up(missing)
        if isinstance(found, Response):
            return [*outcomes, *every(missing, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")]
        more, missing = yield from _take_off(api, missing, found)
        outcomes = [*outcomes, *more]
    return [*outcomes, *every(missing, Verdict.ACCEPTED, "not in HubSpot")]


def _take_off(
    api: Api, batch: Batch, ids: Mapping[str, str]
) -> Generator[Request, Response, tuple[Sequence[Outcome], Batch]]:
    """Outcomes of the members whose record is known, and the members whose record is not."""
    known = replace(batch, members=tuple(member for member in batch.members if member.id in ids))
    unknown = replace(batch, members=tuple(member for member in batch.members if member.id not in ids))
    if not known.members:
        return [], unknown
    outcomes, missing = yield from _change(api, "remove", known, ids)
    return outcomes, replace(batch, members=unknown.members + missing.members)


def _change(
    api: Api, verb: str, batch: Batch, ids: Mapping[str, str]
) -> Generator[Request, Response, tuple[Sequence[Outcome], Batch]]:
    """Everyone is on or off the list now, but the members whose record the list calls missing."""
    path = f"{api.lists}/{quote(str(batch.target), safe='')}/memberships/{verb}"
    response = yield api.ask("PUT", path, [ids[member.id] for member in batch.members])
    blame_list(response, batch.target)
    gone = response.get("recordIdsMissing")
    if not response.ok or not isinstance(gone, list):
        return unaccepted(batch, response, why_of(response.json)), replace(batch, members=())
    away = {str(one) for one in gone}
    done = [Outcome(member.id, Verdict.ACCEPTED, remote_id=ids[member.id]) for member in batch.members
            if ids[member.id] not in away]
    return done, replace(batch, members=tuple(member for member in batch.members if ids[member.id] in away))


def blame_list(response: Response, target: str | None) -> None:
    """Raise Gone where the list is not there."""
    if response.status == 404:
        raise Gone(f"HubSpot knows no list {target}: correct list_id in connections.yml, or leave it out to have the "
                   "list found or created by name")
