"""Carriers: what carries a request whose URL is not of HTTP, chosen by its scheme and loaded when first needed.

A carrier answers in the words of HTTP, so that a destination, its cases and the driver know one vocabulary: 200 done,
4xx refused (429 for now), `Lost` when nobody knows; `Lost.sent` is False only where nothing can have been applied.
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from destinations.protocol import Request
from pipelines.delivery.ports import Answer, Lost

_MODULES = {"smtp": "smtp", "smtps": "smtp", "postgresql": "sql", "duckdb": "sql", "file": "files"}


class Carrier(Protocol):
    """Carries the requests of one thread, one after the other."""

    def carry(self, request: Request) -> Answer: ...

    def close(self) -> None: ...


def scheme_of(request: Request) -> str:
    """What stands before `://`."""
    return urlsplit(request.url).scheme


def is_foreign(request: Request) -> bool:
    """Whether this request is not for HTTP."""
    return scheme_of(request) in _MODULES


class Carriers:
    """The carriers of one thread; each keeps its connections until the thread ends."""

    def __init__(self) -> None:
        self._open: dict[str, Carrier] = {}

    def carry(self, request: Request) -> Answer:
        name = _MODULES[scheme_of(request)]
        try:
            if name not in self._open:
                self._open[name] = importlib.import_module(f"pipelines.delivery.{name}").Carrier()
            return self._open[name].carry(request)
        except ModuleNotFoundError as error:
            return Lost(f"never sent: {error.name} is not installed (pip install {error.name})", sent=False)
        except Exception as error:  # a thread that died would answer nobody
            return Lost(f"lost: {type(error).__name__}", sent=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for carrier in self._open.values():
            carrier.close()
