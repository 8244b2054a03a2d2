"""What Klaviyo takes in bulk: profile imports as jobs, and events."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from destinations.sandbox import klaviyo_bodies as bodies
from destinations.sandbox.channel import Call, Document, Reply, stamp
from destinations.sandbox.klaviyo_account import PHONE, Conflict
from destinations.sandbox.klaviyo_door import (
    IDENTIFIERS,
    KILOBYTES_100,
    Door,
    Wrong,
    check,
    check_profiles,
    count,
    page,
    refuse,
    refuse_rows,
    wrong_email,
)

MEGABYTES_5, YEAR = 5_000_000, 366 * 86_400


class Writes(Door):
    """The calls that write profiles and events."""

    def import_one(self, call: Call) -> Reply:
        check(call, bodies.ONE_PROFILE, KILOBYTES_100)
        row, known = call.json["data"], len(self.state["profiles"])
        check_profiles([row], "/data")
        try:
            key = self.account.upsert(row["attributes"], row.get("id"), self.now())
        except Conflict as conflict:
            status = 409 if conflict.code == "duplicate_profile" else 400
            raise refuse(status, conflict.code, conflict.detail, f"/data/attributes/{conflict.attribute}") from None
        return Reply(201 if len(self.state["profiles"]) > known else 200, {"data": self.profile(call, key)}, rows=1)

    def import_many(self, call: Call) -> Reply:
        check(call, bodies.IMPORT, MEGABYTES_5)
        data = call.json["data"]
        rows = data["attributes"]["profiles"]["data"]
        count(len(rows), 10_000, "profiles", "/data/attributes/profiles/data")
        check_profiles(rows, "/data/attributes/profiles/data")
        lists = [item["id"] for item in data.get("relationships", {}).get("lists", {}).get("data", [])]
        for one in lists:
            self.known("lists", one)
        key = self._start(call, rows, lists)
        return Reply(202, {"data": self._job(call, key)}, rows=len(rows))

    def _start(self, call: Call, rows: list[Document], lists: list[str]) -> str:
        fault, now = call.fault, self.setup.clock()
        slow = fault.seconds if fault and fault.kind == "job_slow" else 0
        failed = fault is not None and fault.kind == "job_failed"
        outcome = {
            "cancelled": failed,
            "applied": not failed or (fault is not None and fault.applied),
            "refused": [number for number in range(len(rows)) if call.refuses(number)],
        }
        return self.account.start_job(rows, lists, (now, now + self.setup.job_seconds + slow), outcome)

    def show_job(self, call: Call, key: str) -> Reply:
        self.known("jobs", key)
        return Reply(200, {"data": self._job(call, key)})

    def _job(self, call: Call, key: str) -> Document:
        job = self.state["jobs"][key]
        early = self.setup.clock() < job["created"] + (job["due"] - job["created"]) / 4
        status = "queued" if early else "processing"
        details = {
            "status": ("cancelled" if job["cancelled"] else "complete") if job["ended"] else status,
            "created_at": stamp(job["created"]),
            "total_count": job["total"],
            "completed_count": job["total"] - len(job["errors"]) if job["ended"] and job["applied"] else 0,
            "failed_count": len(job["errors"]),
            "completed_at": stamp(job["due"]) if job["ended"] else None,
            "expires_at": stamp(job["created"] + 7 * 86_400),
            "started_at": None if early else stamp(job["created"]),
        }
        link = {"self": f"{call.root}/api/profile-bulk-import-jobs/{key}"}
        return {"type": "profile-bulk-import-job", "id": key, "attributes": details, "links": link}

    def job_errors(self, call: Call, key: str) -> Reply:
        found = {f"{key}-{n:05d}": error for n, error in enumerate(self.known("jobs", key)["errors"])}
        return page(
            call, list(found), lambda one: {"type": "import-error", "id": one, "attributes": found[one]}, 20, 100
        )

    def job_profiles(self, call: Call, key: str) -> Reply:
        return self.profiles(call, self.known("jobs", key)["profiles"])

    def event(self, call: Call) -> Reply:
        check(call, bodies.EVENT, MEGABYTES_5)
        event = call.json["data"]["attributes"]
        wrong = self._wrong_event(event, "/data/attributes") + _nameless(event["profile"], "/data/attributes/profile")
        if wrong:
            raise refuse_rows(wrong)
        self.account.record(event, self._person(event["profile"]), False, self.setup.clock())
        return Reply(202, rows=1)

    def events(self, call: Call) -> Reply:
        check(call, bodies.EVENTS, MEGABYTES_5)
        at = "/data/attributes/events-bulk-create/data"
        groups = [group["attributes"] for group in call.json["data"]["attributes"]["events-bulk-create"]["data"]]
        total = sum(len(group["events"]["data"]) for group in groups)
        count(total, 1000, "events", at)
        wrong = [
            one
            for number, group in enumerate(groups)
            for one in self._wrong_group(call, group, number, f"{at}/{number}")
        ]
        wrong += _repeated(groups, at)
        if wrong:
            raise refuse_rows(wrong)
        people = [self._person(group["profile"]) for group in groups]
        for group, person in zip(groups, people, strict=True):
            for event in group["events"]["data"]:
                self.account.record(event["attributes"], person, bool(group.get("backfill")), self.setup.clock())
        return Reply(202, rows=total)

    def _wrong_group(self, call: Call, group: Document, number: int, at: str) -> Wrong:
        refused = [(f"{at}/attributes", "The sandbox refuses every nth row.")] if call.refuses(number) else []
        events = group["events"]["data"]
        inner = [
            one
            for place, event in enumerate(events)
            for one in self._wrong_event(event["attributes"], f"{at}/attributes/events/data/{place}/attributes")
        ]
        return refused + _nameless(group["profile"], f"{at}/attributes/profile") + inner

    def _wrong_event(self, event: Document, at: str) -> Wrong:
        wrong: Wrong = []
        name = event["metric"]["data"]["attributes"]["name"]
        if not 1 <= len(name) < 128:
            wrong.append((f"{at}/metric/data/attributes/name", "The metric name must have 1 to 127 characters."))
        if len(event["properties"]) > 400:
            wrong.append((f"{at}/properties", "An event has at most 400 properties."))
        if any(
            isinstance(value, str) and len(value.encode()) > KILOBYTES_100 for value in event["properties"].values()
        ):
            wrong.append((f"{at}/properties", "A text is at most 100 KB."))
        if event.get("time") is not None and not self._sensible(event["time"]):
            wrong.append((f"{at}/time", "The time must be ISO 8601, after 1990 and at most one year ahead."))
        return wrong

    def _sensible(self, time: str) -> bool:
        try:
            moment = datetime.fromisoformat(time)
        except ValueError:
            return False
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.year >= 1990 and aware.timestamp() <= self.setup.clock() + YEAR

    def _person(self, profile: Document) -> str:
        data = profile["data"]
        try:
            return self.account.upsert(data["attributes"], data.get("id"), self.now())
        except Conflict:
            found = self.account.first(data["attributes"])
            if found is None:
                raise refuse(400, "invalid", "The profile of an event cannot be found or made.", "/data") from None
            return found

    def forget(self, call: Call) -> Reply:
        """Delete a profile that is named by exactly one identifier."""
        check(call, bodies.FORGET)
        data = call.json["data"]["attributes"]["profile"]["data"]
        named = {**data["attributes"], **({"id": data["id"]} if "id" in data else {})}
        if len(named) != 1:
            raise refuse(400, "invalid", "Exactly one identifier must be given.", "/data/attributes/profile/data")
        key = named.get("id") if "id" in named else self.account.first(named)
        if key in self.state["profiles"]:
            self.account.delete(str(key))
        return Reply(202, rows=1)


def _nameless(profile: Document, at: str) -> Wrong:
    data = profile["data"]
    if not data.get("id") and not any(data["attributes"].get(name) for name in IDENTIFIERS):
        return [(f"{at}/data/attributes", "A profile needs at least one identifier.")]
    if wrong_email(data["attributes"].get("email")):
        return [(f"{at}/data/attributes/email", "Invalid email address.")]
    if data["attributes"].get("phone_number") and not PHONE.fullmatch(data["attributes"]["phone_number"]):
        return [(f"{at}/data/attributes/phone_number", "Invalid phone number: E.164 with a leading + is required.")]
    return []


def _repeated(groups: list[Document], at: str) -> Wrong:
    """A unique_id that stands twice for one profile and metric refuses the whole request."""
    seen: Counter[tuple[Any, ...]] = Counter()
    wrong: Wrong = []
    for number, group in enumerate(groups):
        data = group["profile"]["data"]
        who = (data.get("id"), *(data["attributes"].get(name) for name in IDENTIFIERS))
        for place, event in enumerate(group["events"]["data"]):
            unique = event["attributes"].get("unique_id")
            key = (*who, event["attributes"]["metric"]["data"]["attributes"]["name"], unique)
            seen[key] += 1
            if unique and seen[key] > 1:
                where = f"{at}/{number}/attributes/events/data/{place}/attributes/unique_id"
                wrong.append((where, "The unique_id is repeated for the same profile and metric."))
    return wrong
