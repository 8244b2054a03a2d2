"""A sandbox with a clock the test moves, and a client that speaks plain HTTP; `drive` lets a destination speak."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from destinations.http import Request, Response
from destinations.sandbox.channel import Credentials
from destinations.sandbox.server import Sandbox


@dataclass
class Clock:
    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Client:
    """One keep-alive connection to one channel, with the headers a good caller sends."""

    base: str
    headers: dict[str, str] = field(default_factory=dict)
    connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, body: Any = None, **headers: str | None) -> Answer:
        parts = urlsplit(self.base)
        self.connection = self.connection or http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**({} if content is None else {"Content-Type": "application/json"}), **self.headers, **renamed}
        target = path if path.startswith("http") else parts.path + path
        try:
            self.connection.request(method, target, content, {k: v for k, v in sent.items() if v is not None})
            response = self.connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (ConnectionError, TimeoutError):
            self.connection.close()
            self.connection = None
            raise

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@dataclass
class Bench:
    """A running sandbox, its clock and a client a channel."""

    sandbox: Sandbox
    clock: Clock
    klaviyo: Client
    customerio: Client
    app: Client
    meta: Client
    webhook: Client
    pages: Client

    def truth(self, channel: str) -> dict[str, Any]:
        return self.sandbox.truth()["channels"][channel]


def _bench(sandbox: Sandbox, clock: Clock) -> Bench:
    own, url = sandbox.credentials, sandbox.base_url
    klaviyo = {"Authorization": f"Klaviyo-API-Key {own.klaviyo_api_key}", "revision": "2026-07-15"}
    track = base64.b64encode(f"{own.customerio_site_id}:{own.customerio_api_key}".encode()).decode()
    return Bench(
        sandbox,
        clock,
        Client(url("klaviyo"), klaviyo),
        Client(url("customerio"), {"Authorization": f"Basic {track}"}),
        Client(url("customerio"), {"Authorization": f"Bearer {own.customerio_app_api_key}"}),
        Client(url("meta_ads"), {"Authorization": f"Bearer {own.meta_access_token}"}),
        Client(url("webhook")),
        Client(sandbox.url),
    )


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    """Start a sandbox with the options of `Sandbox`; all are stopped at the end."""
    benches: list[Bench] = []

    def start(**options: Any) -> Bench:
        clock = Clock()
        benches.append(_bench(Sandbox(clock=clock, **options).start(), clock))
        return benches[-1]

    yield start
    for bench in benches:
        for client in (bench.klaviyo, bench.customerio, bench.app, bench.meta, bench.webhook, bench.pages):
            client.close()
        bench.sandbox.stop()


@pytest.fixture
def open_client() -> Iterator[Callable[..., Client]]:
    """A client of any channel of a bench, with the headers given."""
    clients: list[Client] = []

    def start(bench: Bench, channel: str, **headers: str) -> Client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        clients.append(Client(bench.sandbox.base_url(channel), named))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def drive() -> Callable[[Bench, Generator[Request, Response, Any]], Any]:
    """The end of an exchange of a destination, each request sent once to the sandbox."""

    def run(bench: Bench, exchange: Generator[Request, Response, Any]) -> Any:
        try:
            request = next(exchange)
            while True:
                sent = request.finish(request, int(bench.clock.now)) if request.finish else request
                parts = urlsplit(sent.url)
                client = Client(f"{parts.scheme}://{parts.netloc}", dict(sent.headers))
                target = f"{parts.path}?{parts.query}" if parts.query else parts.path
                got = client.send(sent.method, target, sent.body)
                client.close()
                request = exchange.send(Response(got.status, got.headers, got.raw))
        except StopIteration as done:
            return done.value

    return run


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


@pytest.fixture
def credentials() -> type[Credentials]:
    return Credentials
