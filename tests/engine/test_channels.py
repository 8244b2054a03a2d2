"""One message in one of three channels: by what a person consents to, by their hour, and by how urgent it still is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.audiences import RecipientsModel
from pipelines.messages import Messages
from tests.engine.test_candidates import table
from tests.engine.world import START, Mail, World

COLUMNS = "person_id varchar, email varchar, phone_id varchar, push_id varchar, left_at timestamp"
QUIET = {"sms": "20:00-09:00", "push": "22:00-08:00", "letters": None}
MAX_AGE = {"sms": "2h", "push": "12h", "letters": "2d"}
AT = {"sms": {"email": "phone_id"}, "push": {"email": "push_id"}, "letters": {}}


@pytest.fixture
def world(make_world) -> World:
    """SMS, push and letters share a message; each is reached under a column of its own, empty without consent."""
    def declared(channel: str) -> dict[str, object]:
        quiet = {"quiet_hours": QUIET[channel]} if QUIET[channel] else {}
        return {"members": False, "identifiers": AT[channel], "trigger": {
            "when": "enters", "event": channel, "happened": "left_at", "max_age": MAX_AGE[channel], **quiet}}

    world = make_world(**declared("sms"))
    for channel in ("push", "letters"):
        world.shared_with(channel, **declared(channel))
    world.messages = Messages.model_validate({"channels": ["mail", "push", "letters"]})
    table(world, "cart", COLUMNS)
    table(world, "recipients", "person_id varchar, push_id varchar, may_push boolean, timezone varchar")
    world.recipients = RecipientsModel(
        "recipients", f"{world.engine.schema}.recipients", "person_id", "", {"person": "person_id"},
        {"person": "may_push"}, "timezone")
    world.run()
    return world


@pytest.mark.parametrize(("consents", "hour", "age", "told"), [
    ("sms push letters", 10, 1, ["sms"]),
    ("sms push letters", 8, 1, ["push"]),
    ("sms push letters", 7, 1, ["letters"]),
    ("sms push letters", 12, 3, ["push"]),
    ("sms push letters", 12, 13, ["letters"]),
    ("sms letters", 12, 3, ["letters"]),
    ("push", 10, 1, ["push"]),
    ("push", 7, 1, []),
    ("sms", 12, 3, []),
    ("letters", 3, 47, ["letters"]),
    ("letters", 3, 49, []),
])
def test_the_first_channel_that_may_and_is_open_and_in_time_has_the_message(
    world: World, consents: str, hour: int, age: int, told: list[str]
) -> None:
    days = 1 + (hour - START.hour) / 24
    cause = START + timedelta(days=days, hours=-age)
    addresses = [f"ada@{channel}.io" if channel in consents.split() else None for channel in ("letters", "sms", "push")]
    table(world, "cart", COLUMNS, ("ada", *addresses, cause.replace(tzinfo=None)))
    world.run(days)
    assert [(message["event"], message["email"]) for message in world.channel.messages] == [
        (channel, f"ada@{channel}.io") for channel in told]


def test_a_push_that_was_quiet_goes_in_the_morning_and_only_once(world: World) -> None:
    table(world, "recipients", "person_id varchar, push_id varchar, may_push boolean, timezone varchar",
          ("ada", "ada@push.io", True, "America/New_York"))
    table(world, "cart", COLUMNS, ("ada", None, None, "ada@push.io", START.replace(tzinfo=None)))
    world.run(0.25)  # 12:00 UTC is 08:00 there
    world.run(0.3)
    assert [message["event"] for message in world.channel.messages] == ["push"]
    assert world.sql("select connection, code from activation.candidates") == [("push", "sent")]


class Pushes(Mail):
    """A channel that knows persons by the warehouse's key."""

    capabilities = replace(Mail.capabilities, identifiers=("person",))


def test_a_push_needs_consent_to_pushes_when_it_is_sent_whoever_is_still_there(make_world) -> None:
    world = make_world(Pushes, members=False, identifiers={"person": "push_id"},
                       trigger={"when": "enters", "event": "push", "max_age": "2d"})
    world.messages = Messages.model_validate({"steps": [{"event": "more", "after": "1d"}]})
    recipients = "person_id varchar, may_push boolean, timezone varchar"
    world.recipients = RecipientsModel("recipients", f"{world.engine.schema}.recipients", "person_id", "",
                                       {"person": "person_id"}, {"person": "may_push"}, "timezone")
    table(world, "cart", COLUMNS)
    table(world, "recipients", recipients)
    world.run()
    table(world, "recipients", recipients, *((person, person != "dan", None) for person in ("ada", "ben", "dan")))
    table(world, "cart", COLUMNS, *((person, None, None, person if person != "dan" else None, None)
                                    for person in ("ada", "ben", "dan")))
    world.run(1)
    table(world, "recipients", recipients, ("ada", True, None), ("ben", False, None))
    table(world, "cart", COLUMNS)
    world.run(2)
    assert world.sql("select person_key, step, code from activation.candidates order by 1, 2") == [
        ("ada", "", "sent"), ("ada", "more", "sent"), ("ben", "", "sent"), ("ben", "more", "no_consent"),
        ("dan", "", "no_consent")]
