"""Consent in a Klaviyo account: who subscribes and who withdraws, and jobs that suppress addresses or lift that."""

from __future__ import annotations

from destinations.sandbox import klaviyo_bodies as bodies
from destinations.sandbox.channel import Call, Document, Reply, stamp
from destinations.sandbox.klaviyo_account import tidy
from destinations.sandbox.klaviyo_door import Door, check, check_profiles, count, refuse, refuse_rows


class Consent(Door):
    """The calls that write consent, and that say how far a suppression is."""

    def suppress(self, call: Call) -> Reply:
        check(call, bodies.SUPPRESS)
        return self._begin(call, "create")

    def unsuppress(self, call: Call) -> Reply:
        check(call, bodies.UNSUPPRESS)
        return self._begin(call, "delete")

    def _begin(self, call: Call, verb: str) -> Reply:
        rows = call.json["data"]["attributes"].get("profiles", {}).get("data", [])
        count(len(rows), 100, "profiles", "/data/attributes/profiles/data")
        check_profiles(rows, "/data/attributes/profiles/data")
        fault, now, key = call.fault, self.setup.clock(), self.account.make_id("sup")
        slow = fault.seconds if fault and fault.kind == "job_slow" else 0
        failed = fault is not None and fault.kind == "job_failed"
        emails = [tidy("email", row["attributes"]["email"]) for row in rows]
        self._jobs[key] = {
            "verb": verb, "emails": emails, "created": now, "due": now + self.setup.job_seconds + slow, "ended": False,
            "cancelled": failed, "applied": not failed or (fault is not None and fault.applied), "skipped": 0,
        }  # fmt: skip
        return Reply(202, {"data": self._shown(call, key)}, rows=len(rows))

    def show_suppression(self, call: Call, key: str) -> Reply:
        return self._show(call, key, "create")

    def show_unsuppression(self, call: Call, key: str) -> Reply:
        return self._show(call, key, "delete")

    def _show(self, call: Call, key: str, verb: str) -> Reply:
        if key not in self._jobs or self._jobs[key]["verb"] != verb:
            raise refuse(404, "not_found", f"There is no job with id {key}.")
        return Reply(200, {"data": self._shown(call, key)})

    def end_suppressions(self, now: float) -> bool:
        """Apply the jobs that have ended by `now`; answers whether any did."""
        due = [job for job in self._jobs.values() if not job["ended"] and job["due"] <= now]
        for job in sorted(due, key=lambda job: float(job["due"])):
            job["ended"] = True
            for email in job["emails"] if job["applied"] else ():
                held = email in self.state["suppressed"]
                job["skipped"] += held == (job["verb"] == "create")
                if job["verb"] == "create":
                    self.state["suppressed"].setdefault(email, stamp(job["due"]))
                else:
                    self.state["suppressed"].pop(email, None)
        return bool(due)

    def _shown(self, call: Call, key: str) -> Document:
        job, kind = self._jobs[key], f"profile-suppression-bulk-{self._jobs[key]['verb']}-job"
        ended = job["ended"] and not job["cancelled"]
        details = {
            "status": "cancelled" if job["ended"] and job["cancelled"] else "complete" if ended else "processing",
            "created_at": stamp(job["created"]),
            "total_count": len(job["emails"]),
            "completed_count": len(job["emails"]) - job["skipped"] if ended else 0,
            "skipped_count": job["skipped"],
            "completed_at": stamp(job["due"]) if ended else None,
        }
        link = {"self": f"{call.root}/api/{kind}s/{key}"}
        return {"type": kind, "id": key, "attributes": details, "links": link}

    def subscribe(self, call: Call) -> Reply:
        """Subscribe profiles, known or new; that lifts an earlier unsubscription without a word."""
        check(call, bodies.SUBSCRIBE)
        given = call.json["data"]["attributes"]
        rows, historical = given["profiles"]["data"], bool(given.get("historical_import"))
        count(len(rows), 1000, "profiles", "/data/attributes/profiles/data")
        check_profiles(rows, "/data/attributes/profiles/data")
        consents = [(number, channel, one["marketing"]) for number, row in enumerate(rows)
                    for channel, one in row["attributes"]["subscriptions"].items()]
        wrong = [(f"/data/attributes/profiles/data/{number}/attributes/subscriptions/{channel}", "consented_at must be "
                  "given in a historical import, and nowhere else") for number, channel, one in consents
                 if ("consented_at" in one) is not historical or one.get("consent") != "SUBSCRIBED"]
        if wrong:
            raise refuse_rows(wrong)
        for number, channel, one in consents:
            names = {name: value for name, value in rows[number]["attributes"].items() if name != "subscriptions"}
            key = self.account.upsert(names, rows[number].get("id"), self.now())
            self.account.consent(key, channel, "SUBSCRIBED", one.get("consented_at") or self.now())
            self.state["unsubscribed"].pop(tidy("email", names.get("email") or names.get("phone_number")), None)
        return Reply(202, rows=len(rows))

    def unsubscribe(self, call: Call) -> Reply:
        """A profile that is not on the named list, or a call that names none, loses the consent to everything."""
        check(call, bodies.UNSUBSCRIBE)
        rows = call.json["data"]["attributes"]["profiles"]["data"]
        count(len(rows), 100, "profiles", "/data/attributes/profiles/data")
        check_profiles(rows, "/data/attributes/profiles/data")
        named = call.json["data"].get("relationships", {}).get("list", {}).get("data", {}).get("id")
        members = self.known("lists", named)["members"] if named else {}
        for row in rows:
            key = self.account.first(row["attributes"])
            if key is None or members.pop(key, None) is None:
                who = row["attributes"].get("email") or row["attributes"].get("phone_number")
                self.state["unsubscribed"][tidy("email", who)] = self.now()
            for channel in row["attributes"]["subscriptions"] if key else ():
                self.account.consent(str(key), channel, "UNSUBSCRIBED", self.now())
        return Reply(202, rows=len(rows))

    @property
    def _jobs(self) -> Document:
        jobs: Document = self.state.setdefault("suppression_jobs", {})
        return jobs
