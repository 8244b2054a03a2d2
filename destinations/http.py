"""Requests and responses as values, and how to write and read them. Nothing here talks to a network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlencode

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a value. Its repr shows neither query, headers nor body: they carry secrets and persons."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    rate_class: str | None = None
    """Rate class when it differs from the operation's own."""
    rates: tuple[tuple[int, float], ...] | None = None
    """Windows of that class."""
    reads: bool = False
    """Changes nothing in the channel: always safe to repeat."""
    finish: Callable[[Request, int], Request] | None = field(default=None, repr=False, compare=False)
    """Called by the driver with the unix time just before each attempt: adds what must be fresh (a signature)."""
    allow_hosts: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Hosts that may be called wherever they are; set by the driver from the connection's settings."""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.split('?')[0]})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a request holds secrets and persons and is not pickled")


@dataclass(frozen=True, slots=True)
class Response:
    """A final answer. Nothing read from it can raise."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case."""
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def sent_at(self) -> float | None:
        """Unix time by the channel's own clock, from the header Date."""
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).timestamp()
        except (ValueError, TypeError):
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the header Retry-After asks for, as a number or as a date beside the header Date."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
            return float(value)
        try:
            until, now = (parsedate_to_datetime(text) for text in (value, self.headers.get("date", "")))
            return max(0.0, (until - now).total_seconds())
        except (ValueError, TypeError):
            return None

    @property
    def json(self) -> Any:
        """Parsed body, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def get(self, *path: str | int, default: Any = None) -> Any:
        """Walk the JSON body: `response.get("errors", 0, "detail")`; `default` where the path ends early."""
        return walk(self.json, *path, default=default)


def walk(value: Any, *path: str | int, default: Any = None) -> Any:
    """Follow keys and indexes into JSON; `default` where the path leaves it."""
    for step in path:
        inside = isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value)
        if not inside and not (isinstance(value, dict) and step in value):
            return default
        value = value[step]
    return value


def send_json(
    method: str, url: str, body: Json = None, headers: Mapping[str, str] | None = None, **more: Any
) -> Request:
    """A Request with a compact JSON body and its content type (unless `headers` name another)."""
    content = None if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    return Request(method, url, {**kind, **(headers or {})}, content, **more)


def with_query(url: str, **parameters: str | int) -> str:
    """`url?name=value…`, percent-encoded."""
    return f"{url}?{urlencode(parameters)}" if parameters else url


def basic_auth(user: str, password: str) -> dict[str, str]:
    """The Authorization header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The Authorization header of a token."""
    return {"Authorization": f"Bearer {token}"}
