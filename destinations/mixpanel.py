"""Mixpanel: profiles, cohorts by way of a list property, events.

Sources: https://docs.mixpanel.com/reference (ingestion API: import-events with strict=1, profile-batch-update, limits
of user profiles, regions; GDPR API, 2,000 people a request), its page on 400 answers, and the wire format of the
official SDK (mixpanel 5.4.1).

`distinct_id` is the key of the warehouse. Cohorts cannot be filled: a list property holds the names of a person's
audiences, for cohorts to filter by. Events are deduplicated by `$insert_id`; refused ones are named and the others
imported. Profile updates tell only whether all were taken: the driver halves what is refused.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator
from typing import Literal

from pydantic import Field, SecretStr

from destinations.answers import code, unaccepted
from destinations.http import Json, Request, Response, basic_auth, send_json, walk, with_query
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Limits,
    Member,
    Operation,
    Outcome,
    Refused,
    Settings,
    Verdict,
    every,
)

# 2,000 updates a request, of which a member takes up to three; a request may take 10 MB and an item 1 MB.
_PROFILES = Limits(rows=660, bytes=9_900_000, row_bytes=990_000, rate_class="engage")
# 30,000 events a second.
_IMPORT = Limits(rows=2000, bytes=9_900_000, row_bytes=990_000, rates=((15, 1.0),), rate_class="import")
_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_CONTACT = {"email": "$email", "phone": "$phone"}
_HOSTS = {"us": "api", "eu": "api-eu", "in": "api-in"}


class MixpanelSettings(Settings):
    """A project and a service account that may import into it."""

    project_id: str = Field(pattern=r"^\d+$", description="the project's id")
    project_token: str = Field(min_length=1, description="the project's token, which is public in every web page")
    username: str = Field(description="the service account's name")
    secret: SecretStr = Field(description="the service account's secret")
    privacy_token: SecretStr | None = Field(
        default=None, description="a token of the GDPR API: forgetting a person deletes their events too")
    region: Literal["us", "eu", "in"] = Field(default="us", description="us, eu or in: where the project lives")
    property: str = Field(default="tailrace_audiences", min_length=1, max_length=255,
                          description="the list property that holds a person's audiences")


class Mixpanel(Destination):
    """Writes profiles and the list of a person's audiences, imports events."""

    settings_type = MixpanelSettings
    capabilities = Capabilities(
        operations={
            Operation.ADD: _PROFILES,
            Operation.UPDATE: _PROFILES,
            Operation.REMOVE: _PROFILES,
            Operation.TRIGGER: _IMPORT,
            Operation.DELETE: Limits(rows=2000, rates=((1, 1.0),), rate_class="deletions"),
        },
        identifiers=("person", "email", "phone"),
        dedupe=Dedupe.KEY,
        # Repeats are dropped whenever they come; a month is as long as anything is ever sent again.
        dedupe_window=30 * 86_400,
    )

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.TRIGGER:
            response = yield self._import([occurrence(batch, member) for member in batch.members])
            return read_import(batch, response)
        outcomes = yield from self._engage(batch)
        if batch.operation is not Operation.DELETE or not self.settings.privacy_token:
            return outcomes
        response = yield self._ask_deletion(batch, self.settings.privacy_token.get_secret_value())
        if response.ok and response.get("status") == "ok":
            return outcomes
        return unaccepted(batch, response)

    def _engage(self, batch: Batch) -> Exchange:
        updates: Json = [update for member in batch.members for update in self._updates(batch, member)]
        if not updates:
            return every(batch, Verdict.ACCEPTED, "nothing to write")
        response = yield send_json("POST", with_query(f"{self._root}/engage", ip=0, strict=1, verbose=1), updates)
        return read_profiles(batch, response)

    def _updates(self, batch: Batch, member: Member) -> list[dict[str, Json]]:
        """Updates of one profile: an update carries one kind of change."""
        who: dict[str, Json] = {"$token": self.settings.project_token, "$distinct_id": member.person}
        name = self.settings.property
        if batch.operation is Operation.DELETE:
            return [{**who, "$delete": ""}]
        if batch.operation is Operation.REMOVE:
            return [{**who, "$remove": {name: batch.audience}}]
        contact = {field: member.identifiers[kind] for kind, field in _CONTACT.items() if kind in member.identifiers}
        given = {key: value for key, value in member.attributes.items() if value is not None} | contact
        cleared = [key for key, value in member.attributes.items() if value is None]
        return [
            *([{**who, "$set": given}] if given else []),
            *([{**who, "$unset": cleared}] if cleared else []),
            *([{**who, "$union": {name: [batch.audience]}}] if batch.operation is Operation.ADD else []),
        ]

    def _ask_deletion(self, batch: Batch, token: str) -> Request:
        host = {"us": "mixpanel", "eu": "eu.mixpanel", "in": "in.mixpanel"}[self.settings.region]
        address = f"{self.settings.root(f'https://{host}.com')}/api/app/data-deletions/v3.0/"
        body: Json = {"distinct_ids": [member.person for member in batch.members], "compliance_type": "GDPR"}
        url = with_query(address, token=self.settings.project_token)
        return send_json("POST", url, body, {"Authorization": f"Bearer {token}"})

    def check(self) -> Generator[Request, Response, None]:
        """An import of nothing: refused by its emptiness at most, unless the service account is wrong."""
        response = yield self._import([])
        if not response.ok and response.status != 400:
            raise Refused(f"Mixpanel does not answer as documented (HTTP {response.status}): check region and base_url")

    @property
    def _root(self) -> str:
        root: str = self.settings.root(f"https://{_HOSTS[self.settings.region]}.mixpanel.com")
        return root

    def _import(self, events: list[dict[str, Json]]) -> Request:
        login = basic_auth(self.settings.username, self.settings.secret.get_secret_value())
        url = with_query(f"{self._root}/import", strict=1, project_id=self.settings.project_id)
        return send_json("POST", url, events, login)


