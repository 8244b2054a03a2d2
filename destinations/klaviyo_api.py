"""How Klaviyo is asked: headers and revision, collections page by page, profiles by identifier, jobs in portions."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from destinations.answers import code, resend, unaccepted
from destinations.api import Calls, revealed
from destinations.http import Json, Request, Response, walk
from destinations.klaviyo_bodies import FIELDS, ROW, key_of
from destinations.protocol import Batch, Limits, Member, Outcome, Verdict

if TYPE_CHECKING:
    from destinations.klaviyo import KlaviyoSettings

MEDIUM = ((10, 1.0), (150, 60.0))
LARGE = ((75, 1.0), (750, 60.0))
PROFILES = Limits(rates=LARGE, rate_class="profiles")
_KIND = "application/vnd.api+json"
_LOOKUP = 50
RUNS = "the job has not ended"


class Api(Calls):
    """The calls of one account."""

    settings: KlaviyoSettings

    @property
    def root(self) -> str:
        return f"{self.settings.root('https://a.klaviyo.com')}/api"

    @property
    def headers(self) -> Mapping[str, str]:
        key = revealed(self.settings.api_key)
        return {"Authorization": f"Klaviyo-API-Key {key}", "revision": self.settings.revision, "Accept": _KIND}

    def ask(self, method: str, path: str, body: Json = None, **more: Any) -> Request:
        """One request, of JSON:API's kind."""
        kind = {"Content-Type": _KIND} if body is not None else {}
        return super().ask(method, path, body, headers=kind, **more)

    def read(
        self, path: str, limits: Limits, query: dict[str, str]
    ) -> Generator[Request, Response, list[Any] | Response]:
        """All pages of a collection, or the answer that was none. Of a link only the cursor is followed."""
        found, pages, seen = list[Any](), {"page[size]": "100"}, set[str]()
        while True:
            response = yield self.ask("GET", path, query={**query, **pages}, limits=limits)
            data = response.get("data")
            if not response.ok or not isinstance(data, list):
                return response
            found += data
            _, _, after = str(response.get("links", "next", default="")).partition("?")
            cursor = parse_qs(after).get("page[cursor]", [""])[0]
            if not cursor or cursor in seen:
                return found
            seen.add(cursor)
            pages["page[cursor]"] = cursor

    def find(
        self, members: Sequence[Member], *, with_consent: bool = False
    ) -> Generator[Request, Response, tuple[dict[str, Any], list[Outcome]]]:
        """The profile of each member, None where Klaviyo has none; and members that could not be asked for."""
        profiles, failed = dict[str, Any](), list[Outcome]()
        more = {"additional-fields[profile]": "subscriptions"} if with_consent else {}
        for kind, field in FIELDS.items():
            sought = [member for member in members if key_of(member)[0] == kind]
            for start in range(0, len(sought), _LOOKUP):
                part = sought[start : start + _LOOKUP]
                wanted = json.dumps([key_of(member)[1] for member in part], separators=(",", ":"), ensure_ascii=False)
                shown = f"{field},subscriptions" if with_consent else field
                query = {"filter": f"any({field},{wanted})", "fields[profile]": shown, **more}
                found = yield from self.read("profiles", PROFILES, query)
                if isinstance(found, Response):
                    why = f"could not be looked up (HTTP {found.status})"
                    failed += [Outcome(member.id, Verdict.DEFERRED, why) for member in part]
                    continue
                known = {str(walk(profile, "attributes", field)).lower(): profile for profile in found}
                profiles |= {member.id: known.get(key_of(member)[1].lower()) for member in part}
        return profiles, failed

    def submit(
        self, batch: Batch, members: Sequence[Member], most: int, path: str, body: Callable[[Sequence[Member]], Json]
    ) -> Generator[Request, Response, tuple[list[tuple[Response, tuple[Member, ...]]], list[Outcome]]]:
        """Jobs of at most so many members: each answer and whom it took, and outcomes of those who were not taken."""
        jobs, outcomes = list[tuple[Response, tuple[Member, ...]]](), list[Outcome]()
        for start in range(0, len(members), most):
            part = tuple(members[start : start + most])
            response, left, wrong = yield from resend(
                lambda rows: self.ask("POST", path, body(rows), limits=Limits(rates=LARGE, rate_class=path)), part, ROW)
            outcomes += wrong
            if response.ok:
                jobs.append((response, left))
            else:
                outcomes += unaccepted(replace(batch, members=left), response, error_of(response))
        return jobs, outcomes


def error_of(response: Response) -> str:
    """The code of an error body's first error."""
    return code(response.get("errors", 0, "code"))
