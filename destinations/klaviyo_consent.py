"""Consent in Klaviyo: who is subscribed, from when on, and who is suppressed.

A column sent as `subscriptions.email` or `subscriptions.sms` holds when the person consented to marketing by that way,
null where they have not. Subscribing in Klaviyo lifts an unsubscription, so consent is asserted only when it is newer
than what Klaviyo knows: whoever has unsubscribed since stays so. A consent that was acknowledged and is null now is
withdrawn, in the whole account. Subscriptions are told as historical: no double opt-in mail, no flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from destinations.answers import pending, unaccepted
from destinations.http import Json, walk
from destinations.klaviyo_api import RUNS, Api
from destinations.protocol import Batch, Exchange, Member, Operation, Outcome, Verdict

SUPPRESSIONS = "suppressions"
"""A target that is no list: its members are suppressed, and may be sent no marketing mail."""
CHANNELS = {"email": "email", "sms": "phone"}
"""Klaviyo's way → the identifier it needs."""
_NAMES = {f"subscriptions.{channel}": channel for channel in CHANNELS}
Consents = dict[str, datetime | None]
"""Channel → since when; None: no more."""


def assert_consent(api: Api, batch: Batch) -> Exchange:
    """Assert what the columns say of consent; outcomes only of members with whom that failed."""
    wanted, outcomes = wishes(batch)
    members = [member for member in batch.members if member.id in wanted]
    profiles, failed = yield from api.find(
        [member for member in members if any(wanted[member.id].values())], with_consent=True)
    ended = {outcome.id for outcome in failed}
    members = [member for member in members if member.id not in ended]
    for one in members:
        wanted[one.id] = {channel: moment for channel, moment in wanted[one.id].items()
                          if moment is None or is_newer(profiles[one.id], channel, moment)}
    granted = [member for member in members if any(wanted[member.id].values())]
    taken = [member for member in members if None in wanted[member.id].values()]
    outcomes += failed
    _, ungranted = yield from api.submit(batch, granted, 1000, "profile-subscription-bulk-create-jobs",
                                         lambda rows: subscribe_job(rows, wanted))
    _, untaken = yield from api.submit(batch, taken, 100, "profile-subscription-bulk-delete-jobs",
                                       lambda rows: unsubscribe_job(rows, wanted))
    return outcomes + ungranted + untaken


def suppress(api: Api, batch: Batch) -> Exchange:
    """Suppress addresses, or lift the suppression that was ours."""
    verb = "delete" if batch.operation is Operation.REMOVE else "create"
    known = [member for member in batch.members if "email" in member.identifiers]
    jobs, outcomes = yield from api.submit(batch, known, 100, f"profile-suppression-bulk-{verb}-jobs",
                                           lambda rows: suppression_job(rows, verb))
    outcomes += [Outcome(member.id, Verdict.REJECTED, "only e-mail addresses can be suppressed")
                 for member in batch.members if "email" not in member.identifiers]
    for response, members in jobs:
        job = response.get("data", "id")
        outcomes += (pending(job, members, RUNS) if isinstance(job, str) and job
                     else unaccepted(replace(batch, members=members), response))
    return outcomes


def wishes(batch: Batch) -> tuple[dict[str, Consents], list[Outcome]]:
    """What each member's columns ask for beyond what was acknowledged, and those that cannot be told."""
    wanted, wrong = dict[str, Consents](), list[Outcome]()
    for member in batch.members:
        try:
            if found := dict(_changes(member, batch.at)):
                wanted[member.id] = found
        except ValueError as reason:
            wrong.append(Outcome(member.id, Verdict.REJECTED, str(reason)))
    return wanted, wrong


def _changes(member: Member, now: datetime | None) -> Iterator[tuple[str, datetime | None]]:
    for name, channel in _NAMES.items():
        value, known = member.attributes.get(name), member.acknowledged.get(name)
        if value is not None and value != known:
            yield channel, _moment(name, value, now)
            if CHANNELS[channel] not in member.identifiers:
                raise ValueError(f"{name} without {CHANNELS[channel]}")
        elif value is None and known is not None and CHANNELS[channel] in member.identifiers:
            yield channel, None


def _moment(name: str, value: Json, now: datetime | None) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value)) if isinstance(value, str) else None
    except ValueError:
        moment = None
    aware = moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
    if aware is None or (now and aware > now):
        raise ValueError(f"{name} is no time of consent in the past")
    return aware


def is_newer(profile: Any, channel: str, moment: datetime) -> bool:
    """Whether a consent is news to Klaviyo: who is subscribed stays as they are, as does who has refused since."""
    known = walk(profile, "attributes", "subscriptions", channel, "marketing")
    status, since = str(walk(known, "consent")), walk(known, "consent_timestamp") or walk(known, "last_updated")
    if status in ("SUBSCRIBED", "None", "NEVER_SUBSCRIBED"):
        return status != "SUBSCRIBED"
    try:
        last = datetime.fromisoformat(str(since))
    except ValueError:
        return False
    return moment > (last if last.tzinfo else last.replace(tzinfo=UTC))


def subscribe_job(members: Sequence[Member], wanted: dict[str, Consents]) -> dict[str, Any]:
    """A job that subscribes profiles as of when they consented."""
    rows = [_row(member, {channel: {"consent": "SUBSCRIBED", "consented_at": moment.isoformat()}
                          for channel, moment in wanted[member.id].items() if moment}) for member in members]
    attributes = {"profiles": {"data": rows}, "historical_import": True}
    return {"data": {"type": "profile-subscription-bulk-create-job", "attributes": attributes}}


def unsubscribe_job(members: Sequence[Member], wanted: dict[str, Consents]) -> dict[str, Any]:
    """A job that takes consent back in the whole account: it names no list."""
    rows = [_row(member, {channel: {"consent": "UNSUBSCRIBED"}
                          for channel, moment in wanted[member.id].items() if not moment}) for member in members]
    return {"data": {"type": "profile-subscription-bulk-delete-job", "attributes": {"profiles": {"data": rows}}}}


def _row(member: Member, consents: dict[str, dict[str, Json]]) -> dict[str, Any]:
    named = {"email": "email", "sms": "phone_number"}
    return {"type": "profile", "attributes": {
        **{named[channel]: member.identifiers[CHANNELS[channel]] for channel in consents},
        "subscriptions": {channel: {"marketing": consent} for channel, consent in consents.items()}}}


def suppression_job(members: Sequence[Member], verb: str) -> dict[str, Any]:
    """A job that suppresses e-mail addresses (`create`) or lifts suppressions of ours (`delete`)."""
    rows = [{"type": "profile", "attributes": {"email": member.identifiers["email"]}} for member in members]
    return {"data": {"type": f"profile-suppression-bulk-{verb}-job", "attributes": {"profiles": {"data": rows}}}}
