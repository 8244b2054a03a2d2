"""The campaign of a Salesforce org: found or made, filled with records that are in, read back, and left by id."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace

from destinations.answers import expect, pending, unaccepted
from destinations.http import Json, Request, Response, walk
from destinations.protocol import (
    Batch,
    Exchange,
    Gone,
    Job,
    Operation,
    Outcome,
    Preparation,
    Reading,
    Refused,
    Verdict,
    every,
)
from destinations.salesforce_answers import ALREADY_THERE, GONE, error_of, read_result
from destinations.salesforce_api import Api
from destinations.salesforce_queries import ids_of, literal, select_members, select_records

_TOGETHER = 200
"""Records of a collection."""
_ASK_AGAIN = "the records are in, the campaign has not taken them yet"


def find_or_make(api: Api, name: str) -> Preparation:
    """The campaign of that name; made where there is none."""
    found = yield from api.query(f"SELECT Id FROM Campaign WHERE Name = {literal(name)} LIMIT 1")
    if isinstance(found, Response):
        expect(found, list, "records", what="the campaigns")
    if isinstance(found, list) and isinstance(walk(found, 0, "Id"), str):
        return str(found[0]["Id"])
    response = yield api.ask("POST", "sobjects/Campaign", {"Name": name, "IsActive": True})
    return str(expect(response, str, "id", what="the new campaign"))


def read_keys(api: Api, target: str) -> Reading:
    """The warehouse's keys of those on the campaign."""
    key = (api.member, api.settings.external_id_field)
    soql = f"SELECT {'.'.join(key)} FROM CampaignMember WHERE CampaignId = {literal(target)}"
    found = yield from api.query(soql)
    if isinstance(found, Response):
        raise Refused(f"cannot read the campaign {target} (HTTP {found.status}): check campaign_id")
    return [str(name) for row in found if (name := walk(row, *key))]


def enter(api: Api, job: Job, campaign: str, outcomes: Sequence[Outcome]) -> Exchange:
    """Put the records that are in on the campaign; those who are on it already stay."""
    done = [outcome for outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]
    ended = [outcome for outcome in outcomes if outcome.verdict is not Verdict.ACCEPTED]
    for part in parts(done, _TOGETHER):
        records: Json = [{"attributes": {"type": "CampaignMember"}, "CampaignId": campaign,
                          f"{api.member}Id": outcome.remote_id} for outcome in part]
        response = yield api.ask("POST", "composite/sobjects", {"allOrNone": False, "records": records})
        if not isinstance(response.json, list) or len(response.json) != len(part):
            ids = {one.id for one in part}
            ended += pending(job.id, [member for member in job.members if member.id in ids], _ASK_AGAIN)
            continue
        if all(walk(result, "errors", 0, "statusCode") in GONE for result in response.json):
            yield from _expect_campaign(api, campaign)
        ended += [read_result(result, one, ALREADY_THERE) for result, one in zip(response.json, part, strict=True)]
    return ended


def _expect_campaign(api: Api, campaign: str) -> Generator[Request, Response, None]:
    """Raise Gone where there is no such campaign: a record that was deleted is refused in the same words."""
    found = yield from api.query(f"SELECT Id FROM Campaign WHERE Id = {literal(campaign)}")
    if found == []:
        raise Gone(f"Salesforce knows no campaign {campaign}: correct campaign_id in connections.yml, or leave it out "
                   "to have the campaign found or created by name")


def delete(api: Api, batch: Batch) -> Exchange:
    """Find the campaign members, or the records themselves of persons to be forgotten, and delete them by id."""
    forget = batch.operation is Operation.DELETE
    kind, key = api.settings.object_type, api.settings.external_id_field
    if not forget and not batch.target:
        return every(batch, Verdict.REJECTED, "no campaign to remove from")
    soql = select_records(batch, kind, key) if forget else select_members(batch, api.member, key)
    found = yield from api.query(soql)
    if isinstance(found, Response):
        return every(batch, Verdict.DEFERRED, f"could not be looked up (HTTP {found.status})")
    ids = ids_of(batch, found, api.member, key)
    where = "in Salesforce" if forget else "in the campaign"
    outcomes = [Outcome(m.id, Verdict.ACCEPTED, f"not {where}") for m in batch.members if m.id not in ids]
    if not ids:
        return outcomes
    query = {"ids": ",".join(ids.values()), "allOrNone": "false"}
    response = yield api.ask("DELETE", "composite/sobjects", query=query)
    part = replace(batch, members=tuple(member for member in batch.members if member.id in ids))
    if not isinstance(response.json, list) or not response.ok or len(response.json) != len(part.members):
        return outcomes + unaccepted(part, response, error_of(response))
    return outcomes + [read_result(result, Outcome(member.id, Verdict.ACCEPTED), GONE)
                       for result, member in zip(response.json, part.members, strict=True)]


def parts(outcomes: Sequence[Outcome], size: int) -> Iterable[Sequence[Outcome]]:
    """Pieces of at most that size."""
    return (outcomes[start : start + size] for start in range(0, len(outcomes), size))
