"""The sandbox: all channels on one loopback port, with the inbox page, the truth and the faults.

`/klaviyo`, `/customerio` and so on are the channels; `/` is the inbox; `/truth.json` shows what the
channels hold; `/requests.json`, `/faults` and `/reset` are for tests. Standard library only.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from destinations.sandbox import inbox
from destinations.sandbox.braze import Braze
from destinations.sandbox.channel import Call, Channel, Credentials, Document, Refuse, Reply, Setup
from destinations.sandbox.customerio import CustomerIo
from destinations.sandbox.faults import CARRIED, Fault, Faults, read_fault
from destinations.sandbox.google_ads import GoogleAds
from destinations.sandbox.hubspot import HubSpot
from destinations.sandbox.iterable import Iterable
from destinations.sandbox.klaviyo import Klaviyo
from destinations.sandbox.listener import Door, listen
from destinations.sandbox.meta_ads import MetaAds
from destinations.sandbox.mixpanel import Mixpanel
from destinations.sandbox.onesignal import Onesignal
from destinations.sandbox.salesforce import SalesForce
from destinations.sandbox.slack import SlackWorkspace
from destinations.sandbox.tiktok_ads import TiktokAds
from destinations.sandbox.twilio import TwilioMessages
from destinations.sandbox.webhook import Webhook

CHANNELS: tuple[type[Channel], ...] = (
    Klaviyo, CustomerIo, MetaAds, Webhook, Braze, GoogleAds, HubSpot, Iterable, Mixpanel, Onesignal, SalesForce,
    TiktokAds, TwilioMessages, SlackWorkspace,
)
REQUESTS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the log keeps it: no query, header or body."""

    channel: str
    method: str
    path: str
    status: int
    """0 where the connection was closed without an answer."""
    rows: int
    bytes: int
    """Bytes of the request body."""


