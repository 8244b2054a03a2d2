"""Messages at the right moment, or the reason why not: each rule on both sides of its boundary, through whole walks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from pipelines.audiences import GoalModel, RecipientsModel, SuppressionModel
from pipelines.messages import Messages
from pipelines.notation import parse_quiet
from pipelines.planning.deciding import quiet_until
from pipelines.state.snapshot import Snapshot
from tests.engine.world import START, ForgettingMail, World

ADA, BEN = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2)
NOBODY: tuple[()] = ()
HOUR, MINUTE, SECOND = 1 / 24, 1 / 1440, 1 / 86_400
TRIGGER = {"when": "enters", "event": "cart_abandoned", "send": ["value"], "max_age": "48h"}


@pytest.fixture
def tell(make_world: Callable[..., World]) -> Callable[..., World]:
    """A world whose first sync is done, with these rules for its messages."""
    def make(trigger: dict[str, object] | None = None, **rules: object) -> World:
        world = make_world(ForgettingMail, trigger={**TRIGGER, **(trigger or {})})
        world.messages = Messages.model_validate(rules)
        world.run()
        return world

    return make


def enter(world: World, days: float, *rows: tuple[str, str | None, int]) -> None:
    world.people(*rows)
    world.run(days)


def codes(world: World, person: str = "ada", step: str = "") -> list[tuple[object, object]]:
    """What was decided of the person's candidates of the audience, in order."""
    return [(code, detail) for code, detail in world.sql(
        """select code, detail from activation.candidate where audience = ? and person_key = ? and step = ?
        order by entry_id, nth""", [world.name, person, step])]


def sent(world: World) -> list[tuple[object, object]]:
    return [(message["email"], message["event"]) for message in world.channel.messages]


def table(world: World, name: str, columns: str, *rows: Sequence[object]) -> None:
    world.sql(f"drop table if exists {name}")
    world.sql(f"create table {name} ({columns})")
    for row in rows:
        world.sql(f"insert into {name} values ({', '.join('?' * len(row))})", row)


def buys(world: World, *deeds: tuple[str, float]) -> None:
    """Orders: person and days after the start."""
    table(world, "deeds", "person_id varchar, name varchar, occurred_at timestamp", *(
        (person, "order_paid", (START + timedelta(days=days)).replace(tzinfo=None)) for person, days in deeds))
    world.goal = GoalModel("deeds", f"{world.engine.schema}.deeds", "person_id", event="order_paid")


def written_to(world: World, *rows: Sequence[object]) -> None:
    """Recipients: person, e-mail, whether it may be used, zone."""
    table(world, "recipients", "person_id varchar, mail varchar, may_mail boolean, timezone varchar", *rows)
    world.recipients = RecipientsModel(
        "recipients", f"{world.engine.schema}.recipients", "person_id", "",
        {"person": "person_id", "email": "mail"}, {"email": "may_mail"}, "timezone")


def test_whoever_enters_is_told_and_that_is_recorded_with_what_came_of_it(tell) -> None:
    world = tell()
    enter(world, 1, ADA)
    world.run(1.5)
    assert world.sql("select sync_id, person_key, step, code, outcome, decisions from activation.candidates") == [
        ("cart__mail", "ada", "", "sent", "ok", 1)]


@pytest.mark.parametrize(("again", "told"), [(4 - SECOND, 1), (4, 2)])
def test_who_enters_again_is_told_when_they_had_been_out_for_so_long(tell, again: float, told: int) -> None:
    world = tell(reenter="2d")
    enter(world, 1, ADA)
    enter(world, 2, *NOBODY)
    enter(world, again, ADA)
    assert len(sent(world)) == told
    assert codes(world)[1] == (
        ("sent", "") if told == 2 else ("suppressed", "was in before, by the rule of re-entry"))


def test_never_is_never_and_a_first_entry_is_no_return(tell) -> None:
    world = tell(reenter="never")
    enter(world, 1, ADA)
    enter(world, 2, *NOBODY)
    enter(world, 300, ADA, BEN)
    assert sent(world) == [("ada@x.io", "cart_abandoned"), ("ben@x.io", "cart_abandoned")]


@pytest.mark.parametrize(("again", "told"), [(8 - SECOND, 1), (8, 2)])
def test_a_cool_down_lets_nothing_through_before_it_ends(tell, again: float, told: int) -> None:
    world = tell(cool_down="7d")
    enter(world, 1, ADA)
    enter(world, 2, *NOBODY)
    enter(world, again, ADA)
    assert (len(sent(world)), codes(world)[-1]) == (told, ("sent", "") if told == 2 else ("capped", "cool-down"))


