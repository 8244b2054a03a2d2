"""How Salesforce is asked: the addresses of an org, queries and tables of results that come in pages."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import quote

from destinations.http import Json, Request, Response, send_json, with_query
from destinations.salesforce_answers import Rows, read_table


class Api:
    """The calls of one org."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @property
    def member(self) -> str:
        """What a campaign member stands for."""
        kind: str = self.settings.object_type
        return kind if kind in ("Lead", "Account") else "Contact"

    def url(self, path: str) -> str:
        """An address of the org."""
        return f"{self.settings.root(self.settings.instance_url)}/services/data/v{self.settings.version}/{path}"

    def ask(self, method: str, path: str, body: Json = None, reads: bool = False) -> Request:
        """One request."""
        return send_json(method, self.url(path), body, reads=reads)

    def query(self, soql: str) -> Generator[Request, Response, list[Any] | Response]:
        """All rows of a query, or the answer that was none."""
        found, path, seen = list[Any](), with_query("query", q=soql), set[str]()
        while True:
            response = yield self.ask("GET", path, reads=True)
            records, following = response.get("records"), str(response.get("nextRecordsUrl", default=""))
            if not response.ok or not isinstance(records, list):
                return response
            found += records
            path = f"query/{quote(following.rpartition('/')[2], safe='')}"
            if not following or following in seen:
                return found
            seen.add(following)

    def read_rows(self, path: str) -> Generator[Request, Response, Rows | None]:
        """A table of results, all pages of it; None where one is no such table."""
        found, locator, seen = Rows(), "", set[str]()
        while True:
            response = yield self.ask("GET", with_query(path, locator=locator) if locator else path, reads=True)
            rows = read_table(response, self.settings.external_id_field)
            if rows is None:
                return None
            found |= rows
            seen.add(locator)
            locator = response.headers.get("sforce-locator", "null")
            if locator == "null" or locator in seen:
                return found
