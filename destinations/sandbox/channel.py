"""What all channels of the sandbox share: a call, a reply, routes and rate windows.

A channel knows no sockets: it is handed a `Call` and answers a `Reply`, one at a time under its own lock. Its whole
state is one JSON-ready document, so that it can be shown, saved and loaded without a schema of its own.
"""

from __future__ import annotations

import base64
import json
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from destinations.sandbox.faults import Fault

Document = dict[str, Any]
Rates = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the sandbox accepts. The defaults are public on purpose: they open nothing but a local server."""

    klaviyo_api_key: str = "pk_sandbox"
    customerio_site_id: str = "sandbox-site"
    customerio_api_key: str = "sandbox-track"
    customerio_app_api_key: str = "sandbox-app"
    meta_ad_account_id: str = "1000000001"
    meta_access_token: str = "sandbox-meta"  # noqa: S105 (opens nothing but a local server)
    meta_app_secret: str | None = None
    """When set, every Meta call must carry a matching `appsecret_proof`."""
    braze_api_key: str = "sandbox-braze"
    braze_campaign_id: str = "sandbox-campaign"
    """The only campaign that is API-triggered."""
    braze_canvas_id: str = "sandbox-canvas"
    google_ads_access_token: str = "sandbox-google"  # noqa: S105 (opens nothing but a local server)
    google_ads_refresh_token: str = "sandbox-google-refresh"  # noqa: S105 (likewise)
    google_ads_account_id: str = "1000000002"
    tiktok_ads_access_token: str = "sandbox-tiktok"  # noqa: S105 (opens nothing but a local server)
    tiktok_ads_advertiser_id: str = "7000000000000000001"
    iterable_api_key: str = "sandbox-iterable"
    iterable_message_id: int = 1000004
    """The only campaign, and the only journey, that the API may start."""
    mixpanel_project_id: str = "1000003"
    mixpanel_project_token: str = "sandbox-mixpanel"  # noqa: S105 (opens nothing but a local server)
    mixpanel_username: str = "sandbox.service.account"
    mixpanel_privacy_token: str = "sandbox-privacy"  # noqa: S105 (opens nothing but a local server)
    mixpanel_secret: str = "sandbox-service-secret"  # noqa: S105 (opens nothing but a local server)
    onesignal_app_id: str = "00000000-0000-4000-8000-000000000001"
    onesignal_api_key: str = "sandbox-onesignal"
    hubspot_access_token: str = "sandbox-hubspot"  # noqa: S105 (opens nothing but a local server)
    salesforce_access_token: str = "sandbox-salesforce"  # noqa: S105 (opens nothing but a local server)
    twilio_account_sid: str = "AC" + "0" * 32
    twilio_auth_token: str = "sandbox-twilio"  # noqa: S105 (opens nothing but a local server)
    slack_bot_token: str = "xoxb-sandbox"  # noqa: S105 (opens nothing but a local server)
    webhook_secret: str | None = "whsec_" + base64.b64encode(b"tailrace sandbox webhook secret!").decode()
    """When None, webhook signatures are not looked at."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How strict and how quick the channels are."""

    clock: Callable[[], float]
    """Seconds since 1970."""
    pace: bool = False
    """Whether rate windows refuse calls."""
    job_seconds: float = 0.2
    """Time an asynchronous job takes."""
    meta_quota: int = 190_000
    """Calls an hour that Meta grants an ad account, before what its audiences add."""
    meta_minimum: int = 0
    """Rows below which no removal may take an audience of Meta's; 0: it may be emptied."""
    credentials: Credentials = field(default_factory=Credentials)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a channel. Its repr shows no query, header or body."""

    method: str
    path: str
    """Path below the channel's prefix, still percent-encoded, without the query."""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case."""
    body: bytes = field(default=b"", repr=False)
    root: str = ""
    """Address of the channel, for links in answers."""
    json: Any = field(default=None, repr=False)
    """The body parsed, or None when it is not JSON."""
    fault: Fault | None = None
    """A fault that the channel itself acts out (`partial`, `job_slow`, `job_failed`)."""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def refuses(self, row: int) -> bool:
        """Whether the `partial` fault of this call refuses row `row`."""
        return self.fault is not None and self.fault.kind == "partial" and (row + 1) % self.fault.every == 0