def test_a_message_that_waits_for_a_cool_down_goes_when_it_ends(tell) -> None:
    world = tell(cool_down="2d")
    enter(world, 1, ADA)
    enter(world, 1.5, *NOBODY)
    enter(world, 2, ADA)
    world.run(2.5)
    world.run(3)
    assert (len(sent(world)), codes(world)) == (2, [("sent", ""), ("capped", "cool-down"), ("sent", "")])


def test_what_several_channels_say_of_one_entry_waits_for_no_cool_down(tell) -> None:
    world = tell(cool_down="7d")
    world.shared_with("push", trigger={**TRIGGER, "event": "cart_push"}, first_sync="live")
    enter(world, 1, ADA)
    enter(world, 2, *NOBODY)
    enter(world, 3, ADA)
    assert sent(world) == [("ada@x.io", "cart_abandoned"), ("ada@x.io", "cart_push")]


@pytest.mark.parametrize(("late", "told"), [(3, 1), (3 + SECOND, 0)])
def test_what_is_older_than_max_age_is_dropped_with_a_reason_and_never_sent(tell, late: float, told: int) -> None:
    world = tell()
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, Snapshot))
    world.run(late)
    world.run(late + 1)
    assert len(sent(world)) == told
    assert codes(world) == [("sent", "")] if told else [("stale", "older than max_age")]


@pytest.mark.parametrize(("minutes", "told"), [(48 * 60, 1), (48 * 60 + 1, 0)])
def test_age_counts_from_the_cause_where_a_column_tells_it(make_world, minutes: int, told: int) -> None:
    """After an outage the entry is seen late, and the cause is as old as it is."""
    world = make_world(trigger={**TRIGGER, "happened": "left_at"})
    columns = "person_id varchar, email varchar, value integer, left_at timestamp"
    table(world, "cart", columns)
    world.run()
    table(world, "cart", columns, (*ADA, (START + timedelta(days=3, minutes=-minutes)).replace(tzinfo=None)))
    world.run(3)
    assert (len(sent(world)), codes(world)[-1][0]) == (told, "sent" if told else "stale")


@pytest.mark.parametrize(("days", "code"), [(1.2, "goal_met"), (1, "goal_met"), (1 - SECOND, "sent")])
def test_whoever_has_reached_the_goal_since_the_cause_gets_nothing_any_more(tell, days: float, code: str) -> None:
    world = tell()
    buys(world, ("ada", days))
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, Snapshot))
    world.run(1.3)
    assert [code for code, _ in codes(world)] == [code]


def test_while_nobody_knows_who_has_reached_the_goal_messages_wait(tell) -> None:
    world = tell()
    world.goal = GoalModel("deeds", f"{world.engine.schema}.deeds", "person_id", event="order_paid")
    enter(world, 1, ADA)
    buys(world)
    world.run(1.1)
    assert codes(world) == [("deferred", "who has reached the goal is not built"), ("sent", "")]


QUIET = parse_quiet("21:00-08:00 Europe/Berlin")


@pytest.mark.parametrize(("at", "zone", "until"), [
    ("2026-10-21T18:59:59", "", None),  # 20:59:59 in Berlin
    ("2026-10-21T19:00:00", "", "2026-10-22T06:00:00"),
    ("2026-10-22T05:59:59", "", "2026-10-22T06:00:00"),
    ("2026-10-22T06:00:00", "", None),
    ("2026-10-24T20:00:00", "", "2026-10-25T07:00:00"),  # the night in which clocks go back
    ("2026-03-28T21:00:00", "", "2026-03-29T06:00:00"),  # and forward
    ("2026-10-21T19:00:00", "America/New_York", None),
    ("2026-10-22T01:00:00", "America/New_York", "2026-10-22T12:00:00"),
    ("2026-10-21T15:30:00", "Asia/Kolkata", "2026-10-22T02:30:00"),
])
def test_quiet_hours_are_those_of_the_recipients_clock(at: str, zone: str, until: str | None) -> None:
    expected = datetime.fromisoformat(until) if until else None
    assert quiet_until(datetime.fromisoformat(at), QUIET, zone) == expected


def test_hours_within_a_day_are_quiet_from_their_start_to_before_their_end() -> None:
    noon = parse_quiet("12:00-13:00")
    at = datetime(2026, 10, 21, 12)
    assert [quiet_until(at + timedelta(minutes=n), noon, "") for n in (-1, 0, 59, 60)] == [
        None, at + timedelta(hours=1), at + timedelta(hours=1), None]


