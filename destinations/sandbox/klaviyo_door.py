"""The door of the Klaviyo server: credentials, headers, rate windows, filters, pages and the JSON:API form of errors.

Rate windows hold for each operation by itself, as the OpenAPI file states them (`x-klaviyo-ratelimit`).
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route, parse
from destinations.sandbox.klaviyo_account import Account, tidy
from destinations.sandbox.shapes import Shape, complaints

KIND = "application/vnd.api+json"
RATES = {
    "XS": ((1, 1), (15, 60)),
    "S": ((3, 1), (60, 60)),
    "M": ((10, 1), (150, 60)),
    "daily": ((10, 1), (150, 60), (150, 86_400)),
    "L": ((75, 1), (750, 60)),
    "XL": ((350, 1), (3500, 60)),
}
IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "_kx")
KILOBYTES_100 = 100_000
Wrong = list[tuple[str, str]]
CODES = {401: "authentication_failed", 404: "not_found", 405: "method_not_allowed", 429: "throttled"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\w+)?")
FILTER = re.compile(r"(equals|any)\(([\w.]+),(.*)\)", re.DOTALL)
PARAMETER = re.compile(r"(fields|additional-fields)\[[\w-]+\]|page\[(size|cursor)\]|filter|sort|include")


class Door(Channel):
    """What every Klaviyo call passes before it is read."""

    account: Account

    def answer(self, call: Call) -> Reply:
        self.settle()
        self._authorise(call)
        route, found = self.find(call)
        wait = self.windows.take(_key(route), RATES[route.rate]) if self.setup.pace else 0
        if wait:
            return self.throttled(wait)
        _read_headers(call)
        reply: Reply = getattr(self, route.take)(call, **found)
        return Reply(reply.status, reply.body, {**self._steady(route), "Content-Type": KIND}, reply.rows)

    def _steady(self, route: Route) -> dict[str, str]:
        limit, seconds = RATES[route.rate][1]
        left = limit - self.windows.used(_key(route), seconds)
        reset = int(seconds - self.setup.clock() % seconds)
        return {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}

    def _authorise(self, call: Call) -> None:
        sent = call.headers.get("authorization")
        if sent is None:
            raise refuse(401, "not_authenticated", "Authentication credentials were not provided.")
        if sent != f"Klaviyo-API-Key {self.setup.credentials.klaviyo_api_key}":
            raise refuse(401, "authentication_failed", "Incorrect authentication credentials.")

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"errors": [_error(CODES.get(status, "error"), message)]}, {"Content-Type": KIND})

    def known(self, kind: str, key: str) -> Document:
        """The list or job of that id. Raises Refuse with 404."""
        if key not in self.state[kind]:
            raise refuse(404, "not_found", f"There is none of the {kind} with id {key}.")
        found: Document = self.state[kind][key]
        return found

    @abstractmethod
    def profiles(self, call: Call, keys: Iterable[str]) -> Reply:
        """A page of profiles."""

    @abstractmethod
    def profile(self, call: Call, key: str) -> Document:
        """A profile as a resource, with the fields the call asks for."""


def _key(route: Route) -> str:
    return f"{route.method} {route.path}"


def _read_headers(call: Call) -> None:
    if not REVISION.fullmatch(call.headers.get("revision", "")):
        raise refuse(400, "invalid", "The revision header (YYYY-MM-DD) is missing or malformed.")
    if call.body and call.content_type not in (KIND, "application/json"):
        raise refuse(415, "unsupported_media_type", f"Content-Type must be {KIND}.")
    for name in call.query:
        if not PARAMETER.fullmatch(name):
            raise refuse(400, "invalid", f"'{name}' is not a valid query parameter.", parameter=name)


def _error(code: str, detail: str, **source: str) -> Document:
    title = "Invalid input." if code == "invalid" else "The request was refused."
    return {
        "id": f"sandbox-{code}",
        "code": code,
        "title": title,
        "detail": detail,
        "source": source or {"pointer": "/data/"},
    }


def refuse(status: int, code: str, detail: str, pointer: str | None = None, parameter: str | None = None) -> Refuse:
    """One error in Klaviyo's form, as an exception."""
    source = {"pointer": pointer} if pointer else {"parameter": parameter} if parameter else {}
    return Refuse(Reply(status, {"errors": [_error(code, detail, **source)]}, {"Content-Type": KIND}))


