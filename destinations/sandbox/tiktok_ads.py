"""TikTok: streaming segments of one advertiser (API for Business, any version in the path).

Every answer is HTTP 200 and says in `code` how it went. A call is taken as a whole or not at all, and members cannot be
listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route, parse
from destinations.sandbox.meta_rows import Rows
from destinations.sandbox.shapes import TEXT, Shape, complaints, one

ROWS, AUDIENCES, RATES = 10_000, 400, ((10, 1), (600, 60))
HASH = re.compile(r"[0-9a-f]{64}")
KINDS = ("EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256", "GAID_SHA256")
CREATE: Shape = {"custom_audience_name": TEXT, "advertiser_id": TEXT, "action": one("create")}
MAPPING: Shape = {"advertiser_ids": [TEXT], "action": one("add", "delete"), "id_schema": [one(*KINDS)],
                  "batch_data": [[{"id?": TEXT, "audience_ids?": [TEXT]}]]}  # fmt: skip
CODES = {400: 40002, 401: 40105, 404: 40000, 405: 40000, 429: 40100}


class TiktokAds(Channel):
    """One TikTok advertiser."""

    name = "tiktok_ads"
    routes = (
        Route("GET", "open_api/{version}/dmp/custom_audience/list/", "audiences"),
        Route("POST", "open_api/{version}/segment/audience/", "create"),
        Route("POST", "open_api/{version}/segment/mapping/", "map"),
    )

    def blank(self) -> Document:
        return {"made": 0, "audiences": {}}

    def load(self, state: Document) -> None:
        super().load(state)
        self.rows = {key: Rows(found["rows"]) for key, found in state["audiences"].items()}

    def truth(self) -> Document:
        audiences = {
            key: {"name": found["name"], "members": self.rows[key].members(),
                  "keys": sorted(min(text.split("\n")).partition(":")[2] for text in found["rows"]),
                  "rows": len(found["rows"])}
            for key, found in self.state["audiences"].items()
        }  # fmt: skip
        return {"audiences": audiences, "messages": [], "repeats": 0}

    def error(self, status: int, message: str) -> Reply:
        """Failures of the vendor are coded in a 200; only a broken server answers otherwise."""
        body = {"code": CODES.get(status, 50000), "message": message, "request_id": "sandbox", "data": {}}
        return Reply(status if status >= 500 else 200, body)

    def throttled(self, wait: float | None) -> Reply:
        reply = self.error(429, "Requests made too frequently")
        return Reply(200, reply.body, super().throttled(wait).headers)

    def answer(self, call: Call) -> Reply:
        if call.headers.get("access-token") != self.setup.credentials.tiktok_ads_access_token:
            raise Refuse(self.error(401, "Access token is incorrect or has been revoked"))
        route, found = self.find(call)
        if not re.fullmatch(r"v\d+\.\d+", found["version"]):
            raise Refuse(self.error(404, "Invalid path"))
        if self.setup.pace and self.windows.take("app", RATES):
            return self.throttled(None)
        if call.writes and (call.content_type != "application/json" or not isinstance(call.json, dict)):
            raise Refuse(self.error(400, "The body must be a JSON object"))
        reply: Reply = getattr(self, route.take)(call)
        return reply

    def _good(self, data: Document, rows: int = 0) -> Reply:
        return Reply(200, {"code": 0, "message": "OK", "request_id": "sandbox", "data": data}, rows=rows)

    def _own(self, advertiser: Any) -> None:
        if advertiser != self.setup.credentials.tiktok_ads_advertiser_id:
            body = {"code": 40001, "message": "No permission to operate", "request_id": "sandbox", "data": {}}
            raise Refuse(Reply(200, body))

    def audiences(self, call: Call) -> Reply:
        self._own(call.query.get("advertiser_id"))
        page, size = parse(call.query.get("page", "1")), parse(call.query.get("page_size", "10"))
        if type(page) is not int or type(size) is not int or page < 1 or not 1 <= size <= 100:
            raise Refuse(self.error(400, "page must be at least 1 and page_size between 1 and 100"))
        found = [{"audience_id": key, "name": one["name"]} for key, one in self.state["audiences"].items()]
        info = {"page": page, "page_size": size, "total_number": len(found), "total_page": -(-len(found) // size)}
        return self._good({"list": found[(page - 1) * size : page * size], "page_info": info})

    def create(self, call: Call) -> Reply:
        for wrong in complaints(call.json, CREATE):
            raise Refuse(self.error(400, f"{wrong.at.strip('/')}: {wrong.message}"))
        self._own(call.json["advertiser_id"])
        if len(self.state["audiences"]) >= AUDIENCES:
            raise Refuse(self.error(400, f"at most {AUDIENCES} audiences"))
        self.state["made"] += 1
        key = str(7_100_000_000 + self.state["made"])
        self.state["audiences"][key] = {"name": call.json["custom_audience_name"], "rows": {}}
        self.rows[key] = Rows(self.state["audiences"][key]["rows"])
        return self._good({"audience_id": key})

    def map(self, call: Call) -> Reply:
        """A row is added to its audiences; a deleted one takes every row that shares an identifier with it."""
        for wrong in complaints(call.json, MAPPING):
            raise Refuse(self.error(400, f"{wrong.at.strip('/')}: {wrong.message}"))
        for advertiser in call.json["advertiser_ids"] or [None]:
            self._own(advertiser)
        schema, data = call.json["id_schema"], call.json["batch_data"]
        for complaint in self._wrong(schema, data, call):
            raise Refuse(self.error(400, complaint))
        for row in data:
            for key in {key for entry in row for key in entry.get("audience_ids", [])}:
                given = [f"{KINDS.index(kind)}:{entry['id']}" for kind, entry in zip(schema, row, strict=True)
                         if key in entry.get("audience_ids", [])]  # fmt: skip
                if call.json["action"] == "add":
                    self.rows[key].add(frozenset(given))
                else:
                    self.rows[key].remove(given)
        return self._good({}, rows=len(data))

    def _wrong(self, schema: list[str], data: list[list[Document]], call: Call) -> Iterator[str]:
        if not schema or not 1 <= len(data) <= ROWS:
            yield f"batch_data must have 1 to {ROWS} rows"
        for index, row in enumerate(data):
            if call.refuses(index) or len(row) != len(schema) or not any(row):
                yield "batch_data: every row must have an entry for each of id_schema"
            for entry in filter(None, row):
                if not HASH.fullmatch(entry.get("id", "")):
                    yield "batch_data: id must be a SHA-256 in lower-case hex"
                if any(key not in self.state["audiences"] for key in entry.get("audience_ids") or [""]):
                    yield "Audience does not exist"
