"""A hundred thousand candidates: caps hold, the highest priority wins, each has one outcome, nothing goes out late.

Three audiences of 25,000 persons enter and are looked at day by day; what is chosen counts as sent. The checks are made
of what was recorded by statements of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from destinations.protocol import Settings
from pipelines.audiences import Audience, GoalModel, RecipientsModel, Sync
from pipelines.messages import Messages
from pipelines.planning import deciding
from pipelines.planning.deciding import Telling
from pipelines.state import schema
from pipelines.warehouse.duckdb import DuckDB
from tests.engine.world import RawMail

duckdb = pytest.importorskip("duckdb")
PERSONS, START = 25_000, datetime(2026, 10, 21, 6)
PRIORITY = {"checkout": 90, "cart": 60, "news": 10}
CAP, WITHIN, MAX_AGE = 2, timedelta(days=7), timedelta(hours=20)
HOURS = (0, 6, 12, 24, 30, 54, 60, 72)
"""When everything is looked at; between 30 and 54 nothing runs."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    with duckdb.connect(str(tmp_path_factory.mktemp("crowd") / "crowd.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        warehouse = DuckDB(connection)
        schema.create(warehouse)
        _populate(warehouse)
        for round_, hour in enumerate(HOURS, start=1):
            for second, name in enumerate(("news", "checkout", "cart")):  # the lowest priority runs first
                at = START + timedelta(hours=hour)
                _look(warehouse, name, round_, at, at + timedelta(seconds=second))
        yield warehouse


def _populate(warehouse: DuckDB) -> None:
    """Who enters when, drawn by hash; who is held out, unreachable, asleep, or has bought."""
    warehouse.execute("create temp table kin (person_key varchar, root varchar)")
    warehouse.execute(f"""create table plan as
        select audience, 'p' || n as person_key, cast(hash(audience || n) % 8 + 1 as bigint) as entry_id
        from range({PERSONS}) as r(n), (values ('checkout'), ('cart'), ('news')) as a(audience)
        union all
        select 'news', 'q' || n, 3 from range({PERSONS}) as r(n)""")
    warehouse.execute("""create table deeds as
        select 'p' || n as person_id, 'order_paid' as name,
            timestamp '2026-10-22 00:00:00' + to_hours(cast(n % 40 as int)) as occurred_at
        from range(0, 25000, 7) as r(n)""")
    warehouse.execute("""create table recipients as select person_key as person_id, person_key || '@x.io' as email,
            hash(person_key) % 11 > 0 as may_mail,
            (['Europe/Berlin', 'America/New_York', 'Asia/Tokyo', null])[cast(1 + hash(person_key) % 4 as bigint)]
                as timezone
        from (select distinct person_key from plan)""")
    warehouse.execute("""create table audience_of_nobody (_key varchar)""")
    warehouse.execute("create temp view audience_rows as select * from audience_of_nobody")
    for name in PRIORITY:
        warehouse.execute("insert into activation.sync_control (sync_id, audience, connection) values (?, ?, 'mail')",
                          [f"{name}__mail", name])


def _look(warehouse: DuckDB, name: str, round_: int, at: datetime, now: datetime) -> None:
    """Take the snapshot, decide, and count what is chosen as sent."""
    warehouse.execute("""insert into activation.snapshot (audience, snapshot_id, taken_at, status)
        values (?, ?, ?, 'accepted')""", [name, round_, at])
    warehouse.execute("""insert into activation.membership (audience, person_key, standing, entry_id, valid_from)
        select audience, person_key, case when hash(person_key) % 20 = 0 then 'held_out' else 'sent' end, entry_id,
            entry_id
        from plan where audience = ? and entry_id = ?""", [name, round_])
    warehouse.execute("""insert into activation.desired (sync_id, person_key, dest_key, identifiers)
        select m.audience || '__mail', m.person_key, case when r.may_mail then 'email:' || r.email end, '{}'
        from activation.membership as m inner join recipients as r on r.person_id = m.person_key
        where m.audience = ? and m.entry_id = ? and m.standing = 'sent'""", [name, round_])
    telling = _telling(name, at, now)
    deciding.decide(warehouse, telling, write=True)
    deciding.record(warehouse, telling)
    warehouse.execute("""insert into activation.op (sync_id, epoch, seq, op_id, action, dest_key, person_key,
            snapshot_id, occurred_at, planned_at)
        select ?, ?, row_number() over (), d.op_id, 'event', d.dest_key, d.person_key, d.entry_id, d.entered_at, ?
        from temp.decided as d where reason in ('ready', 'late')""", [telling.id, round_, at])
    warehouse.execute("""insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason,
            recorded_at)
        select o.sync_id, o.epoch, o.op_id, 1, o.seq, case d.reason when 'late' then 'stale'
            else (['ok', 'ok', 'ok', 'unknown', 'void'])[cast(1 + hash(o.op_id || o.epoch) % 5 as bigint)] end, '', ?
        from activation.op as o inner join temp.decided as d on d.op_id = o.op_id
        where o.sync_id = ? and o.epoch = ?""", [at, telling.id, round_])


