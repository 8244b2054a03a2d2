"""How HubSpot is asked: the log-in, the addresses of each version, and records read by a property or an id."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from destinations.api import Calls, revealed
from destinations.http import Json, Request, Response, bearer, walk
from destinations.hubspot_bodies import key_of
from destinations.protocol import Batch, Limits

if TYPE_CHECKING:
    from destinations.hubspot import HubspotSettings

# 100 requests in 10 seconds is what the smallest accounts may send.
CRM = Limits(rates=((100, 10.0),), rate_class="crm")


class Api(Calls):
    """The calls of one account."""

    settings: HubspotSettings

    @property
    def root(self) -> str:
        return f"{self.settings.root('https://api.hubapi.com')}/crm"

    @property
    def headers(self) -> Mapping[str, str]:
        return bearer(revealed(self.settings.access_token))

    @property
    def objects(self) -> str:
        """The path of the records."""
        return f"{self._room('objects')}/{self.settings.object_type}"

    @property
    def lists(self) -> str:
        """The path of the lists."""
        return self._room("lists")

    def _room(self, name: str) -> str:
        version = self.settings.version
        return f"v3/{name}" if version == "v3" else f"{name}/{version}"

    def ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        return super().ask(method, path, body, limits=CRM, **more)

    def read_records(self, ids: Sequence[str], **by: str) -> Request:
        """The records of these ids, or `by` idProperty, with the property that members are keyed by."""
        inputs: Json = [{"id": one} for one in ids]
        body: Json = {**by, "inputs": inputs, "properties": [self.settings.id_property], "propertiesWithHistory": []}
        return self.ask("POST", f"{self.objects}/batch/read", body, reads=True)

    def look_up(self, batch: Batch) -> Generator[Request, Response, dict[str, str] | Response]:
        """Record ids by operation, found by the property that members are keyed by, or the answer that told none."""
        name, keys = self.settings.id_property, {member.id: key_of(self.settings, member) for member in batch.members}
        response = yield self.read_records(list(keys.values()), idProperty=name)
        results = response.get("results")
        if not response.ok or not isinstance(results, list):
            return response
        found = {str(walk(result, "properties", name)).lower(): walk(result, "id") for result in results}
        return {unique: remote for unique, key in keys.items() if isinstance(remote := found.get(key.lower()), str)}
