"""Salesforce: Bulk API 2.0 upsert jobs, sObject collections of campaign members, the few queries that go with them.

Enforced: jobs that are filled once and only run when closed, required fields, 200 records a collection, one membership
for each person of a campaign. Of SOQL only conditions of the forms `field = 'text'` and `field IN (…)` are understood.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import csv
import io
import re
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.shapes import ANY, FLAG, OBJECT, TEXT, complaints, one

TOGETHER, LARGEST = 200, 100_000_000
KEY = "Customer_Key__c"
OBJECTS = {"Contact": "003", "Lead": "00Q", "Account": "001"}
REQUIRED = {"Contact": ("LastName",), "Lead": ("LastName", "Company"), "Account": ("Name",)}
JOB = {"object": TEXT, "operation": one("upsert"), "externalIdFieldName": TEXT, "contentType": one("CSV"),
       "lineEnding?": one("LF", "CRLF"), "columnDelimiter?": one("COMMA")}
QUERY = re.compile(r"SELECT (?P<fields>[\w., ]+) FROM (?P<object>\w+) WHERE (?P<where>.+?)(?: LIMIT (?P<limit>\d+))?")
CONDITION = re.compile(r"([\w.]+) (?:=|IN) \(?((?:'(?:[^'\\]|\\.)*',?)+)\)?")
TEXTS = re.compile(r"'((?:[^'\\]|\\.)*)'")


class SalesForce(Channel):
    """One Salesforce org."""

    name = "salesforce"
    routes = (
        Route("POST", "services/oauth2/token", "token"),
        Route("POST", "services/data/v{version}/jobs/ingest", "create"),
        Route("GET", "services/data/v{version}/jobs/ingest/{job}", "show"),
        Route("PATCH", "services/data/v{version}/jobs/ingest/{job}", "close"),
        Route("PUT", "services/data/v{version}/jobs/ingest/{job}/batches", "upload"),
        Route("GET", "services/data/v{version}/jobs/ingest/{job}/{table}", "results"),
        Route("GET", "services/data/v{version}/query", "query"),
        Route("POST", "services/data/v{version}/composite/sobjects", "insert"),
        Route("DELETE", "services/data/v{version}/composite/sobjects", "delete"),
        Route("POST", "services/data/v{version}/sobjects/Campaign", "campaign"),
        Route("GET", "services/data/v{version}/sobjects/{kind}", "describe"),
    )

    def blank(self) -> Document:
        return {"made": 0, "records": {kind: {} for kind in OBJECTS}, "campaigns": {}, "members": {}, "jobs": {}}

    def truth(self) -> Document:
        return {
            "audiences": {key: self._audience(key, name) for key, name in self.state["campaigns"].items()},
            "records": {kind: len(records) for kind, records in self.state["records"].items()},
            "messages": [],
            "repeats": 0,
        }

    def _audience(self, campaign: str, name: str) -> Document:
        records = [self._record(found["who"]) for found in self.state["members"].values() if found["in"] == campaign]
        return {"name": name, "members": sorted(str(one.get("Email") or one[KEY]) for one in records),
                "keys": sorted(one[KEY] for one in records)}

    def _record(self, key: str) -> Document:
        kind = next(kind for kind, prefix in OBJECTS.items() if key.startswith(prefix))
        found: Document = self.state["records"][kind][key]
        return found

    def _make(self, prefix: str) -> str:
        self.state["made"] += 1
        return f"{prefix}{self.state['made']:015d}"

    def answer(self, call: Call) -> Reply:
        route, found = self.find(call)
        if route.take != "token" and call.headers.get("authorization") != self._login:
            raise Refuse(self.expired())
        found.pop("version", None)
        reply: Reply = getattr(self, route.take)(call, **found)
        return reply

    @property
    def _login(self) -> str:
        return f"Bearer {self.setup.credentials.salesforce_access_token}"

    def error(self, status: int, message: str) -> Reply:
        words = {401: "INVALID_SESSION_ID", 404: "NOT_FOUND", 429: "REQUEST_LIMIT_EXCEEDED", 500: "UNKNOWN_EXCEPTION"}
        return Reply(status, [{"message": message, "errorCode": words.get(status, "INVALID_FIELD")}])

    def expired(self) -> Reply:
        return self.error(401, "Session expired or invalid")

    def _refuse(self, code: str, message: str, status: int = 400) -> Refuse:
        return Refuse(Reply(status, [{"message": message, "errorCode": code}]))

    def throttled(self, wait: float | None) -> Reply:
        return Reply(403, self.error(429, "TotalRequests Limit exceeded.").body)

    def token(self, call: Call) -> Reply:
        login = call.headers.get("authorization", "")
        if call.body != b"grant_type=client_credentials" or not login.startswith("Basic "):
            raise Refuse(Reply(400, {"error": "invalid_client", "error_description": "invalid client credentials"}))
        return Reply(200, {"access_token": self.setup.credentials.salesforce_access_token, "token_type": "Bearer"})

    def describe(self, call: Call, kind: str) -> Reply:
        if kind not in OBJECTS:
            raise self._refuse("NOT_FOUND", "The requested resource does not exist", 404)
        return Reply(200, {"objectDescribe": {"name": kind}, "recentItems": []})

    def create(self, call: Call) -> Reply:
        for wrong in complaints(call.json, JOB):
            raise self._refuse("INVALIDJOB", f"{wrong.at} {wrong.message}")
        if call.json["object"] not in OBJECTS:
            raise self._refuse("INVALIDENTITY", f"Entity {call.json['object']} is not supported")
        if call.json["externalIdFieldName"] != KEY:
            raise self._refuse("INVALIDJOB", "externalIdFieldName is not an external id of this object")
        key = self._make("750")
        self.state["jobs"][key] = {"object": call.json["object"], "state": "Open", "rows": None, "due": 0.0}
        return Reply(200, self._job(key))

    def _job(self, key: str) -> Document:
        job = self.state["jobs"][key]
        if job["state"] == "InProgress" and self.setup.clock() >= job["due"]:
            self._run(job)
        return {"id": key, "object": job["object"], "operation": "upsert", "state": job["state"],
                "contentType": "CSV", "contentUrl": f"services/data/v62.0/jobs/ingest/{key}/batches"}

    def settle(self) -> None:
        for key in self.state["jobs"]:
            self._job(key)

    def _known(self, job: str) -> Document:
        if job not in self.state["jobs"]:
            raise self._refuse("NOT_FOUND", "The requested resource does not exist", 404)
        found: Document = self.state["jobs"][job]
        return found

    def upload(self, call: Call, job: str) -> Reply:
        found = self._known(job)
        if found["state"] != "Open" or found["rows"] is not None:
            raise self._refuse("INVALIDJOBSTATE", "Found multiple contents for the job, or it is not open")
        if call.content_type != "text/csv" or len(call.body) > LARGEST:
            raise self._refuse("CLIENT_INPUT_ERROR", "the body must be text/csv of at most 100 MB")
        rows = list(csv.DictReader(io.StringIO(call.body.decode("utf-8"))))
        if not rows or KEY not in rows[0]:
            raise self._refuse("CLIENT_INPUT_ERROR", "the file has no rows, or no column of the external id")
        found["rows"] = [{**row, "_refused": call.refuses(number)} for number, row in enumerate(rows)]
        return Reply(201, rows=len(rows))

    def close(self, call: Call, job: str) -> Reply:
        found = self._known(job)
        if call.json != {"state": "UploadComplete"} or found["state"] != "Open" or found["rows"] is None:
            raise self._refuse("INVALIDJOBSTATE", "The job is not open, or has no data")
        found |= {"state": "InProgress", "due": self.setup.clock() + self.setup.job_seconds}
        return Reply(200, self._job(job))

    def show(self, call: Call, job: str) -> Reply:
        self._known(job)
        return Reply(200, self._job(job))

    def _run(self, job: Document) -> None:
        kind, records = job["object"], self.state["records"][job["object"]]
        job |= {"state": "JobComplete", "successfulResults": [], "failedResults": [], "unprocessedrecords": []}
        for row in job["rows"]:
            refused, plain = row.pop("_refused"), row
            fields = {name: None if value == "#N/A" else value for name, value in plain.items() if value != ""}
            key = next((one for one, record in records.items() if record[KEY] == row[KEY]), None)
            merged = {**records.get(key, {}), **fields}
            missing = [name for name in REQUIRED[kind] if not merged.get(name)]
            if refused or missing or not row[KEY]:
                error = f"REQUIRED_FIELD_MISSING:Required fields are missing: [{', '.join(missing)}]"
                job["failedResults"].append({"sf__Id": "", "sf__Error": f"{error}:{' '.join(missing)} --", **plain})
                continue
            new = key is None
            key = key or self._make(OBJECTS[kind])
            records[key] = merged
            job["successfulResults"].append({"sf__Id": key, "sf__Created": str(new).lower(), **plain})

    def results(self, call: Call, job: str, table: str) -> Reply:
        found, self_job = self._known(job), self._job(job)
        if table not in ("successfulResults", "failedResults", "unprocessedrecords") or table not in found:
            raise self._refuse("NOT_FOUND", f"no {table} while the job is {self_job['state']}", 404)
        given = [name for name in found["rows"][0] if name != "_refused"]
        first = {"successfulResults": ["sf__Id", "sf__Created"], "failedResults": ["sf__Id", "sf__Error"]}
        text = io.StringIO()
        writer = csv.DictWriter(text, [*first.get(table, []), *given], quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found[table])
        return Reply(200, text.getvalue().encode(), {"Content-Type": "text/csv"})

    def query(self, call: Call) -> Reply:
        match = QUERY.fullmatch(call.query.get("q", ""))
        if not match or match["object"] not in ("Campaign", "CampaignMember", *OBJECTS):
            raise self._refuse("MALFORMED_QUERY", "unexpected token")
        wanted = [(field, {_plain(text) for text in TEXTS.findall(values)})
                  for field, values in CONDITION.findall(match["where"])]
        rows = [row for row in self._rows(match["object"]) if _holds(row, wanted)]
        shown = [{name.strip().split(".")[0]: row.get(name.strip().split(".")[0])
                  for name in match["fields"].split(",")} for row in rows]
        return Reply(200, {"totalSize": len(rows), "done": True, "records": shown[: int(match["limit"] or len(rows))]})

    def _rows(self, kind: str) -> list[Document]:
        if kind in OBJECTS:
            return [{"Id": key, **record} for key, record in self.state["records"][kind].items()]
        if kind == "Campaign":
            return [{"Id": key, "Name": name} for key, name in self.state["campaigns"].items()]
        rows = []
        for key, found in self.state["members"].items():
            who, what = found["who"], "Contact" if found["who"].startswith("003") else "Lead"
            rows.append({"Id": key, "CampaignId": found["in"], f"{what}Id": who, what: self._record(who)})
        return rows

    def campaign(self, call: Call) -> Reply:
        for wrong in complaints(call.json, {"Name": TEXT, "IsActive?": FLAG, "Status?": TEXT}):
            raise self._refuse("INVALID_FIELD", f"{wrong.at} {wrong.message}")
        key = self._make("701")
        self.state["campaigns"][key] = call.json["Name"]
        return Reply(201, {"id": key, "success": True, "errors": []})

    def insert(self, call: Call) -> Reply:
        record = {"attributes": OBJECT, "CampaignId": TEXT, "ContactId?": ANY, "LeadId?": ANY}
        for wrong in complaints(call.json, {"allOrNone": FLAG, "records": [record]}):
            raise self._refuse("INVALID_FIELD", f"{wrong.at} {wrong.message}")
        if not 1 <= len(call.json["records"]) <= TOGETHER:
            raise self._refuse("EXCEEDED_ID_LIMIT", f"record limit reached: {TOGETHER}")
        return Reply(200, [self._enter(given) for given in call.json["records"]], rows=len(call.json["records"]))

    def _enter(self, given: Document) -> Document:
        who, campaign = given.get("ContactId") or given.get("LeadId"), given["CampaignId"]
        known = any(who in records for records in self.state["records"].values())
        if campaign not in self.state["campaigns"] or not known:
            return _failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if any((found["in"], found["who"]) == (campaign, who) for found in self.state["members"].values()):
            return _failed("DUPLICATE_VALUE", "Already a campaign member.")
        key = self._make("00v")
        self.state["members"][key] = {"in": campaign, "who": who}
        return {"id": key, "success": True, "errors": []}

    def delete(self, call: Call) -> Reply:
        ids = call.query.get("ids", "").split(",")
        if not 1 <= len(ids) <= TOGETHER or ids == [""]:
            raise self._refuse("EXCEEDED_ID_LIMIT", f"between 1 and {TOGETHER} ids")
        gone = _failed("ENTITY_IS_DELETED", "entity is deleted")
        done = [{"id": key, "success": True, "errors": []} if self._drop(key) else gone for key in ids]
        return Reply(200, done, rows=len(ids))

    def _drop(self, key: str) -> bool:
        """Delete a campaign member, or a record with all memberships of it."""
        if self.state["members"].pop(key, None):
            return True
        for member in [name for name, found in self.state["members"].items() if found["who"] == key]:
            del self.state["members"][member]
        return any(records.pop(key, None) for records in self.state["records"].values())


def _failed(code: str, message: str) -> Document:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _holds(row: Document, wanted: list[tuple[str, set[str]]]) -> bool:
    """The first condition, and any of the others where there are some."""
    def holds(field: str, values: set[str]) -> bool:
        found: Any = row
        for step in field.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return found in values

    first, *more = wanted or [("", {""})]
    return holds(*first) and (not more or any(holds(*condition) for condition in more))
