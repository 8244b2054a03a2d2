"""Approving at the terminal: what is held is shown with its numbers, and exactly what was named is released."""

from __future__ import annotations

import jsonschema
import pytest

from pipelines import documents, screens
from pipelines.audiences import Guards
from pipelines.planning.plan import Plan
from pipelines.sync import preview
from tests.engine.world import START, World

PEOPLE = [(f"p{n:02}", f"p{n:02}@x.io", n) for n in range(6)]
SIGNED = ("--by", "Ada", "--reason", "the campaign ended")
SAID = ["3 of 6 left at once (50%; the limit is 30%)",
        "3 of 6 in the channel would be removed (50%; the limit is 30%)"]


@pytest.fixture
def held(world: World) -> World:
    world.guards = Guards(removal="30%", entries=5, unusable="10%")
    world.people(*PEOPLE)
    world.run()
    world.people(*PEOPLE[:3])
    return world


def planned(world: World) -> Plan:
    [plan] = preview(world.audience, world.tasks, world.suppressions, world.ports, START)
    return plan


def test_a_held_plan_is_shown_with_its_id_by_plan_and_by_sync(held: World) -> None:
    plan, result = planned(held), held.run(1)
    assert plan.plan_id == result.plan.plan_id
    assert screens.plan_lines(plan)[-1] == f"  plan {plan.plan_id}: a sync holds it until it is approved"
    assert screens.result_line(result).splitlines()[-1].strip() == (
        f"tailrace approve {plan.plan_id} --by NAME --reason TEXT   sends exactly this plan with the next sync")


def test_documents_of_plan_and_sync_name_what_is_held(held: World) -> None:
    plan, result = planned(held), held.run(1)
    plans = documents.plan_document(START, [plan])
    results = documents.sync_document(START, [result])
    jsonschema.validate(plans, documents.schema("plan"))
    jsonschema.validate(results, documents.schema("sync"))
    assert [(entry["plan_id"], entry["held"]) for entry in (*plans["syncs"], *results["syncs"])] == [
        (plan.plan_id, True)] * 2


def test_a_plan_that_no_guard_objects_to_has_no_id_and_is_not_held(world: World) -> None:
    world.people(*PEOPLE)
    plan = planned(world)
    assert (plan.plan_id, plan.held, screens.plan_lines(plan)[-1]) == ("", False, "  + 6 add   about 2 requests")


def test_without_a_plan_it_lists_what_is_held(held: World, at_desk) -> None:
    desk = at_desk(held)
    plan_id = held.run(1).plan.plan_id
    assert desk("approve").out.splitlines() == [
        f"{plan_id}: held since 2026-10-22 06:00 UTC    − 3 remove", *(f"  removal: {said}" for said in SAID),
        "tailrace approve PLAN_ID --by NAME --reason TEXT releases one."]
    assert desk("approve", "--json").document("approve") == {"holds": [{
        "plan_id": plan_id, "sync": "cart__mail", "opened_at": "2026-10-22T06:00:00Z",
        "objections": [{"guard": "removal", "message": said} for said in SAID],
        "add": 0, "update": 0, "remove": 3, "trigger": 0}]}


def test_an_approved_plan_is_sent_by_the_next_sync_and_recorded_with_who_and_why(held: World, at_desk) -> None:
    desk = at_desk(held)
    plan_id = held.run(1).plan.plan_id
    ran = desk("approve", plan_id, *SIGNED)
    assert (ran.code, ran.out.splitlines()[0], ran.out.splitlines()[-1]) == (
        0, f"{plan_id}: held since 2026-10-22 06:00 UTC    − 3 remove",
        "Approved by Ada: the next sync of cart__mail sends exactly this plan; one that differs stays held.")
    assert (held.run(2).status, len(held.channel.members)) == ("ok", 3)
    assert held.sql("select state, decided_by, decision from activation.hold") == [
        ("used", "Ada", "the campaign ended")]
    assert desk("approve").out == "Nothing is held.\n"


def test_a_plan_that_is_not_held_is_refused_with_the_one_that_may_be_meant(held: World, at_desk) -> None:
    plan_id = held.run(1).plan.plan_id
    wrong = f"{plan_id[:-1]}{'0' if plan_id[-1] != '0' else '1'}"
    ran = at_desk(held)("approve", wrong, *SIGNED)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"plan {wrong} is not held (did you mean {plan_id}?); held are: {plan_id}.")


def test_a_decision_without_a_name_or_a_reason_is_refused(held: World, at_desk) -> None:
    plan_id = held.run(1).plan.plan_id
    ran = at_desk(held)("approve", plan_id, "--by", " ")
    assert ran.said == (1, "write --by NAME and --reason TEXT: who decides and why is recorded\n")
    assert held.run(2).status == "held"


def test_before_the_first_sync_there_is_nothing_to_decide(world: World, at_desk) -> None:
    assert at_desk(world)("approve").said == (
        1, "nothing was synced yet from this warehouse: run `tailrace sync` first\n")
