"""HubSpot's records: created and updated by a unique property, and forgotten."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial

from destinations.answers import unaccepted
from destinations.http import Json, Request, Response
from destinations.hubspot_answers import blame_properties, read_rows, why_of
from destinations.hubspot_api import Api
from destinations.hubspot_bodies import key_of, upsert_row
from destinations.protocol import Batch, Exchange, Outcome, Verdict, every


def upsert(api: Api, batch: Batch) -> Generator[Request, Response, Sequence[Outcome]]:
    """Create or update a record for each member."""
    own, inputs = api.settings, [upsert_row(api.settings, member) for member in batch.members]
    response = yield api.ask("POST", f"{api.objects}/batch/upsert", {"inputs": inputs})
    names = {own.id_property, *(name for one in inputs for name in one["properties"])}
    blame_properties(response, names, own.object_type)
    return read_rows(batch, response, own.id_property, partial(key_of, own))


def forget(api: Api, batch: Batch) -> Exchange:
    """GDPR delete: the contact and all that was written of it, and the address may never be used again."""
    [member], own = batch.members, api.settings
    if own.object_type != "contacts":
        return every(batch, Verdict.REJECTED, "a company is nobody who could be forgotten")
    key, body = key_of(own, member), dict[str, Json]()
    if own.id_property == "email" and key:
        body = {"objectId": key, "idProperty": "email"}
    elif key:
        found = yield from api.look_up(batch)
        if isinstance(found, Response):
            return every(batch, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
        body = {"objectId": found[member.id]} if member.id in found else {}
    if not body:
        return every(batch, Verdict.ACCEPTED, "not in HubSpot")
    response = yield api.ask("POST", f"{api.objects}/gdpr-delete", body)
    if response.status == 404 and response.get("category") == "OBJECT_NOT_FOUND":
        return every(batch, Verdict.ACCEPTED, "not in HubSpot")
    taken = response.status == 204
    return every(batch, Verdict.ACCEPTED) if taken else unaccepted(batch, response, why_of(response.json))
