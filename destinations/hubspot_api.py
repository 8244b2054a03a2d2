"""How HubSpot is asked: the log-in, the addresses of each version, and records read by a property or an id."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from destinations.http import Json, Request, Response, send_json, walk
from destinations.hubspot_bodies import key_of
from destinations.protocol import Batch

# 100 requests in 10 seconds is what the smallest accounts may send.
RATES = ((100, 10.0),)


class Api:
    """The calls of one account."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

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
        return f"/crm/v3/{name}" if version == "v3" else f"/crm/{name}/{version}"

    def ask(self, method: str, path: str, body: Json = None, reads: bool = False) -> Request:
        """One request."""
        login = {"Authorization": f"Bearer {self.settings.access_token.get_secret_value()}"}
        url = self.settings.root("https://api.hubapi.com") + path
        return send_json(method, url, body, login, reads=reads, rate_class="crm", rates=RATES)

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