def test_a_message_of_the_night_goes_in_the_morning_of_whoever_it_is_for(tell) -> None:
    world = tell({"quiet_hours": "21:00-08:00 Europe/Berlin"})
    written_to(world, ("ada", "ada@x.io", True, "America/New_York"), ("ben", "ben@x.io", True, "Mars/Olympus"))
    enter(world, 1, ADA, BEN)  # 06:00 UTC: 02:00 in New York, 08:00 in Berlin
    assert sent(world) == [("ben@x.io", "cart_abandoned")]
    world.run(1 + 6 * HOUR - SECOND)
    assert (codes(world), len(sent(world))) == ([("deferred", "quiet hours")], 1)
    world.run(1 + 6 * HOUR)
    assert codes(world) == [("deferred", "quiet hours"), ("sent", "")]
    assert world.sql("select until from activation.candidate where nth = 1 and person_key = 'ada'") == [
        ((START + timedelta(days=1, hours=6)).replace(tzinfo=None),)]


def test_whoever_leaves_while_a_message_waits_gets_none(tell) -> None:
    world = tell({"quiet_hours": "05:00-08:00"})
    enter(world, 1, ADA, BEN)
    buys(world, ("ben", 1.01))
    enter(world, 1 + 3 * HOUR)
    assert (codes(world), codes(world, "ben")) == (
        [("deferred", "quiet hours"), ("stale", "left the audience")],
        [("deferred", "quiet hours"), ("goal_met", "")])
    assert sent(world) == []


def test_held_out_suppressed_and_unreachable_persons_have_their_reason(tell) -> None:
    world = tell()
    written_to(world, ("cleo", "cleo@x.io", False, None), ("dan", None, True, None))
    world.holdout = 0.5
    world.spare("ben")
    everybody = [(f"p{n}", f"p{n}@x.io", n) for n in range(20)]
    enter(world, 1, ("ben", "ben@x.io", 2), ("cleo", None, 3), ("dan", None, 4), *everybody)
    standing = dict(world.sql("select person_key, standing from activation.membership"))
    found = dict(world.sql("select person_key, code from activation.candidates"))
    expected = {"sent": "sent", "held_out": "held_out", "suppressed": "suppressed"}
    for person in ("cleo", "dan"):
        if standing[person] == "sent":
            expected_code = {"cleo": "no_consent", "dan": "no_identifier"}[person]
            assert found.pop(person) == expected_code
    assert {person: expected[standing[person]] for person in found} == found
    assert set(found.values()) == {"sent", "held_out", "suppressed"}


def test_whoever_is_left_out_of_all_marketing_is_held_out_of_its_messages(tell) -> None:
    world = tell()
    table(world, "control", "person_id varchar", ("ada",))
    world.suppressions += (SuppressionModel("global_holdout", f"{world.engine.schema}.control", "person_id",
                                             salt="spring"),)
    enter(world, 1, ADA, BEN)
    assert (codes(world), sent(world)) == ([("held_out", "of all marketing")], [("ben@x.io", "cart_abandoned")])


def test_two_of_one_address_are_told_once_and_the_other_has_a_reason(tell) -> None:
    world = tell()
    enter(world, 1, ADA, ("eve", "ada@x.io", 7))
    assert (codes(world), codes(world, "eve")) == ([("sent", "")], [("suppressed", "the address is told once")])


@pytest.fixture
def two(tell) -> tuple[World, World]:
    """Two audiences of one project: `cart` goes before `news`, and each person gets one message in two days."""
    cart = tell(cap="1 in 2d", priority=80)
    news = cart.beside("news", trigger={**TRIGGER, "event": "news"})
    news.messages = Messages.model_validate({"cap": "1 in 2d", "priority": 20})
    news.run()
    return cart, news


@pytest.mark.parametrize(("later", "told"), [(3 - SECOND, 1), (3, 2)])
def test_a_cap_counts_the_messages_of_all_audiences(two, later: float, told: int) -> None:
    cart, news = two
    enter(cart, 1, ADA)
    enter(news, 1.5, ADA)
    assert codes(news) == [("capped", "cap")]
    news.run(later)
    assert len(sent(news)) == told
    assert news.sql("select until from activation.candidate where audience = 'news' and code = 'capped'") == [
        ((START + timedelta(days=3)).replace(tzinfo=None),)]


