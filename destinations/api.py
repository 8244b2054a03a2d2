"""How one account of a channel is asked: its address, the headers of all its requests, and how a request is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from destinations.http import Json, Request, send_json, with_query
from destinations.protocol import Limits

Query = Mapping[str, str | int]


class Calls(ABC):
    """The calls of one account. A channel says where it is and how to log in, and adds calls of its own."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def root(self) -> str:
        """What every path begins with."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request carries; nothing where another request has to fetch it (`destinations.login`)."""
        return {}

    def ask(
        self, method: str, path: str, body: Json = None, *, query: Query | None = None,
        headers: Mapping[str, str] | None = None, limits: Limits | None = None, reads: bool | None = None,
    ) -> Request:
        """One request, with headers of its own beside those of all, and paced by `limits` where it has its own; a GET
        only reads."""
        pace = {"rates": limits.rates, "rate_class": limits.rate_class} if limits else {}
        return send_json(method, with_query(f"{self.root}/{path}", **(query or {})), body,
                         {**self.headers, **(headers or {})}, reads=method == "GET" if reads is None else reads, **pace)


def revealed(secret: SecretStr | None) -> str:
    """The text of a secret; empty where it is not given."""
    return secret.get_secret_value() if secret else ""