def read_call(method: str, target: str, headers: Mapping[str, str], body: bytes, root: str) -> Call:
    """A call from its raw parts."""
    path, _, query = target.partition("?")
    lowered = {name.lower(): value for name, value in headers.items()}
    return Call(method, path, dict(parse_qsl(query, keep_blank_values=True)), lowered, body, root, parse(body))


def parse(text: str | bytes) -> Any:
    """JSON, or None when it is not."""
    try:
        return json.loads(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `body` is sent as JSON unless it is bytes; None sends none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    """Rows the call carried, for the request log."""


class Refuse(Exception):
    """Ends the reading of a call with the vendor's own refusal."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply.status))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a vendor: `{name}` in the path stands for one segment, `take` names the method that answers."""

    method: str
    path: str
    take: str
    rate: str = ""
    """Rate class; its windows are counted for this route alone."""

    def match(self, path: str) -> dict[str, str] | None:
        wanted, given = self.path.split("/"), path.removeprefix("/").split("/")
        if len(wanted) != len(given):
            return None
        found: dict[str, str] = {}
        for want, have in zip(wanted, given, strict=True):
            head, brace, name = want.partition("{")
            if not (have == want if not brace else have.startswith(head) and len(have) > len(head)):
                return None
            if brace:
                found[name.rstrip("}")] = unquote(have[len(head) :])
        return found


class Windows:
    """Fixed rate windows, one set a key."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[tuple[str, float], tuple[int, int]] = {}

    def take(self, key: str, rates: Rates) -> float:
        """Count one call in all windows and answer 0, or count none and answer the seconds to wait."""
        now = self._clock()
        waits = [_rest(now, seconds) for limit, seconds in rates if self.used(key, seconds) >= limit]
        if waits:
            return max(waits)
        for _, seconds in rates:
            self._used[key, seconds] = (int(now // seconds), self.used(key, seconds) + 1)
        return 0

    def used(self, key: str, seconds: float) -> int:
        """Calls counted in the window that is open now."""
        window, used = self._used.get((key, seconds), (-1, 0))
        return used if window == int(self._clock() // seconds) else 0


def _rest(now: float, seconds: float) -> float:
    return max(seconds - now % seconds, 0.001)


class Channel(ABC):
    """One vendor: enforces its contract and keeps the truth in `state`."""

    name: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]]

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.lock = threading.Lock()
        self.version = 0
        self.windows = Windows(setup.clock)
        self.load(self.blank())

    @abstractmethod
    def blank(self) -> Document:
        """The state of a new account."""

    def load(self, state: Document) -> None:
        """Take over a state; overridden where indexes are derived from it."""
        self.state = state

    @abstractmethod
    def truth(self) -> Document:
        """Audiences with their members, and the messages received."""

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """Enforce the contract and apply the call. May raise Refuse."""

    @abstractmethod
    def error(self, status: int, message: str) -> Reply:
        """A refusal in the vendor's own form."""

    def throttled(self, wait: float | None) -> Reply:
        """The vendor's way to say slow down; `wait` None leaves out when to come back."""
        headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
        reply = self.error(429, "Too many requests")
        return Reply(429, reply.body, headers)

    def expired(self) -> Reply:
        """The vendor's way to say that the credential is good no longer."""
        return self.error(401, "The credential has expired")

    def settle(self) -> None:
        """Apply what asynchronous jobs have finished by now."""

    def shown(self, path: str) -> str:
        """The path as the request log keeps it: without a person's identifier."""
        return path

    def now(self) -> str:
        return stamp(self.setup.clock())

    def find(self, call: Call) -> tuple[Route, dict[str, str]]:
        """The route of a call. Raises Refuse with 405 or 404 where there is none."""
        matches = [(route, found) for route in self.routes if (found := route.match(call.path)) is not None]
        for route, found in matches:
            if route.method == call.method:
                return route, found
        what = f"{call.method} is not allowed here" if matches else "There is no such path"
        raise Refuse(self.error(405 if matches else 404, what))


def stamp(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
