"""Meta Custom Audiences: create, add, remove and replace hashed rows (Graph API, any version in the path).

Meta lists no members; the truth here shows the identifiers as received. It throttles with 400 and code 80003. Where
`meta_minimum` is set, a removal that would leave fewer rows is refused as a whole with code 200 and subcode 1870047,
which is in the error reference of the Marketing API. How few is on no page of Meta's (connectors tell of 100), nor what
becomes of a replacement by a shorter list: here it is taken.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from destinations.sandbox.channel import Call, Channel, Document, Reply, Route, parse, stamp
from destinations.sandbox.meta_form import as_object, chosen, form, only, parameters, refuse
from destinations.sandbox.meta_rows import Rows, Upload, name_hint, read_payload
from destinations.sandbox.shapes import complaints

HOUR, REPLACE_SECONDS = 3600, 90 * 60
SOURCES = ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")
SESSION = {"session_id": (int,), "batch_seq": (int,), "last_batch_flag?": (bool,), "estimated_num_total?": (int,)}
FLAGGED = "The audience name or description suggests financial or health status"
COUNTS = ("approximate_count_lower_bound", "approximate_count_upper_bound")


class MetaAds(Channel):
    """One Meta ad account."""

    name = "meta_ads"
    routes = (
        Route("GET", "{version}/me", "me"),
        Route("GET", "{version}/act_{account}", "account"),
        Route("GET", "{version}/act_{account}/customaudiences", "audiences"),
        Route("POST", "{version}/act_{account}/customaudiences", "create"),
        Route("POST", "{version}/{key}/users", "add"),
        Route("DELETE", "{version}/{key}/users", "remove"),
        Route("POST", "{version}/{key}/usersreplace", "replace"),
        Route("GET", "{version}/{key}/sessions", "sessions"),
        Route("GET", "{version}/{key}", "show"),
        Route("DELETE", "{version}/{key}", "drop"),
    )

    def blank(self) -> Document:
        return {"made": 0, "audiences": {}}

    def load(self, state: Document) -> None:
        super().load(state)
        self.rows = {key: Rows(found["rows"]) for key, found in state["audiences"].items()}

    def truth(self) -> Document:
        audiences = {
            key: {
                "name": found["name"],
                "members": self.rows[key].members(),
                "keys": self.rows[key].extern_ids(),
                "rows": len(found["rows"]),
            }
            for key, found in self.state["audiences"].items()
        }
        return {"audiences": audiences, "messages": [], "repeats": 0}

    def answer(self, call: Call) -> Reply:
        given = parameters(call)
        self._authorise(call, given)
        route, found = self.find(call)
        if not re.fullmatch(r"v\d+\.\d+", found.pop("version")):
            raise refuse(f"Unknown path components: {call.path}", 2500)
        self._own(found)
        quota = self.setup.meta_quota + 40 * len(self.state["audiences"])
        wait = self.windows.take("custom_audience", ((quota, HOUR),))
        if wait and self.setup.pace:
            return self.throttled(wait)
        reply: Reply = getattr(self, route.take)(call, given, **found)
        return Reply(reply.status, reply.body, self._usage(quota, 0), reply.rows)

    def _authorise(self, call: Call, given: Mapping[str, Any]) -> None:
        bearer = re.fullmatch(r"(Bearer|OAuth) (.+)", call.headers.get("authorization", ""))
        token = given.get("access_token", bearer[2] if bearer else None)
        own = self.setup.credentials
        if token is None:
            raise refuse("An access token is required to request this resource.", 104)
        if token != own.meta_access_token:
            raise refuse("Invalid OAuth access token - Cannot parse access token", 190)
        if own.meta_app_secret is not None:
            proof = hmac.new(own.meta_app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(proof, str(given.get("appsecret_proof", ""))):
                raise refuse("Invalid appsecret_proof provided in the API argument", 100)

    def _own(self, found: Mapping[str, str]) -> None:
        account, key = found.get("account"), found.get("key")
        if account not in (None, self.setup.credentials.meta_ad_account_id):
            raise refuse(f"(#200) Ad account act_{account} has not granted ads_management permission", 200, status=403)
        if key is not None and key not in self.state["audiences"]:
            message = f"Unsupported request. Object with ID '{key}' does not exist or cannot be loaded"
            raise refuse(message, 100, 33)

    def _usage(self, quota: int, minutes: int) -> dict[str, str]:
        percent = min(100, round(100 * self.windows.used("custom_audience", HOUR) / quota))
        measured = dict.fromkeys(("call_count", "total_cputime", "total_time"), percent)
        usage = {"type": "custom_audience", **measured, "estimated_time_to_regain_access": minutes}
        return {"X-Business-Use-Case-Usage": json.dumps({self.setup.credentials.meta_ad_account_id: [usage]})}

    def error(self, status: int, message: str) -> Reply:
        code = {404: 2500, 405: 100}.get(status, 2)
        return Reply(400 if status in (404, 405) else status, form(message, code, transient=status >= 500))

    def throttled(self, wait: float | None) -> Reply:
        message = "(#80003) There have been too many calls to this ad-account. Wait a bit and try again."
        minutes = 0 if wait is None else math.ceil(wait / 60)
        headers = {} if wait is None else self._usage(self.setup.meta_quota, minutes)
        return Reply(400, form(message, 80003, 2446079, transient=True), headers)

    def expired(self) -> Reply:
        return Reply(400, form("Error validating access token: Session has expired", 190, 463))

    def me(self, call: Call, given: Document) -> Reply:
        return Reply(200, {"id": "1", "name": "Sandbox system user"})

    def account(self, call: Call, given: Document, account: str) -> Reply:
        details = {"account_id": account, "name": "Sandbox", "account_status": 1, "currency": "EUR"}
        return Reply(200, chosen({"id": f"act_{account}", **details}, given, ("id", "account_id")))

    def audiences(self, call: Call, given: Document, account: str) -> Reply:
        limit, after = parse(given.get("limit", "25")), given.get("after", "")
        if type(limit) is not int or limit < 1:
            raise refuse("(#100) Param limit must be a positive integer", 100)
        keys = [key for key in sorted(self.state["audiences"]) if key > after]
        shown = keys[:limit]
        paging: Document = {"cursors": {"before": shown[0], "after": shown[-1]}} if shown else {}
        if len(keys) > limit:
            more = "&".join(
                f"{name}={call.query[name]}" for name in ("fields", "limit", "access_token") if name in call.query
            )
            paging["next"] = f"{call.root}{call.path}?{more}&after={shown[-1]}"
        return Reply(200, {"data": [chosen(self._audience(key), given, ("id",)) for key in shown], "paging": paging})

    def create(self, call: Call, given: Document, account: str) -> Reply:
        known = {"name", "subtype", "description", "customer_file_source", "is_value_based", "retention_days", "rule"}
        only(given, known)
        if not isinstance(given.get("name"), str) or not given["name"].strip():
            raise refuse("(#100) The parameter name is required", 100)
        for name, allowed in (("subtype", ("CUSTOM",)), ("customer_file_source", SOURCES)):
            if given.get(name) not in allowed:
                raise refuse(f"(#100) Param {name} must be one of {{{', '.join(allowed)}}}", 100)
        hint = name_hint(f"{given['name']} {given.get('description', '')}")
        if hint:
            raise refuse(f"{FLAGGED}: {hint}", 100, 1713230)
        self.state["made"] += 1
        key = f"2385{self.state['made']:012d}"
        self.state["audiences"][key] = {
            "name": given["name"],
            "description": given.get("description", ""),
            "created": self.setup.clock(),
            "rows": {},
            "sessions": {},
        }
        self.rows[key] = Rows(self.state["audiences"][key]["rows"])
        return Reply(200, {"id": key})

    def add(self, call: Call, given: Document, key: str) -> Reply:
        upload = self._upload(call, given, key)
        for row in upload.good:
            self.rows[key].add(row)
        return self._received(key, upload)

    def remove(self, call: Call, given: Document, key: str) -> Reply:
        """A row removes every stored row that shares any identifier with it; none, where too few would be left."""
        upload, rows = self._upload(call, given, key), self.rows[key]
        leaving = set[frozenset[str]]().union(*map(rows.matching, upload.good))
        if leaving and len(self.state["audiences"][key]["rows"]) - len(leaving) < self.setup.meta_minimum:
            raise refuse("Permissions error", 200, 1870047, title="Audience Size too Low")
        for row in upload.good:
            rows.remove(row)
        return self._received(key, upload)

    def replace(self, call: Call, given: Document, key: str) -> Reply:
        """Batches of one session gather; the last one swaps the membership. One session at a time, for 90 minutes."""
        upload = self._upload(call, given, key)
        session = upload.session
        if session is None:
            raise refuse("(#100) The parameter session is required", 100)
        audience, now = self.state["audiences"][key], self.setup.clock()
        staged = audience.get("replacing")
        if staged and now - staged["started"] > REPLACE_SECONDS:
            staged = None
        if staged and staged["session_id"] != session["session_id"]:
            raise refuse("(#2650) Another replace session of this audience is in progress", 2650)
        if not staged and session["batch_seq"] != 1:
            raise refuse("(#2650) The replace session has not begun or has expired: begin with batch_seq 1", 2650)
        staged = staged or {"session_id": session["session_id"], "started": now, "rows": []}
        staged["rows"] += [sorted(row) for row in upload.good]
        audience["replacing"] = staged
        if session.get("last_batch_flag"):
            self._swap(key, audience.pop("replacing")["rows"])
        return self._received(key, upload)

    def _swap(self, key: str, rows: list[list[str]]) -> None:
        self.state["audiences"][key]["rows"] = {}
        self.rows[key] = Rows(self.state["audiences"][key]["rows"])
        for row in rows:
            self.rows[key].add(frozenset(row))

    def _upload(self, call: Call, given: Document, key: str) -> Upload:
        only(given, {"payload", "session", "app_ids", "page_ids", "customer_consent"})
        session = as_object(given, "session") if "session" in given else None
        if session is not None:
            for wrong in complaints(session, SESSION):
                raise refuse(f"(#100) Param session{wrong.at.replace('/', '.')} {wrong.message}", 100)
            if session["batch_seq"] < 1 or not 0 <= session["session_id"] < 2**64:
                raise refuse("(#100) Param session must have an unsigned session_id and a batch_seq from 1", 100)
        try:
            upload = read_payload(as_object(given, "payload"), session, call.refuses)
        except ValueError as wrong:
            raise refuse(f"(#100) {wrong}", 100) from None
        if session is not None:
            self._note(key, session, upload)
        return upload

    def _note(self, key: str, session: Document, upload: Upload) -> None:
        now = stamp(self.setup.clock())
        fresh = {
            "session_id": str(session["session_id"]),
            "num_received": 0,
            "num_invalid_entries": 0,
            "start_time": now,
        }
        noted = self.state["audiences"][key]["sessions"].setdefault(str(session["session_id"]), fresh)
        noted["num_received"] += upload.received
        noted["num_invalid_entries"] += upload.received - len(upload.good)
        noted |= {"stage": "completed" if session.get("last_batch_flag") else "uploading", "end_time": now}

    def _received(self, key: str, upload: Upload) -> Reply:
        body = {
            "audience_id": key,
            "session_id": str(upload.session["session_id"]) if upload.session else "0",
            "num_received": upload.received,
            "num_invalid_entries": upload.received - len(upload.good),
            "invalid_entry_samples": upload.samples,
        }
        return Reply(200, body, rows=upload.received)

    def sessions(self, call: Call, given: Document, key: str) -> Reply:
        return Reply(200, {"data": list(self.state["audiences"][key]["sessions"].values())})

    def show(self, call: Call, given: Document, key: str) -> Reply:
        return Reply(200, chosen(self._audience(key), given, ("id",)))

    def _audience(self, key: str) -> Document:
        found = self.state["audiences"][key]
        size = len(found["rows"])
        bounds = (-1, 1000) if size < 1000 else (size // 100 * 100, -(-size // 100) * 100)
        return {
            "id": key,
            "name": found["name"],
            "description": found["description"],
            "subtype": "CUSTOM",
            "account_id": self.setup.credentials.meta_ad_account_id,
            **dict(zip(COUNTS, bounds, strict=True)),
            "operation_status": {"code": 200, "description": "Normal"},
            "delivery_status": {
                "code": 200 if size >= 100 else 300,
                "description": "Ready" if size >= 100 else "Too small",
            },
            "time_created": int(found["created"]),
        }

    def drop(self, call: Call, given: Document, key: str) -> Reply:
        del self.state["audiences"][key], self.rows[key]
        return Reply(200, {"success": True})
