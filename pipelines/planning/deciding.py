"""Which messages of a sync go out now: what waits is found, decided about, and what is chosen is left in `due`.

The statements live in `pipelines.state`; this is their order, and what they need of the declaration: the channels that
share the message, whose night it is, and how to reach those who have left the audience since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from destinations.protocol import Destination
from pipelines.audiences import Audience, RecipientsModel, SuppressionModel, Sync
from pipelines.messages import Trigger
from pipelines.notation import Quiet
from pipelines.planning.render import renderer
from pipelines.state import candidates, desired, triggers
from pipelines.state.candidates import Rules
from pipelines.warehouse.protocol import Warehouse, quote

EVER = timedelta(days=36_500)
FORGIVEN = timedelta(days=30)
"""A follow-up that has been too late for so long is found no more."""

DUE = """
    create temp table due as
    select person_key, stay, entry_id, entered_at, silent, dest_key, identifiers, outcome, known_op as op_id, asked,
        step, event, kept, reason in ('late', 'left') as is_stale
    from temp.decided
    where reason in ('silent', 'asked', 'ready', 'repeat') or (reason in ('late', 'left') and dest_key is not null)"""


@dataclass(frozen=True, slots=True)
class Telling:
    """One sync whose messages are decided about."""

    audience: Audience
    sync: Sync
    trigger: Trigger
    destination: Destination
    sparing: tuple[SuppressionModel, ...]
    at: datetime
    """The moment that the snapshot speaks of, UTC without zone."""
    now: datetime
    since: int
    """Snapshot up to which entries were there before the trigger."""
    resend_within: float
    """Seconds from its first plan during which a message in doubt may be sent again under its id; 0: never."""

    @property
    def id(self) -> str:
        return self.audience.sync_id(self.sync)

    @property
    def shares(self) -> bool:
        """Whether other channels may send the message instead."""
        return self.sync.to in self.audience.messages.channels

    @property
    def ways(self) -> dict[str, str]:
        """Identifier kind → column by which a person who consents is reached; the key alone says nothing of consent."""
        found = self.audience.identifiers_for(self.sync)
        return {kind: column for kind, column in found.items() if column != self.audience.key}

    @property
    def rules(self) -> Rules:
        said, is_marketing = self.audience.messages, self.audience.kind == "marketing"
        cap = said.cap if is_marketing else None
        control = tuple(model for model in self.sparing if model.salt)
        return Rules(
            audience=self.audience.name, sync_id=self.id, at=self.at, now=self.now, priority=said.priority,
            counts=is_marketing, shares=self.shares,
            speaks=not self.shares or said.channels[-1] == self.sync.to,
            out_for=(EVER if said.reenter is None else said.reenter).total_seconds(),
            cool_down=said.cool_down.total_seconds() if said.cool_down else None,
            cap=cap.messages if cap else None, full_since=self.at - (cap.within if cap else EVER),
            frees_after=cap.within.total_seconds() if cap else 0.0, goal=self.audience.goal_model,
            refusing=_refusing(self.audience.recipients, self.destination, self.ways), control=control,
            sparing=tuple(model for model in self.sparing if not model.salt))


def decide(warehouse: Warehouse, telling: Telling, *, write: bool) -> tuple[int, int]:
    """Leave `due`; how many messages are sent, and the silent ones among them. What is only looked at (not `write`)
    waits for nobody else who decides."""
    if write and (telling.shares or telling.rules.cap):
        candidates.take_turn(warehouse)
    _find(warehouse, telling)
    _open_channels(warehouse, telling)
    candidates.decide(warehouse, telling.rules)
    warehouse.execute("drop table if exists temp.due")
    warehouse.execute(DUE)
    [counts] = warehouse.query(
        "select count(*), count(*) filter (where silent) from temp.due where not is_stale")
    return int(counts[0]), int(counts[1])


def record(warehouse: Warehouse, telling: Telling) -> None:
    """Write down what was decided. Call in the transaction of the plan."""
    candidates.record(warehouse, telling.rules)


def _find(warehouse: Warehouse, telling: Telling) -> None:
    audience, trigger, able = telling.audience, telling.trigger, telling.destination.capabilities
    triggers.start(warehouse)
    scope: dict[str, Any] = {
        "sync_id": telling.id, "audience": audience.name, "scope": audience.name if telling.shares else telling.id,
        "since": telling.since, "now": telling.now, "silently": able.silent, "resend_within": telling.resend_within,
        "event": trigger.event, "at_goal": True, "when_left": True,
        "before": triggers.before(warehouse, audience.name, [audience.sync_id(each) for each in audience.syncs])}
    triggers.find_entries(warehouse, scope, quote(trigger.happened) if trigger.happened else None)
    said = audience.messages
    if said.steps:
        longest = max(step.after + step.max_age for step in said.steps) + FORGIVEN
        _reach_gone(warehouse, telling, telling.at - longest)
    for step in said.steps:
        triggers.find_followed(warehouse, {
            **scope, "step": step.event, "event": step.event, "follows": said.follows(step),
            "after": step.after.total_seconds(), "max_age": step.max_age.total_seconds(),
            "at_goal": "goal" in step.unless, "when_left": "left" in step.unless,
            "oldest": telling.at - FORGIVEN})


def _reach_gone(warehouse: Warehouse, telling: Telling, since: datetime) -> None:
    """How those are reached who have left the audience since they were told: as the model of recipients says now."""
    model = telling.audience.recipients
    gone = triggers.find_gone(warehouse, telling.audience.name, telling.id, since)
    if not gone or model is None or warehouse.columns(model.relation) is None:
        return
    warehouse.insert("temp.gone", {"person_key": gone})
    render = renderer(telling.audience, telling.sync, telling.destination)
    found: dict[str, list[Any]] = {"person_key": [], "dest_key": [], "identifiers": []}
    for rows in _consenting(warehouse, model, telling.ways):
        members = render(rows)
        for name, values in zip(found, (rows["_key"], members.dest_key, members.identifiers), strict=True):
            found[name] += values
    warehouse.execute("delete from temp.gone")
    if found["person_key"]:
        warehouse.insert("temp.gone", found)


def _consenting(
    warehouse: Warehouse, model: RecipientsModel, columns: dict[str, str]
) -> Iterator[desired.Columns]:
    """Rows as the audience would have them, of identifiers that may be used; what else it has is null."""
    shown = "".join(
        f", {_consented(model, kind)} as {quote(columns[kind])}" for kind in columns
        if kind in model.identifiers)
    key = f"cast(r.{quote(model.key)} as varchar)"
    for rows in desired.read_columns(
            warehouse, f"select {key} as _key{shown} from {model.relation} as r inner join temp.gone as g"
            f" on g.person_key = {key}"):
        yield _widened(rows)


def _widened(rows: desired.Columns) -> desired.Columns:
    nothing = [None] * len(rows["_key"])
    return defaultdict(lambda: nothing, rows)


def _consented(model: RecipientsModel, kind: str) -> str:
    value = f"r.{quote(model.identifiers[kind])}"
    return f"case when r.{quote(model.consents[kind])} then {value} end" if kind in model.consents else value


def _refusing(model: RecipientsModel | None, destination: Destination, ways: Mapping[str, str]) -> str:
    """SQL of those who have an address that the channel takes and do not consent to its use."""
    kinds = [kind for kind in destination.capabilities.identifiers
             if model and kind in ways and kind in model.identifiers and kind in model.consents]
    if model is None or not kinds:
        return ""
    refused = " or ".join(f"(r.{quote(model.identifiers[kind])} is not null and not coalesce("
                          f"r.{quote(model.consents[kind])}, false))" for kind in kinds)
    return f"select cast(r.{quote(model.key)} as varchar) as _key from {model.relation} as r where {refused}"


def _open_channels(warehouse: Warehouse, telling: Telling) -> None:
    """Leave `channels` that may send the message, `zones` of persons, and `quiet`: where it is night until when."""
    for name in ("channels", "zones", "quiet"):
        warehouse.execute(f"drop table if exists temp.{name}")
    warehouse.execute("create temp table channels (sync_id varchar, place bigint, max_age double)")
    warehouse.execute("create temp table zones (person_key varchar, zone varchar)")
    warehouse.execute("create temp table quiet (sync_id varchar, zone varchar, until timestamp)")
    order = telling.audience.messages.channels if telling.shares else (telling.sync.to,)
    by_name = {sync.to: sync for sync in telling.audience.syncs if sync.trigger}
    chosen = [(telling.audience.sync_id(by_name[name]), by_name[name].trigger) for name in order if name in by_name]
    open_to = [(sync_id, trigger) for sync_id, trigger in chosen if trigger]
    warehouse.insert("temp.channels", {
        "sync_id": [sync_id for sync_id, _ in open_to], "place": list(range(len(open_to))),
        "max_age": [trigger.max_age.total_seconds() for _, trigger in open_to]})
    hours = {sync_id: trigger.quiet_hours for sync_id, trigger in open_to if trigger.quiet_hours}
    if not hours:
        return
    zones = ["", *_place_persons(warehouse, telling.audience.recipients)]
    nights = [(sync_id, zone, until) for sync_id, quiet in hours.items() for zone in zones
              if (until := quiet_until(telling.at, quiet, zone))]
    if nights:
        warehouse.insert("temp.quiet", dict(zip(("sync_id", "zone", "until"), map(list, zip(*nights, strict=True)),
                                                strict=True)))


def _place_persons(warehouse: Warehouse, model: RecipientsModel | None) -> list[str]:
    """Fill `zones` with the zone of each person, where there is such a one; the zones that are left."""
    if model is None or model.timezone is None or warehouse.columns(model.relation) is None:
        return []
    warehouse.execute(
        f"""insert into temp.zones (person_key, zone)
        select cast({quote(model.key)} as varchar), {quote(model.timezone)} from {model.relation}
        where {quote(model.timezone)} is not null
            and cast({quote(model.key)} as varchar) in (select person_key from temp.found)""")
    zones = [zone for (zone,) in warehouse.query("select distinct zone from temp.zones order by 1")]
    for zone in [zone for zone in zones if not _is_zone(zone)]:
        warehouse.execute("delete from temp.zones where zone = ?", [zone])
    return [zone for zone in zones if _is_zone(zone)]


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (LookupError, ValueError, OSError):
        return False


def quiet_until(at: datetime, quiet: Quiet, zone: str) -> datetime | None:
    """When the quiet hours end in which it is now (UTC without zone); None: it is in none.

    `zone`: of the recipient; where it is empty, the one that is declared for those whose own is unknown.
    """
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone or quiet.zone))
    minute = local.hour * 60 + local.minute
    over_midnight = quiet.start > quiet.end
    if not (minute >= quiet.start or minute < quiet.end if over_midnight else quiet.start <= minute < quiet.end):
        return None
    day = local.date() + timedelta(days=1 if over_midnight and minute >= quiet.start else 0)
    end = datetime(day.year, day.month, day.day, quiet.end // 60, quiet.end % 60, tzinfo=local.tzinfo)
    return end.astimezone(UTC).replace(tzinfo=None)