def occurrence(batch: Batch, member: Member) -> dict[str, Json]:
    """One event; `$insert_id` is the operation's id where that has the form Mixpanel takes, else a UUID made of it."""
    moment = member.occurred_at or batch.at
    known = _INSERT_ID.fullmatch(member.id)
    unique = member.id if known else str(uuid.uuid5(uuid.NAMESPACE_URL, f"tailrace:{member.id}"))
    time = {"time": int(moment.timestamp())} if moment else {}
    return {"event": batch.event, "properties": {**member.attributes, **time, "distinct_id": member.person,
                                                 "$insert_id": unique}}  # fmt: skip


def read_profiles(batch: Batch, response: Response) -> list[Outcome]:
    """1 takes all; 0 under HTTP 200 is a refusal."""
    taken = response.get("status")
    if response.ok and taken == 1 and type(taken) is int:
        return every(batch, Verdict.ACCEPTED)
    if response.ok and taken == 0 and type(taken) is int:
        return every(batch, Verdict.REJECTED, "HTTP 200 with status 0: an invalid profile update")
    return unaccepted(batch, response)


def read_import(batch: Batch, response: Response) -> list[Outcome]:
    """What is refused is named by index under HTTP 400, and the others are imported all the same."""
    imported, failed = response.get("num_records_imported"), response.get("failed_records", default=[])
    if type(imported) is not int or not isinstance(failed, list) or not (response.ok or response.status == 400):
        return unaccepted(batch, response)
    wrong = {walk(one, "index"): code("invalid", walk(one, "field")) for one in failed}
    named = {at: why for at, why in wrong.items() if type(at) is int and 0 <= at < len(batch.members)}
    whole = imported + len(named) >= len(batch.members) if failed or not response.ok else True
    rest = (Verdict.ACCEPTED, "") if whole else (Verdict.UNKNOWN, "some row was refused that was not named")
    return [Outcome(member.id, Verdict.REJECTED, named[at]) if at in named else Outcome(member.id, *rest)
            for at, member in enumerate(batch.members)]