def test_of_two_that_wait_the_higher_priority_goes_first_whoever_runs_first(two) -> None:
    cart, news = two
    enter(news, 0.9, BEN)  # so that both wait for the same room
    enter(cart, 1, BEN)
    enter(news, 1.1, *NOBODY)
    enter(news, 2, BEN)
    news.run(2.9)
    assert sent(cart) == [("ben@x.io", "news")]
    assert codes(news, "ben")[-1][0] == "capped"
    cart.run(2.9)
    assert sent(cart) == [("ben@x.io", "news"), ("ben@x.io", "cart_abandoned")]


def test_what_is_transactional_counts_nowhere_and_waits_for_nothing(two) -> None:
    cart, news = two
    cart.kind = "transactional"
    enter(news, 1, ADA)
    enter(cart, 1, ADA)
    enter(news, 1.1, *NOBODY)
    enter(news, 3, ADA)
    assert sent(cart) == [("ada@x.io", "news"), ("ada@x.io", "cart_abandoned"), ("ada@x.io", "news")]


def test_a_message_that_never_left_keeps_its_place_in_the_line(two) -> None:
    """Its channel is away; what is less urgent does not take the room meanwhile."""
    cart, news = two
    cart.channel.faults = ["", "never_sent", "never_sent", "never_sent", "never_sent"]
    enter(cart, 1, ADA)
    enter(news, 1.1, ADA)
    assert codes(news) == [("capped", "others go first")]
    cart.run(1.2)
    news.run(1.3)
    assert sent(cart) == [("ada@x.io", "cart_abandoned")]


def test_a_message_that_never_left_takes_no_room_under_the_cap(two) -> None:
    cart, news = two
    cart.channel.faults = ["", "never_sent", "never_sent", "never_sent", "never_sent"]
    enter(cart, 1, ADA)
    cart.people()
    cart.run(1.1)
    enter(news, 1.2, ADA)
    assert (codes(cart)[-1], sent(cart)) == (("stale", "left the audience"), [("ada@x.io", "news")])


STEPS = [{"event": "reminder", "after": "1d"},
         {"event": "last_chance", "after": "2d", "unless": ["goal", "left"], "max_age": "6h"}]


@pytest.mark.parametrize(("after", "told"), [(2 - SECOND, 1), (2, 2)])
def test_a_follow_up_goes_when_its_time_has_come(tell, after: float, told: int) -> None:
    world = tell(steps=STEPS)
    enter(world, 1, ADA)
    world.run(after)
    assert len(sent(world)) == told
    assert codes(world, step="reminder")[0] == (
        ("deferred", "its time has not come") if told == 1 else ("sent", ""))


def test_each_follow_up_is_sent_once_under_an_id_of_its_own_after_the_one_before_it(tell) -> None:
    world = tell(steps=STEPS)
    enter(world, 1, ADA)
    for days in (1.5, 2, 2.5, 3.9, 4, 4.1, 9):
        world.run(days)
    assert sent(world) == [("ada@x.io", event) for event in ("cart_abandoned", "reminder", "last_chance")]
    assert len({message["id"] for message in world.channel.messages}) == 3


def test_a_follow_up_that_was_in_doubt_is_repeated_under_its_id_and_not_told_twice(tell) -> None:
    world = tell(steps=STEPS[:1])
    enter(world, 1, ADA)
    world.channel.faults = ["lost_before"] * 4
    world.run(2)
    assert world.sql("select code, outcome from activation.candidates where step = 'reminder'") == [("sent", "unknown")]
    world.run(2.1)
    assert world.sql("select code, outcome, decisions from activation.candidates where step = 'reminder'") == [
        ("sent", "ok", 1)]
    assert [event for _, event in sent(world)] == ["cart_abandoned", "reminder"]


@pytest.mark.parametrize(("late", "told"), [(4.25, 3), (4.25 + SECOND, 2)])
def test_a_follow_up_that_comes_too_late_is_stale(tell, late: float, told: int) -> None:
    world = tell(steps=STEPS)
    enter(world, 1, ADA)
    world.run(2)
    world.run(late)
    assert (len(sent(world)), codes(world, step="last_chance")[-1][0]) == (told, "sent" if told == 3 else "stale")


def test_nobody_who_has_bought_gets_a_last_chance(tell) -> None:
    world = tell(steps=STEPS)
    buys(world, ("ada", 2.5))
    enter(world, 1, ADA)
    world.run(2)
    world.run(4)
    assert (len(sent(world)), codes(world, step="last_chance")[-1]) == (2, ("goal_met", ""))


