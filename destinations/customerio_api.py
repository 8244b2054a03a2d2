"""How Customer.io is asked: the Track and App APIs of a region, and what a batch answers row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from destinations.answers import code, unaccepted
from destinations.api import Calls, revealed
from destinations.http import Json, Request, Response, basic_auth, bearer, walk
from destinations.protocol import Batch, Limits, Outcome, Refused, Verdict

if TYPE_CHECKING:
    from destinations.customerio import CustomerioSettings

TRACK = Limits(rates=((1000, 1.0),), rate_class="track")
_APP = Limits(rates=((10, 1.0),), rate_class="app")
_SUFFIX = {"us": "", "eu": "-eu"}


class Track(Calls):
    """The calls of one workspace that say something of people."""

    settings: CustomerioSettings

    @property
    def root(self) -> str:
        return self.settings.root(f"https://track{_SUFFIX[self.settings.region]}.customer.io") + "/api"

    @property
    def headers(self) -> Mapping[str, str]:
        return basic_auth(self.settings.site_id, revealed(self.settings.api_key))


class App(Calls):
    """The calls of one workspace that find and make segments, and start messages."""

    settings: CustomerioSettings

    @property
    def root(self) -> str:
        return self.settings.root(f"https://api{_SUFFIX[self.settings.region]}.customer.io") + "/v1"

    @property
    def headers(self) -> Mapping[str, str]:
        if not self.settings.app_api_key:
            raise Refused("Customer.io finds and creates segments, and starts messages, for App API keys only: "
                          "set app_api_key or segment_id")
        return bearer(revealed(self.settings.app_api_key))

    def ask(self, method: str, path: str, body: Json = None, *, limits: Limits | None = None, **more: Any) -> Request:
        """One request; those that start no message share a limit."""
        return super().ask(method, path, body, limits=limits or _APP, **more)


def read_rows(batch: Batch, response: Response) -> Sequence[Outcome]:
    """200 takes all; 207 names the rows it refuses by `batch_index`; other refusals are for the whole request."""
    errors = response.get("errors", default=[] if response.status == 200 else None)
    if not response.ok:
        return unaccepted(batch, response, code(*(response.get("errors", 0, key) for key in ("reason", "field"))))
    if not isinstance(errors, list) or (response.body.strip() and not isinstance(response.json, dict)):
        return unaccepted(batch, response)
    refused = {walk(error, "batch_index"): code(walk(error, "reason"), walk(error, "field")) for error in errors}
    unclear = [index for index in refused if type(index) is not int or not 0 <= index < len(batch.members)]
    rest = (Verdict.UNKNOWN, "some row was refused that was not named") if unclear else (Verdict.ACCEPTED, "")
    return [Outcome(member.id, Verdict.REJECTED, refused[index] or "refused") if index in refused
            else Outcome(member.id, *rest) for index, member in enumerate(batch.members)]
