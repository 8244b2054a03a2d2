"""A hold in Dagster: a red check in a green run, and a launch that approves exactly that plan."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
import yaml

from pipelines.defs.launchpad import approval_address, approval_link
from tests.dagster.corner import Corner, failure, judged, made

CART = ("audience/cart", "crm/cart", "hook/cart")
SIGNED = {"approved_by": "Ada", "reason": "the campaign ended"}


@pytest.fixture
def held(corner: Corner) -> Corner:
    """One of the two channels has three more of whom two have left."""
    corner.sql("""insert into audiences.cart (person_id, email, cart_value)
        select 'p' || n, 'p' || n || '@shop.example', 50 from range(3) as numbers (n)""")
    corner.launch("audience/cart", "hook/cart")
    corner.sql("delete from audiences.cart where person_id in ('p0', 'p1')")
    return corner


def plan_of(result: dg.ExecuteInProcessResult, sync: str = "hook") -> str:
    return str(judged(result, failed=True)[f"{sync}/cart:no_objections"]["plan"])


def test_a_launch_with_a_name_and_a_reason_releases_that_plan_and_syncs(held: Corner) -> None:
    red = held.launch("audience/cart", "hook/cart")
    assert (red.success, made(red).keys()) == (True, {"audience/cart"})
    said = judged(red, failed=True)["hook/cart:no_objections"]
    plan = plan_of(red)
    assert said == {
        "removal": "2 of 6 left at once (33%; the limit is 30%); "
                   "2 of 5 in the channel would be removed (40%; the limit is 30%)",
        "plan": plan, "add": 0, "update": 0, "remove": 2,
        "approve": f"`tailrace approve {plan} --by NAME --reason TEXT`"}
    green = held.launch("audience/cart", "hook/cart", activate_cart={"approve_plan": plan, **SIGNED})
    assert (green.success, made(green)["hook/cart"]["remove"]) == (True, 2)
    assert held.sql("select plan_id, state, decided_by, decision from activation.hold") == [
        (plan, "used", "Ada", "the campaign ended")]


@pytest.mark.parametrize(("config", "said"), [
    ({"approved_by": "", "reason": " "}, "fill in approved_by and reason: who decides and why is recorded"),
    ({**SIGNED, "approve_plan": "cart__hook-0123456789"}, "plan cart__hook-0123456789 is not held"),
])
def test_an_approval_that_is_not_signed_or_of_another_plan_is_a_failure(
    held: Corner, config: dict[str, str], said: str
) -> None:
    plan = plan_of(held.launch("audience/cart", "hook/cart"))
    result = held.launch("audience/cart", "hook/cart", activate_cart={"approve_plan": plan, **config})
    assert failure(result).startswith(said)
    assert held.sql("select state from activation.hold") == [("open",)]


def test_a_plan_that_has_changed_since_stays_held(held: Corner) -> None:
    plan = plan_of(held.launch("audience/cart", "hook/cart"))
    held.sql("delete from audiences.cart where person_id = 'p2'")
    result = held.launch("audience/cart", "hook/cart", activate_cart={"approve_plan": plan, **SIGNED})
    assert (result.success, made(result).keys(), plan_of(result) != plan) == (True, {"audience/cart"}, True)


def test_a_list_that_shrank_is_a_red_check_and_holds_nothing(corner: Corner) -> None:
    corner.sql("create or replace table suppressions.do_not_contact as select 'x' || n as person_id"
               " from range(9) as numbers (n)")
    corner.launch(*CART)
    corner.sql("delete from suppressions.do_not_contact where person_id <> 'x0'")
    result = corner.launch(*CART)
    assert (result.success, made(result).keys()) == (True, set(CART))
    [(name, found)] = judged(result, failed=True).items()
    assert (name, found["do_not_contact"].startswith("do_not_contact shrank: 8 of 9 left at once (89%")) == (
        "audience/cart:suppressions_whole", True)


@pytest.mark.parametrize(("plan_id", "selected"), [
    ("cart__hook-0123456789", ["audience/cart", "hook/cart"]), ("suppression:staff-0123456789", [*CART])])
def test_the_link_fills_in_the_plan_and_selects_what_it_holds(
    corner: Corner, plan_id: str, selected: list[str]
) -> None:
    audience = corner.opened.declarations.find("cart")
    address = urlsplit(approval_address("shop@prod", audience, plan_id))
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == "/locations/shop%40prod/jobs/sync_audiences/playground/setup"
    config = yaml.safe_load(query.pop("config"))
    assert config == {"ops": {"activate_cart": {"config": {
        "approve_plan": plan_id, "approved_by": "", "reason": ""}}}}
    assert ["/".join(value for name, value in query.items() if name.startswith(f"assetSelection[{place}][assetKey]"))
            for place in range(sum(name.endswith("[opNames][0]") for name in query))] == selected
    link = approval_link("shop@prod", audience, plan_id)
    assert link == f"[Approve exactly this plan]({address.geturl()})"


def test_the_link_of_a_sync_with_shards_fills_in_the_step_that_plans(corner: Corner) -> None:
    audience = corner.opened.declarations.find("cart")
    split = replace(audience, syncs=tuple(sync.model_copy(update={"shards": 3}) for sync in audience.syncs))
    address = approval_address("shop@prod", split, "cart__hook-0123456789")
    [config] = parse_qs(urlsplit(address).query)["config"]
    assert yaml.safe_load(config) == {"ops": {"hook__cart": {"ops": {"plan_cart__hook": {"config": {
        "approve_plan": "cart__hook-0123456789", "approved_by": "", "reason": ""}}}}}}
