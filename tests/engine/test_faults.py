"""Faults: after each of them the next quiet run makes channel, ledger and audience equal again."""

from __future__ import annotations

import pytest

from destinations.protocol import Response
from destinations.webhook import Webhook, WebhookSettings
from pipelines import screens
from pipelines.delivery import deliver
from pipelines.delivery.deliver import Progress
from pipelines.planning.draft import lateness
from pipelines.planning.plan import Plan
from pipelines.state import overview
from tests.engine.world import Mail, World

ADA, BEN, CLEO = ("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("cleo", "cleo@x.io", 3)
EVERYONE = {"ada@x.io", "ben@x.io", "cleo@x.io"}


@pytest.mark.parametrize("fault", ["lost", "lost_before", "never_sent", "429", "500"])
def test_one_bad_answer_is_repeated_in_the_same_run(world: World, fault: str) -> None:
    world.people(ADA, BEN, CLEO)
    world.channel.faults = [fault]
    result = world.run()
    assert (result.status, result.accepted, set(world.channel.members)) == ("ok", 3, EVERYONE)
    assert world.run(1).status == "nothing"


@pytest.mark.parametrize("fault", ["lost", "lost_before", "never_sent", "429", "500"])
def test_a_channel_that_stays_bad_is_left_and_made_right_later(world: World, fault: str) -> None:
    world.people(ADA, BEN, CLEO)
    world.channel.faults = [fault] * 4
    first = world.run()
    assert first.accepted == 0 and first.deferred + first.unknown == 3
    world.people(ADA, BEN)
    world.run(1)
    assert set(world.channel.members) == {"ada@x.io", "ben@x.io"} == world.ledger()
    assert world.run(2).status == "nothing"


def test_a_lost_add_of_someone_who_then_leaves_is_taken_back(world: World) -> None:
    world.people(ADA)
    world.channel.faults = ["lost"] * 4
    world.run()
    world.people()
    planned = world.plan(1)
    world.run(1)
    assert (planned["remove"], world.channel.members) == (1, {})


def test_what_was_uncertain_is_asserted_once_more_when_it_can_no_longer_arrive(world: World) -> None:
    world.people(ADA)
    world.run()
    world.people()
    world.channel.faults = ["lost_before"] * 4
    world.run(1)
    world.people(ADA)
    world.run(1.001)
    late = world.plan(1.5)
    world.run(1.5)
    assert (late["add"], world.plan(2)["add"], set(world.channel.members)) == (1, 0, {"ada@x.io"})


def test_refused_credentials_stop_the_run_and_blame_nobody(world: World) -> None:
    world.people(ADA, BEN)
    world.channel.faults = ["401"]
    result = world.run()
    assert (result.status, result.rejected, result.deferred) == ("failed", 0, 2)
    assert "connection mail: Mail refused the credentials (HTTP 401)" in result.reason
    assert (world.run(0.01).accepted, set(world.channel.members)) == (2, {"ada@x.io", "ben@x.io"})


def test_a_refused_member_stops_nobody_and_is_tried_again_later_and_later(world: World) -> None:
    world.people(ADA, BEN)
    world.channel.refuse = {"ada@x.io"}
    adds = [world.run(hours / 24).plan.add for hours in (0, 0.5, 1.1, 2, 5.5, 20, 24, 60, 100)]
    assert adds == [2, 0, 1, 0, 1, 0, 1, 1, 0]
    assert world.sql("select person_key, outcome, reason from activation.undelivered") == [
        ("ada", "rejected", "refused")]
    world.channel.refuse = set()
    world.people(("ada", "ada@x.io", 4), BEN)
    world.run(101 / 24)
    assert set(world.channel.members) == {"ada@x.io", "ben@x.io"}


def test_a_refused_member_who_leaves_is_still_removed(world: World) -> None:
    world.people(ADA)
    world.channel.refuse = {"ada@x.io"}
    world.run()
    world.people()
    assert world.plan(1)["remove"] == 1


@pytest.mark.parametrize("kind", [Plan, Progress])
def test_a_process_that_dies_between_steps_leaves_work_that_the_next_run_does(world: World, kind: type) -> None:
    world.people(ADA, BEN, CLEO)
    world.run(until=lambda step: isinstance(step, kind))
    world.run(0.001)
    assert set(world.channel.members) == EVERYONE == world.ledger()
    world.people(ADA)
    world.run(1, until=lambda step: isinstance(step, kind))
    world.run(1.001)
    assert set(world.channel.members) == {"ada@x.io"} == world.ledger()


def test_what_the_journal_knows_of_a_run_that_died_is_all_that_is_recorded_of_it(world: World) -> None:
    world.people(ADA, BEN, CLEO)
    world.run(until=lambda step: isinstance(step, Progress))
    world.run(0.001)
    assert world.sql("select epoch, attempt, outcome, count(*) from activation.receipt"
                     " group by epoch, attempt, outcome") == [
        (1, 1, "ok", 3)]


def test_failures_between_which_the_channel_answers_stop_nothing(world: World) -> None:
    world.people(*((f"p{n}", f"p{n}@x.io", n) for n in range(18)))
    world.channel.faults = ["lost", ""] * 6
    result = world.run()
    assert (result.status, result.accepted, world.channel.faults) == ("ok", 18, [])


def test_a_lost_journal_makes_what_it_knew_unknown_and_loses_nobody(world: World) -> None:
    world.people(ADA, BEN)
    world.run(until=lambda step: isinstance(step, Plan))
    for file in world.folder.glob("*.journal*"):
        file.unlink()
    world.run(0.1)  # nothing tells that the lease is of this machine, so it must run out
    outcomes = world.sql("select outcome, count(*) from activation.receipt group by outcome order by outcome")
    assert outcomes == [("ok", 2), ("unknown", 2)]
    assert set(world.channel.members) == {"ada@x.io", "ben@x.io"}


def test_a_job_is_waited_for_and_its_members_count_when_it_ends(world: World) -> None:
    world.people(ADA)
    world.channel.faults = ["job"]
    result = world.run()
    assert (result.accepted, world.ledger()) == (1, {"ada@x.io"})


def test_a_job_that_does_not_end_is_asked_again_by_the_next_run_and_sent_again_by_none(world: World) -> None:
    world.people(ADA)
    world.channel.faults, world.channel.job_verdict = ["job"], "pending"
    first = world.run()
    second = world.run(0.005)
    with world.warehouse() as warehouse:
        [state] = overview.states(warehouse)
    assert (state.pending, state.undelivered) == (1, {"pending": 1})
    assert screens.state_lines(state, world.clock.now())[-1] == "  not delivered: 1 pending"
    world.channel.job_verdict = "accepted"
    third = world.run(0.01)
    assert (first.pending, second.plan.add, third.status) == (1, 0, "nothing")
    assert world.ledger() == {"ada@x.io"} == set(world.channel.members)


def test_a_job_holds_a_run_up_for_some_seconds_and_no_other_member(world: World) -> None:
    world.people(ADA)
    world.channel.faults, world.channel.job_verdict = ["job"], "pending"
    assert world.run().seconds == sum(deliver.JOB_PATIENCE) == 15.75
    world.people(ADA, BEN)
    assert (world.run(0.005).plan.add, set(world.channel.members)) == (1, {"ben@x.io"})


def test_a_job_without_a_name_leaves_its_members_in_doubt_until_nothing_can_arrive(world: World) -> None:
    world.people(ADA)
    usual, world.channel.answer = world.channel.answer, lambda _: Response(202)
    assert (world.run().unknown, world.sql("select outcome, reason from activation.receipt")) == (
        1, [("unknown", "taken over by a job that the channel did not name")])
    world.channel.answer = usual
    assert [world.run(days).plan.add for days in (0.005, 0.02, 0.03)] == [1, 0, 0]
    assert world.ledger() == {"ada@x.io"}


def test_a_job_that_never_ends_is_given_up_when_it_can_do_nothing_any_more(world: World) -> None:
    world.people(ADA)
    world.channel.faults, world.channel.job_verdict = ["job"], "pending"
    world.run()
    late = lateness(world.destination) / 86_400
    assert (world.run(late * 0.9).plan.add, world.run(late * 1.1).plan.add) == (0, 1)
    assert world.ledger() == {"ada@x.io"}
    assert world.sql("select outcome, reason from activation.receipts where epoch = 1 and attempt > 1") == [
        ("unknown", "its job has not ended in time")]


def test_a_failed_job_proves_nothing_and_its_members_are_asserted_again(world: World) -> None:
    world.people(ADA)
    world.channel.faults, world.channel.job_verdict = ["job"], "unknown"
    world.run()
    assert world.run(0.1).plan.add == 1
    assert world.ledger() == {"ada@x.io"}


def test_each_try_of_a_webhook_keeps_its_id_and_is_signed_anew(make_world) -> None:
    world = make_world()
    world.destination = Webhook(WebhookSettings(url="https://hooks.example.com/in", secret=f"whsec_{'c2VjcmV0' * 4}"))
    answers, sent = [Response(429, {"retry-after": "30"}), Response(200)], list[dict[str, str]]()
    world.channel.answer = lambda request: (sent.append(dict(request.headers)), answers.pop(0))[1]
    world.people(ADA)
    assert world.run().accepted == 1
    first, second = ({name: heard[f"webhook-{name}"] for name in ("id", "timestamp", "signature")} for heard in sent)
    assert int(second["timestamp"]) - int(first["timestamp"]) >= 30
    assert (first["id"] == second["id"], first["signature"] == second["signature"]) == (True, False)


def test_a_channel_that_asks_for_an_hour_is_left_to_the_next_run(world: World) -> None:
    asked, answer = list[str](), world.channel.answer
    world.channel.answer = lambda request: asked.append(request.method) or Response(429, {"retry-after": "3600"})
    world.people(ADA)
    result = world.run()
    assert (result.deferred, asked, world.clock.seconds < 60) == (1, ["POST"], True)
    world.channel.answer = answer
    assert world.run(0.1).accepted == 1


class Careful(Mail):
    """A channel whose answers say that its limit is near."""

    def rests(self, response: Response) -> float:
        return 30.0


def test_a_channel_whose_limit_is_near_is_left_alone_for_as_long_as_it_says(make_world) -> None:
    world = make_world(Careful)
    world.people(*((f"p{number}", f"p{number}@x.io", 1) for number in range(60)))
    result = world.run()
    assert (result.accepted, world.channel.requests) == (60, 20)
    assert world.clock.seconds >= 30.0
