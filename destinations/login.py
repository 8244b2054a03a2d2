"""Logging in first: an exchange whose every request carries headers that another request may have to fetch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import urlencode

from destinations.answers import expect
from destinations.http import Request, Response, bearer


class LogsIn(Protocol):
    """A destination that says how its requests are signed."""

    def log_in(self) -> Generator[Request, Response, Mapping[str, str]]:
        """The headers of all requests."""
        ...


_D = TypeVar("_D", bound=LogsIn)
_A = ParamSpec("_A")
_T = TypeVar("_T")


def logged_in(
    method: Callable[Concatenate[_D, _A], Generator[Request, Response, _T]],
) -> Callable[Concatenate[_D, _A], Generator[Request, Response, _T]]:
    """The same exchange, begun by `log_in`, with those headers on each of its requests."""

    @wraps(method)
    def run(self: _D, /, *arguments: _A.args, **more: _A.kwargs) -> Generator[Request, Response, _T]:
        headers = yield from self.log_in()
        exchange = method(self, *arguments, **more)
        try:
            request = next(exchange)
            while True:
                answer = yield replace(request, headers={**headers, **request.headers})
                request = exchange.send(answer)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]

    return run


def fetch_token(
    url: str, headers: Mapping[str, str], what: str, **form: str
) -> Generator[Request, Response, dict[str, str]]:
    """The Authorization header of a token that OAuth hands out. The form is put in when it is sent: it is secret."""

    def fill(request: Request, now: int) -> Request:  # noqa: ARG001
        return replace(request, body=urlencode(form).encode())

    kind: dict[str, Any] = {"Content-Type": "application/x-www-form-urlencoded"}
    response = yield Request("POST", url, {**kind, **headers}, reads=True, finish=fill)
    return bearer(expect(response, str, "access_token", what=what))
