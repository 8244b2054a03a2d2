"""Mixpanel: profiles, cohorts by way of a list property, events.

Sources: https://docs.mixpanel.com/reference (ingestion API: import-events with strict=1, profile-batch-update, limits
of user profiles, regions; GDPR API, 2,000 people a request), its page on 400 answers, and the wire format of the
official SDK (mixpanel 5.4.1). Texts of more than 255 bytes would be cut off (docs: data types) and are not sent.

`distinct_id` is the key of the warehouse. Cohorts cannot be filled: a list property holds the names of a person's
audiences, for cohorts to filter by. Events are deduplicated by `$insert_id`; refused ones are named and the others
imported. Profile updates tell only whether all were taken: the driver halves what is refused.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field, SecretStr

from destinations.answers import sift, unaccepted
from destinations.http import Json, Request, Response, basic_auth, bearer, send_json, with_query
from destinations.mixpanel_answers import read_import, read_profiles
from destinations.mixpanel_bodies import occurrence, profile_updates, too_long
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Limits,
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

    settings: MixpanelSettings
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
        batch, wrong = sift(batch, lambda member: too_long(batch, member))
        return [*wrong, *((yield from self._send(batch)) if batch.members else ())]

    def _send(self, batch: Batch) -> Generator[Request, Response, Sequence[Outcome]]:
        if batch.operation is Operation.TRIGGER:
            response = yield self._import([occurrence(batch, member) for member in batch.members])
            return read_import(batch, response)
        outcomes = yield from self._engage(batch)
        if batch.operation is not Operation.DELETE or not self.settings.privacy_token:
            return outcomes
        response = yield self._forget(batch, self.settings.privacy_token.get_secret_value())
        if response.ok and response.get("status") == "ok":
            return outcomes
        return unaccepted(batch, response)

    def _engage(self, batch: Batch) -> Generator[Request, Response, Sequence[Outcome]]:
        updates: Json = [update for member in batch.members for update in profile_updates(self.settings, batch, member)]
        if not updates:
            return every(batch, Verdict.ACCEPTED, "nothing to write")
        response = yield send_json("POST", with_query(f"{self._root}/engage", ip=0, strict=1, verbose=1), updates)
        return read_profiles(batch, response)

    def _forget(self, batch: Batch, token: str) -> Request:
        host = {"us": "mixpanel", "eu": "eu.mixpanel", "in": "in.mixpanel"}[self.settings.region]
        address = f"{self.settings.root(f'https://{host}.com')}/api/app/data-deletions/v3.0/"
        body: Json = {"distinct_ids": [member.person for member in batch.members], "compliance_type": "GDPR"}
        url = with_query(address, token=self.settings.project_token)
        return send_json("POST", url, body, bearer(token))

    def check(self) -> Generator[Request, Response, None]:
        """An import of nothing: refused by its emptiness at most, unless the service account is wrong."""
        response = yield self._import([])
        if not response.ok and response.status != 400:
            raise Refused(f"Mixpanel does not answer as documented (HTTP {response.status}): check region and base_url")

    @property
    def _root(self) -> str:
        return self.settings.root(f"https://{_HOSTS[self.settings.region]}.mixpanel.com")

    def _import(self, events: list[dict[str, Json]]) -> Request:
        login = basic_auth(self.settings.username, self.settings.secret.get_secret_value())
        url = with_query(f"{self._root}/import", strict=1, project_id=self.settings.project_id)
        return send_json("POST", url, events, login)
