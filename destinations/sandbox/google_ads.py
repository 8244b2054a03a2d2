"""Google's Data Manager API: members ingested into and removed from the user lists of one Google Ads account.

A request is refused for one wrong row and then not processed at all. What is accepted becomes a job; its members are in
the list when it has ended, save those whose consent is denied, who are counted. Members cannot be listed.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.google_bodies import INGEST, REMOVE, REMOVE_ALL, USER_LIST, row_of, wrong_rows
from destinations.sandbox.meta_rows import Rows
from destinations.sandbox.shapes import complaints

RATES = {"ingestion": ((300, 60), (100_000, 86_400)), "other": ((300, 60), (50_000, 86_400))}
DESTINATIONS = 10
NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
         405: "UNIMPLEMENTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
FILTER = re.compile(r'\s*display_?name\s*=\s*"((?:[^"\\]|\\.)*)"\s*', re.IGNORECASE)


class GoogleAds(Channel):
    """One Google Ads account, seen through the Data Manager API."""

    name = "google_ads"
    routes = (
        Route("POST", "token", "token", "other"),
        Route("POST", "v1/audienceMembers:ingest", "ingest", "ingestion"),
        Route("POST", "v1/audienceMembers:remove", "remove", "ingestion"),
        Route("POST", "v1/audienceMembers:removeAll", "remove_all", "ingestion"),
        Route("GET", "v1/requestStatus:retrieve", "status", "other"),
        Route("GET", "v1/accountTypes/{kind}/accounts/{account}/userLists", "lists", "other"),
        Route("POST", "v1/accountTypes/{kind}/accounts/{account}/userLists", "create", "other"),
        Route("DELETE", "v1/accountTypes/{kind}/accounts/{account}/userLists/{key}", "drop", "other"),
    )

    def blank(self) -> Document:
        return {"made": 0, "lists": {}, "jobs": {}}

    def load(self, state: Document) -> None:
        super().load(state)
        self.rows = {key: Rows(found["rows"]) for key, found in state["lists"].items()}

    def truth(self) -> Document:
        audiences = {
            key: {"name": found["name"], "members": self.rows[key].members(),
                  "keys": sorted(_key(text) for text in found["rows"]), "rows": len(found["rows"])}
            for key, found in self.state["lists"].items()
        }  # fmt: skip
        return {"audiences": audiences, "messages": [], "repeats": 0}

    def answer(self, call: Call) -> Reply:
        route, found = self.find(call)
        if route.take == "token":
            return self.token(call)
        if call.headers.get("authorization") != f"Bearer {self.setup.credentials.google_ads_access_token}":
            raise Refuse(self.error(401, "Request had invalid authentication credentials."))
        self.settle()
        if self.setup.pace and self.windows.take(route.rate, RATES[route.rate]):
            return self.throttled(None)
        if call.method == "POST" and (call.content_type != "application/json" or not isinstance(call.json, dict)):
            raise Refuse(self.error(400, "Invalid JSON payload received."))
        reply: Reply = getattr(self, route.take)(call, **found)
        return reply

    def error(self, status: int, message: str) -> Reply:
        return Reply(status, {"error": {"code": status, "message": message, "status": NAMES.get(status, "UNKNOWN")}})

    def _violation(self, *wrong: tuple[str, str]) -> Refuse:
        """A refusal that names fields and reasons."""
        fields = [{"field": field, "description": "the sandbox says so", "reason": reason} for field, reason in wrong]
        details = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "INVALID_ARGUMENT",
             "domain": "datamanager.googleapis.com"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields},
        ]  # fmt: skip
        error = {"code": 400, "message": "There was a problem with the request.", "status": "INVALID_ARGUMENT"}
        return Refuse(Reply(400, {"error": {**error, "details": details}}))

    def token(self, call: Call) -> Reply:
        """The OAuth server's part, which is a host of its own at Google: a refresh token fetches an access token."""
        form, secrets = dict(parse_qsl(call.body.decode())), self.setup.credentials
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != secrets.google_ads_refresh_token:
            return Reply(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
        token = {"access_token": secrets.google_ads_access_token, "expires_in": 3599, "token_type": "Bearer"}
        return Reply(200, token)

    def ingest(self, call: Call) -> Reply:
        key = self._target(call, INGEST)
        terms = call.json.get("termsOfService", {}).get("customerMatchTermsOfServiceStatus")
        if terms != "ACCEPTED":
            raise self._violation(("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED"))
        members = self._members(call, key)
        denied = [index for index, one in enumerate(members) if "CONSENT_DENIED" in one.get("consent", {}).values()]
        good = [row_of(one) for index, one in enumerate(members) if index not in denied]
        return self._start(call, key, "ingest", good, len(denied))

    def remove(self, call: Call) -> Reply:
        key = self._target(call, REMOVE)
        return self._start(call, key, "remove", [row_of(one) for one in self._members(call, key)], 0)

    def remove_all(self, call: Call) -> Reply:
        """Remove whoever was last ingested before a time."""
        key = self._target(call, REMOVE_ALL)
        try:
            until = datetime.fromisoformat(call.json["removeAsOfTime"]).timestamp()
        except ValueError:
            until = self.setup.clock() + 1
        if until > self.setup.clock():
            raise self._violation(("remove_as_of_time", "INVALID_REMOVE_AS_OF_TIME"))
        return self._start(call, key, "remove_all", [], 0, until)

    def _target(self, call: Call, shape: Any) -> str:
        for wrong in complaints(call.json, shape):
            reason = "REQUIRED_FIELD_MISSING" if "required" in wrong.message else "INVALID_ARGUMENT"
            raise self._violation((_dotted(wrong.at), reason))
        targets = call.json["destinations"]
        if not 1 <= len(targets) <= DESTINATIONS:
            raise self._violation(("destinations", "TOO_MANY_DESTINATIONS"))
        if targets[0]["operatingAccount"]["accountId"] != self.setup.credentials.google_ads_account_id:
            raise Refuse(self.error(403, "The caller does not have permission"))
        key = str(targets[0]["productDestinationId"])
        if key not in self.state["lists"]:
            raise self._violation(("destinations[0].product_destination_id", "INVALID_USER_LIST_ID"))
        return key

    def _members(self, call: Call, key: str) -> list[Document]:
        members: list[Document] = call.json["audienceMembers"]
        if wrong := list(wrong_rows(call.json, self.state["lists"][key].get("key", "CONTACT_ID"), call.refuses)):
            raise self._violation(*wrong)
        return members

    def _start(self, call: Call, key: str, kind: str, rows: list[list[str]], denied: int, until: float = 0) -> Reply:
        if call.json.get("validateOnly"):
            return Reply(200, {"requestId": "validated"}, rows=len(rows) + denied)
        self.state["made"] += 1
        fault, now = call.fault.kind if call.fault else "", self.setup.clock()
        slow = call.fault.seconds if call.fault and fault == "job_slow" else 0
        failed = fault == "job_failed"
        unique = f"request-{self.state['made']}"
        self.state["jobs"][unique] = {"list": key, "kind": kind, "rows": rows, "denied": denied, "until": until,
                                      "at": now, "due": now + self.setup.job_seconds + slow, "failed": failed,
                                      "ended": False}  # fmt: skip
        return Reply(200, {"requestId": unique}, rows=len(rows) + denied)

    def settle(self) -> None:
        for job in self.state["jobs"].values():
            if not job["ended"] and job["due"] <= self.setup.clock():
                job["ended"] = True
                if job["list"] in self.rows and not job["failed"]:
                    self._apply(job, self.rows[job["list"]], self.state["lists"][job["list"]]["seen"])

    def _apply(self, job: Document, rows: Rows, seen: dict[str, float]) -> None:
        for row in job["rows"]:
            if job["kind"] == "remove":
                rows.remove(row)
            else:
                rows.add(frozenset(row))
                seen.update(dict.fromkeys(row, job["at"]))
        if job["kind"] == "remove_all":
            stored = [text.split("\n") for text in self.state["lists"][job["list"]]["rows"]]
            for row in stored:
                if max(seen[one] for one in row) < job["until"]:
                    rows.remove(row)

    def status(self, call: Call) -> Reply:
        job = self.state["jobs"].get(call.query.get("requestId", ""))
        if job is None:
            raise self._violation(("request_id", "INVALID_REQUEST_ID"))
        total = len(job["rows"]) + job["denied"]
        state, errors = "SUCCESS", list[Document]()
        if not job["ended"]:
            state = "PROCESSING"
        elif job["failed"]:
            state, errors = "FAILED", [{"recordCount": str(total), "reason": "PROCESSING_ERROR_REASON_INTERNAL_ERROR"}]
        elif job["denied"]:
            errors = [{"recordCount": str(job["denied"]), "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"}]
            state = "PARTIAL_SUCCESS" if job["rows"] else "FAILED"
        told = {"requestStatus": state, **({"errorInfo": {"errorCounts": errors}} if errors else {})}
        return Reply(200, {"requestStatusPerDestination": [told]})

    def _account(self, kind: str, account: str) -> None:
        if (kind, account) != ("GOOGLE_ADS", self.setup.credentials.google_ads_account_id):
            raise Refuse(self.error(403, "The caller does not have permission"))

    def lists(self, call: Call, kind: str, account: str) -> Reply:
        self._account(kind, account)
        named = FILTER.fullmatch(call.query["filter"]) if "filter" in call.query else None
        if "filter" in call.query and not named:
            raise self._violation(("filter", "INVALID_FILTER"))
        wanted = json.loads(f'"{named[1]}"') if named else None
        found = [self._shown(key) for key, one in self.state["lists"].items() if wanted in (None, one["name"])]
        return Reply(200, {"userLists": found} if found else {})

    def _shown(self, key: str) -> Document:
        found, account = self.state["lists"][key], self.setup.credentials.google_ads_account_id
        name = f"accountTypes/GOOGLE_ADS/accounts/{account}/userLists/{key}"
        return {"name": name, "id": key, "displayName": found["name"], "membershipStatus": "OPEN"}

    def create(self, call: Call, kind: str, account: str) -> Reply:
        self._account(kind, account)
        for wrong in complaints(call.json, USER_LIST):
            raise self._violation((f"user_list.{_dotted(wrong.at)}", "INVALID_ARGUMENT"))
        if any(found["name"] == call.json["displayName"] for found in self.state["lists"].values()):
            raise self._violation(("user_list.display_name", "DISPLAY_NAME_ALREADY_USED"))
        self.state["made"] += 1
        key = str(7_000_000_000 + self.state["made"])
        [kind] = call.json["ingestedUserListInfo"]["uploadKeyTypes"]
        self.state["lists"][key] = {"name": call.json["displayName"], "key": kind, "rows": {}, "seen": {}}
        self.rows[key] = Rows(self.state["lists"][key]["rows"])
        return Reply(200, self._shown(key))

    def drop(self, call: Call, kind: str, account: str, key: str) -> Reply:
        self._account(kind, account)
        if key not in self.state["lists"]:
            raise Refuse(self.error(404, "Requested entity was not found."))
        del self.state["lists"][key], self.rows[key]
        return Reply(200, {})


def _key(text: str) -> str:
    """What tells a row apart: its hashed e-mail, else phone, else address."""
    return min(text.split("\n")).partition(":")[2]


def _dotted(pointer: str) -> str:
    """`/audienceMembers/3/userData` as `audience_members[3].user_data`."""
    text = re.sub(r"/(\d+)", r"[\1]", pointer).strip("/").replace("/", ".")
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", text)