def refuse_rows(wrong: Sequence[tuple[str, str]]) -> Refuse:
    """Several errors, each with the pointer that names its row: the whole request is refused."""
    errors = [_error("invalid", detail, pointer=pointer) for pointer, detail in wrong]
    return Refuse(Reply(400, {"errors": errors}, {"Content-Type": KIND}))


def check(call: Call, shape: Shape, limit: int | None = None) -> None:
    """Refuse a body that is too large, not JSON or of another shape."""
    if limit is not None and len(call.body) > limit:
        raise refuse(413, "payload_too_large", f"The payload exceeds {limit} bytes.")
    if call.json is None:
        raise refuse(400, "invalid", "The request body is not JSON.", "/data")
    wrong = list(complaints(call.json, shape))
    if wrong:
        raise refuse_rows([(found.at, found.message) for found in wrong[:100]])


def count(given: int, most: int, what: str, pointer: str) -> None:
    """Refuse no rows and too many rows."""
    if not 1 <= given <= most:
        raise refuse(400, "invalid", f"Between 1 and {most} {what} are accepted, not {given}.", pointer)


def wrong_email(value: Any) -> bool:
    """Whether an address is given and malformed."""
    return value is not None and not EMAIL.fullmatch(tidy("email", value))


def check_profiles(rows: list[Document], at: str) -> None:
    """Refuse the whole request when a row has no identifier, a malformed address or too many bytes."""
    wrong: Wrong = []
    for number, row in enumerate(rows):
        place = f"{at}/{number}/attributes" if at != "/data" else "/data/attributes"
        details = row["attributes"]
        if not row.get("id") and not any(details.get(name) for name in IDENTIFIERS):
            wrong.append((place, "A profile needs an id, email, phone_number or external_id."))
        if wrong_email(details.get("email")):
            wrong.append((f"{place}/email", "Invalid email address."))
        if heavy(row, KILOBYTES_100):
            wrong.append((place, "A profile is at most 100 KB."))
    if wrong:
        raise refuse_rows(wrong[:100])


def read_filter(call: Call, fields: Sequence[str]) -> tuple[str, list[str]] | None:
    """`equals(field,"value")` or `any(field,["value",…])` as the field and its values; None without a filter."""
    text = call.query.get("filter")
    if text is None:
        return None
    match = FILTER.fullmatch(text.strip())
    values = parse(match[3]) if match else None
    given = [values] if match and match[1] == "equals" else values
    if not match or match[2] not in fields or not isinstance(given, list) or not all(isinstance(v, str) for v in given):
        raise refuse(
            400, "invalid", f"The filter must be equals or any on one of {', '.join(fields)}.", parameter="filter"
        )
    return match[2], given


def page(call: Call, keys: Sequence[str], make: Callable[[str], Document], default: int, most: int) -> Reply:
    """One page of the resources that `make` makes of `keys` (in order), with the link to the next."""
    size = parse(call.query.get("page[size]", str(default)))
    if type(size) is not int or not 1 <= size <= most:
        raise refuse(400, "invalid_page_size", f"page[size] must be between 1 and {most}.", parameter="page[size]")
    begin = bisect_right(keys, call.query.get("page[cursor]", ""))
    shown, here = keys[begin : begin + size], f"{call.root}{call.path}"
    onward = {**call.query, "page[cursor]": shown[-1]} if len(keys) > begin + size else None
    links = {
        "self": f"{here}?{urlencode(call.query)}" if call.query else here,
        "prev": None,
        "next": f"{here}?{urlencode(onward)}" if onward else None,
    }
    return Reply(200, {"data": [make(key) for key in shown], "links": links})


def heavy(row: Document, most: int) -> bool:
    """Whether one row takes more bytes than allowed."""
    return len(json.dumps(row, ensure_ascii=False).encode()) > most
