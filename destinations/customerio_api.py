"""How Customer.io is asked: the Track and App APIs of a region, and what a batch answers row by row."""

from __future__ import annotations

from typing import Any

from destinations.answers import code, unaccepted
from destinations.http import Json, Request, Response, basic_auth, send_json, walk
from destinations.protocol import Batch, Limits, Outcome, Refused, Verdict

RATES = ((1000, 1.0),)
APP = Limits(rates=((10, 1.0),), rate_class="app")


class Api:
    """The calls of one workspace."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @property
    def track(self) -> str:
        """The Track API of the account's region."""
        track: str = self.settings.root(f"https://track{self._suffix}.customer.io")
        return track

    @property
    def _suffix(self) -> str:
        return "-eu" if self.settings.region == "eu" else ""

    @property
    def login(self) -> dict[str, str]:
        """The Track API's log-in."""
        return basic_auth(self.settings.site_id, self.settings.api_key.get_secret_value())

    def ask(self, method: str, path: str, body: Json = None, limits: Limits = APP) -> Request:
        """One request to the App API."""
        if not self.settings.app_api_key:
            raise Refused("Customer.io finds and creates segments, and starts messages, for App API keys only: "
                          "set app_api_key or segment_id")
        url = self.settings.root(f"https://api{self._suffix}.customer.io") + path
        login = {"Authorization": f"Bearer {self.settings.app_api_key.get_secret_value()}"}
        return send_json(method, url, body, login, reads=method == "GET",
                         rate_class=limits.rate_class, rates=limits.rates)


def read_rows(batch: Batch, response: Response) -> list[Outcome]:
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