def test_who_has_left_gets_a_follow_up_where_they_may_be_written_to_and_it_does_not_stop_by_that(tell) -> None:
    world = tell(steps=STEPS)
    written_to(world, ("ada", "ada@new.io", True, None), ("ben", "ben@x.io", False, None))
    enter(world, 1, ADA, BEN, ("cleo", "cleo@x.io", 3))
    enter(world, 2)
    world.run(4)
    assert sent(world)[3:] == [("ada@new.io", "reminder")]
    assert [codes(world, person, "reminder")[-1] for person in ("ben", "cleo")] == [
        ("no_consent", ""), ("no_identifier", "")]
    assert codes(world, "ada", "last_chance")[-1] == ("stale", "left the audience")


def test_who_has_left_and_come_back_gets_the_follow_up_of_the_first_stay(tell) -> None:
    world = tell(steps=STEPS[:1])
    written_to(world, ("ada", "ada@x.io", True, None))
    enter(world, 1, ADA)
    enter(world, 1.2)
    enter(world, 1.5, ADA)
    world.run(2)
    assert [event for _, event in sent(world)] == ["cart_abandoned", "cart_abandoned", "reminder"]


def test_a_follow_up_spares_whom_everything_spares_now(tell) -> None:
    world = tell(steps=STEPS)
    written_to(world, ("ada", "ada@x.io", True, None))
    enter(world, 1, ADA)
    world.spare("ada")
    enter(world, 2)
    assert (len(sent(world)), codes(world, step="reminder")[-1]) == (1, ("suppressed", ""))


def test_a_plan_shows_what_would_be_sent_and_writes_no_decision(tell) -> None:
    world = tell(cap="1 in 2d")
    world.people(ADA)
    assert world.plan(1)["trigger"] == 1
    assert world.sql("select * from activation.candidate") == []


def test_channels_that_share_a_message_send_it_once_in_the_first_that_reaches_the_person_now(make_world) -> None:
    world = make_world(trigger={**TRIGGER, "quiet_hours": "05:00-08:00"})
    world.shared_with("late_mail", trigger={**TRIGGER, "event": "cart_mail"})
    world.messages = Messages.model_validate({"channels": ["mail", "late_mail"]})
    world.run()
    enter(world, 1, ADA)  # 06:00: the first channel is silent
    enter(world, 1 + 3 * HOUR, ADA, BEN)
    world.run(1 + 4 * HOUR)
    assert sent(world) == [("ada@x.io", "cart_mail"), ("ben@x.io", "cart_abandoned")]
    assert world.sql("select person_key, connection, code, decisions from activation.candidates order by 1") == [
        ("ada", "late_mail", "sent", 1), ("ben", "mail", "sent", 1)]


def test_a_channel_whose_time_is_over_leaves_the_message_to_the_next(make_world) -> None:
    world = make_world(trigger={**TRIGGER, "max_age": "1h"})
    world.shared_with("late_mail", trigger={**TRIGGER, "event": "cart_mail"})
    world.messages = Messages.model_validate({"channels": ["mail", "late_mail"]})
    world.run()
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, Snapshot))
    world.run(1 + 2 * HOUR)
    world.run(1 + 3 * HOUR)
    assert sent(world) == [("ada@x.io", "cart_mail")]


def test_whoever_is_forgotten_is_in_no_decision(tell) -> None:
    world = tell()
    enter(world, 1, ADA)
    with world.warehouse() as warehouse, warehouse.transaction():
        from pipelines.state import tombstones

        tombstones.erase(warehouse, "ada", ["cart__mail"], [])
    assert world.sql("select * from activation.candidate") == []


def test_decisions_of_stays_that_are_over_go_with_receipts_after_13_months(tell) -> None:
    world = tell(reenter="never")
    enter(world, 1, ADA, BEN)
    enter(world, 2, BEN)
    world.run(397)
    assert world.sql("select person_key from activation.candidate order by 1") == [("ada",), ("ben",)]
    world.run(398)
    assert world.sql("select person_key from activation.candidate") == [("ben",)]


def test_silence_about_an_unknown_zone_is_that_of_the_declaration(tell) -> None:
    world = tell({"quiet_hours": "05:00-07:00"})
    written_to(world, ("ada", "ada@x.io", True, None))
    enter(world, 1, ADA)
    assert codes(world) == [("deferred", "quiet hours")]