class Sandbox:
    """All vendors' servers and their truth, in this process.

    `port` 0 takes a free one; `pace` enforces the vendors' rate windows; `state_file` keeps the truth between runs; the
    other options are those of `Setup`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        pace: bool = False,
        job_seconds: float = 0.2,
        meta_quota: int = 190_000,
        meta_minimum: int = 0,
        credentials: Credentials | None = None,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.credentials = credentials or Credentials()
        setup = Setup(clock, pace, job_seconds, meta_quota, meta_minimum, self.credentials)
        self.channels: dict[str, Channel] = {kind.name: kind(setup) for kind in CHANNELS}
        self.faults = Faults()
        self.requests: deque[Seen] = deque(maxlen=REQUESTS_KEPT)
        self._port, self._state_file = port, state_file
        self._door: Door | None = None
        self._counts: dict[str, list[int]] = {name: [0, 0] for name in self.channels}
        self._lock = threading.Lock()

    def start(self) -> Sandbox:
        """Listen. Raises OSError where the port is taken, ValueError where the state file is not one of ours."""
        self._load()
        self._door = listen(self._port, self)
        return self

    def stop(self) -> None:
        """Close all connections and save the truth."""
        if self._door is not None:
            self._door.stop()
            self._door = None
            self.save()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the inbox. Raises RuntimeError before start."""
        if self._door is None:
            raise RuntimeError("the sandbox is not started: call start() or use it as a context manager")
        return self._door.url

    def base_url(self, channel: str) -> str:
        """What `base_url` of a connection to this channel must be."""
        return f"{self.url}/{self.channels[channel].name}"

    def environment(self, url: str | None = None) -> dict[str, str]:
        """Values for the ${…} of a connections.yml; `url` where the sandbox is not started in this process."""
        own, root = self.credentials, url or self.url
        return {
            "KLAVIYO_API_KEY": own.klaviyo_api_key,
            "CUSTOMERIO_SITE_ID": own.customerio_site_id,
            "CUSTOMERIO_API_KEY": own.customerio_api_key,
            "CUSTOMERIO_APP_API_KEY": own.customerio_app_api_key,
            "META_AD_ACCOUNT_ID": own.meta_ad_account_id,
            "META_ACCESS_TOKEN": own.meta_access_token,
            "BRAZE_API_KEY": own.braze_api_key,
            "GOOGLE_ADS_ACCESS_TOKEN": own.google_ads_access_token,
            "GOOGLE_ADS_ACCOUNT_ID": own.google_ads_account_id,
            "TIKTOK_ADS_ACCESS_TOKEN": own.tiktok_ads_access_token,
            "TIKTOK_ADS_ADVERTISER_ID": own.tiktok_ads_advertiser_id,
            "ITERABLE_API_KEY": own.iterable_api_key,
            "MIXPANEL_PROJECT_ID": own.mixpanel_project_id,
            "MIXPANEL_PROJECT_TOKEN": own.mixpanel_project_token,
            "MIXPANEL_USERNAME": own.mixpanel_username,
            "MIXPANEL_SECRET": own.mixpanel_secret,
            "ONESIGNAL_APP_ID": own.onesignal_app_id,
            "ONESIGNAL_API_KEY": own.onesignal_api_key,
            "HUBSPOT_ACCESS_TOKEN": own.hubspot_access_token,
            "TWILIO_ACCOUNT_SID": own.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": own.twilio_auth_token,
            "SLACK_BOT_TOKEN": own.slack_bot_token,
            "SALESFORCE_ACCESS_TOKEN": own.salesforce_access_token,
            "WEBHOOK_URL": f"{root}/webhook",
            "WEBHOOK_SECRET": own.webhook_secret or "",
            **{f"{name.upper()}_BASE_URL": f"{root}/{name}" for name in self.channels},
        }

    def guide(self) -> str:
        """What to write into connections.yml and into the environment, for a person to read."""
        urls = [f"  {name:<11} {self.base_url(name)}" for name in self.channels]
        values = [f"  export {name}='{value}'" for name, value in self.environment().items()]
        return "\n".join([f"inbox: {self.url}/", "base_url of each connection:", *urls, "environment:", *values])

    def truth(self) -> Document:
        """`{"channels": {name: {"audiences": {id: {"name", "members", "keys"}}, "messages": […], …}}}`."""
        return {"channels": {name: self._truth_of(channel) for name, channel in self.channels.items()}}

    def _truth_of(self, channel: Channel) -> Document:
        with channel.lock:
            channel.settle()
            found = channel.truth()
            messages = list(found["messages"])
        requests, refused = self._counts[channel.name]
        return {**found, "messages": messages, "requests": requests, "refused": refused}

    def version(self) -> str:
        """Changes whenever the truth may have."""
        for channel in self.channels.values():
            with channel.lock:
                channel.settle()
        return f"{id(self):x}-{sum(c.version for c in self.channels.values())}-{sum(map(sum, self._counts.values()))}"

    def reset(self) -> None:
        """Forget everything: state, faults and the request log."""
        self.faults.clear()
        for channel in self.channels.values():
            with channel.lock:
                channel.load(channel.blank())
                channel.version += 1
        with self._lock:
            self.requests.clear()
            self._counts = {name: [0, 0] for name in self.channels}

    def fault(self, channel: str, kind: str, times: int = 1, after: int = 0, **more: Any) -> Fault:
        """Let `times` calls go wrong after `after` that go well; the kinds are `destinations.sandbox.faults.KINDS`."""
        document = {"channel": channel, "kind": kind, "times": times, "after": after, **more}
        fault = read_fault(document, tuple(self.channels))
        self.faults.add(fault)
        return fault

    def deliver(self, name: str, call: Call) -> Reply | None:
        """Hand a call to its channel, through the fault it meets; None means: close the connection."""
        channel = self.channels[name]
        fault = self.faults.take(name, call.method, call.path)
        reply = self._meet(channel, replace(call, fault=fault), fault)
        status, rows = (reply.status, reply.rows) if reply else (0, 0)
        with self._lock:
            self.requests.append(Seen(name, call.method, channel.shown(call.path), status, rows, len(call.body)))
            self._counts[name][0] += 1
            self._counts[name][1] += status >= 400
        return reply

    def page(self, call: Call) -> Reply:
        """Answer a call that belongs to no channel."""
        return inbox.answer(self, call)

    def holds(self, name: str) -> bool:
        """Whether there is a channel of that name."""
        return name in self.channels

    def _meet(self, channel: Channel, call: Call, fault: Fault | None) -> Reply | None:
        if fault is None or fault.kind in CARRIED:
            return _answer(channel, call)
        if fault.kind == "slow" and not fault.applied:
            time.sleep(fault.seconds)
            return _answer(channel, call)
        reply = _answer(channel, call) if fault.applied else None
        if fault.kind == "slow":
            time.sleep(fault.seconds)
            return reply
        return _broken(channel, fault)

    def save(self) -> None:
        """Write the truth to the state file, whole or not at all."""
        if self._state_file is None:
            return
        states = {}
        for name, channel in self.channels.items():
            with channel.lock:
                states[name] = json.loads(json.dumps(channel.state))
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._state_file.with_name(self._state_file.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump({"tailrace_sandbox": 1, "channels": states}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._state_file)

    def _load(self) -> None:
        if self._state_file is None or not self._state_file.exists():
            return
        states = _read_state(self._state_file)
        for name, channel in self.channels.items():
            if name in states:
                channel.load({**channel.blank(), **states[name]})


def _answer(channel: Channel, call: Call) -> Reply:
    with channel.lock:
        channel.version += 1
        try:
            return channel.answer(call)
        except Refuse as refusal:
            return refusal.reply


def _broken(channel: Channel, fault: Fault) -> Reply | None:
    if fault.kind == "throttle":
        return channel.throttled(fault.retry_after)
    if fault.kind == "token_expired":
        return channel.expired()
    if fault.kind == "garbage":
        return Reply(200, b"<html><body>upstream said nothing</body></html>", {"Content-Type": "text/html"})
    return None if fault.kind == "reset" else channel.error(fault.status, "The sandbox was asked to fail")


def _read_state(file: Path) -> Mapping[str, Document]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        channels = document["channels"] if document["tailrace_sandbox"] == 1 else None
    except (ValueError, KeyError, TypeError):
        channels = None
    if not isinstance(channels, dict):
        raise ValueError(  # noqa: TRY004 (the file's fault, not a type's)
            f"{file} is not a state file of the sandbox: move it away, or name another"
        )
    return channels


def serve(port: int = 8700, *, pace: bool = True, state_file: Path | None = None) -> Sandbox:
    """A started sandbox for people; `guide()` says how to use it and `stop()` ends it. Raises OSError: port taken."""
    return Sandbox(port, pace=pace, state_file=state_file).start()