def _telling(name: str, at: datetime, now: datetime) -> Telling:
    sync = Sync.model_validate({"to": "mail", "every": "1h", "trigger": {
        "when": "enters", "event": name, "max_age": "20h", "quiet_hours": "21:00-07:00 Europe/Berlin"}})
    audience = Audience(
        name, "audience_of_nobody", "person_id", {"person": "person_id", "email": "email"}, syncs=(sync,),
        messages=Messages.model_validate({"cap": f"{CAP} in 7d", "priority": PRIORITY[name]}),
        goal_model=GoalModel("deeds", "deeds", "person_id", event="order_paid"),
        recipients=RecipientsModel("recipients", "recipients", "person_id", "", {"email": "email"},
                                   {"email": "may_mail"}, "timezone"))
    assert sync.trigger is not None
    return Telling(audience, sync, sync.trigger, RawMail(Settings()), (), at, now, 0, 0.0)


def test_every_candidate_has_exactly_one_outcome_and_every_code_occurs_that_can(crowd: DuckDB) -> None:
    entries = crowd.query("select count(*) from activation.membership")[0][0]
    found = crowd.query("select count(*), count(distinct candidate_id), count(code) from activation.candidates")
    assert (entries, found) == (4 * PERSONS, [(4 * PERSONS,) * 3])
    assert {code for (code,) in crowd.query("select distinct code from activation.candidate")} == {
        "sent", "deferred", "capped", "stale", "held_out", "no_consent", "goal_met"}


def test_nobody_ever_gets_more_than_the_cap_in_any_stretch_of_its_length(crowd: DuckDB) -> None:
    [(most, full)] = crowd.query(f"""
        with got as (
            select person_key, decided_at from activation.candidates
            where code = 'sent' and outcome in ('ok', 'unknown')
        )
        select max(n), count(*) filter (where n = {CAP}) from (
            select count(*) over (partition by person_key order by decided_at
                range between interval '7 days' preceding and current row) as n from got)""")
    assert most == CAP
    assert full > 1_000


def test_no_lower_priority_goes_while_a_higher_one_of_the_same_person_waits(crowd: DuckDB) -> None:
    """As of each decision to send, nothing that was open and known stood higher, unless there was room for both."""
    wrong = crowd.query(f"""
        with spans as (
            select *, lead(recorded_at) over (partition by candidate_id order by nth) as until_then
            from activation.candidate
        ),
        sends as (select * from activation.candidate where code = 'sent')
        select count(*) from sends as s
        where s.priority < (
            select max(w.priority) from spans as w
            where w.person_key = s.person_key and w.code in ('deferred', 'capped') and w.expires_at >= s.decided_at
                and w.recorded_at < s.recorded_at and (w.until_then is null or w.until_then > s.recorded_at)
                and (w.until is null or w.until <= w.expires_at))
            and (select count(*) from sends as b
                inner join activation.receipt as r on r.op_id = b.op_id and r.recorded_at = b.decided_at
                where b.person_key = s.person_key and b.recorded_at < s.recorded_at and r.outcome <> 'void'
                    and b.decided_at > s.decided_at - interval '7 days') >= {CAP - 1}""")
    assert wrong == [(0,)]


def test_an_outage_of_a_day_sends_nothing_stale(crowd: DuckDB) -> None:
    """What entered before the outage and waited is 24 hours older after it."""
    late = crowd.query("""select count(*) from activation.candidate
        where code = 'sent' and decided_at > happened_at + to_hours(20)""")
    dropped = crowd.query("""select count(*) from activation.candidate where code = 'stale' and decided_at = ?""",
                          [START + timedelta(hours=54)])
    assert late == [(0,)]
    assert dropped[0][0] > 1_000


def test_nobody_is_sent_anything_at_night_or_after_buying_or_without_consent_or_while_held_out(crowd: DuckDB) -> None:
    [(night, bought, refused, held)] = crowd.query("""
        select count(*) filter (where h >= 21 or h < 7), count(*) filter (where bought),
            count(*) filter (where not may_mail), count(*) filter (where hash(person_key) % 20 = 0)
        from (
            select c.person_key, r.may_mail,
                extract(hour from timezone(coalesce(r.timezone, 'Europe/Berlin'), timezone('UTC', c.decided_at))) as h,
                exists (select 1 from deeds as d where d.person_id = c.person_key and d.occurred_at >= c.happened_at
                    and d.occurred_at <= c.decided_at) as bought
            from activation.candidate as c inner join recipients as r on r.person_id = c.person_key
            where c.code = 'sent')""")
    assert (night, bought, refused, held) == (0, 0, 0, 0)


def test_what_never_left_is_decided_about_again(crowd: DuckDB) -> None:
    [(again,)] = crowd.query("""select count(*) from activation.candidate as c
        where code = 'sent' and nth > 1 and exists (select 1 from activation.candidate as b
            where b.candidate_id = c.candidate_id and b.nth = c.nth - 1 and b.code = 'sent')""")
    assert again > 100


