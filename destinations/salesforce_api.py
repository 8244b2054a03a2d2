"""How Salesforce is asked: the log-in and addresses of an org, queries and tables of results that come in pages."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from destinations.api import Calls, revealed
from destinations.http import Request, Response, basic_auth, bearer
from destinations.login import fetch_token
from destinations.salesforce_answers import Rows, read_table

if TYPE_CHECKING:
    from destinations.salesforce import SalesforceSettings


class Api(Calls):
    """The calls of one org."""

    settings: SalesforceSettings

    @property
    def org(self) -> str:
        """Where the org is."""
        return self.settings.root(self.settings.instance_url)

    @property
    def root(self) -> str:
        return f"{self.org}/services/data/v{self.settings.version}"

    @property
    def member(self) -> str:
        """What a campaign member stands for."""
        kind = self.settings.object_type
        return kind if kind in ("Lead", "Account") else "Contact"

    def log_in(self) -> Generator[Request, Response, dict[str, str]]:
        """The headers of all requests: a token that is given, or one that the app's credentials fetch."""
        own = self.settings
        if own.access_token:
            return bearer(revealed(own.access_token))
        login = basic_auth(own.client_id, revealed(own.client_secret))
        what = "an access token for client_id and client_secret"
        return (yield from fetch_token(f"{self.org}/services/oauth2/token", login, what,
                                       grant_type="client_credentials"))

    def query(self, soql: str) -> Generator[Request, Response, list[Any] | Response]:
        """All rows of a query, or the answer that was none."""
        found, path, seen, question = list[Any](), "query", set[str](), {"q": soql}
        while True:
            response = yield self.ask("GET", path, query=question)
            records, following = response.get("records"), str(response.get("nextRecordsUrl", default=""))
            if not response.ok or not isinstance(records, list):
                return response
            found += records
            path, question = f"query/{quote(following.rpartition('/')[2], safe='')}", {}
            if not following or following in seen:
                return found
            seen.add(following)

    def read_rows(self, path: str) -> Generator[Request, Response, Rows | None]:
        """A table of results, all pages of it; None where one is no such table."""
        found, locator, seen = Rows(), "", set[str]()
        while True:
            response = yield self.ask("GET", path, query={"locator": locator} if locator else {})
            rows = read_table(response, self.settings.external_id_field)
            if rows is None:
                return None
            found |= rows
            seen.add(locator)
            locator = response.headers.get("sforce-locator", "null")
            if locator == "null" or locator in seen:
                return found
