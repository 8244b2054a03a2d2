"""An audience launched from Dagster: what reaches the channels and the ledger, and what its pages show."""

import json
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from tests.dagster.corner import Corner, failure, judged, made, observed

CART = ("audience/cart", "crm/cart", "hook/cart")
RELATIONSHIPS = "audiences/cart:relationships_cart_person_id__person_id__ref_everybody_"
NOTHING_SENT = {"add": 0, "update": 0, "remove": 0, "trigger": 0, "requests": 0}


def test_the_step_of_dbt_builds_models_with_the_vars_of_the_run_and_no_unit_tests(built: Corner) -> None:
    assert built.sql("select distinct built_for::varchar from audiences.cart") == [("2026-03-01 06:00:00",)]
    assert made(built.result).keys() > {"raw/people", "people/persons", "suppressions/do_not_contact", "audiences/cart"}
    assert sorted(judged(built.result)) == [RELATIONSHIPS, "audiences/cart:unique_cart_person_id"]
    assert not list((built.folder / "target").glob("dbt_build-*"))


def test_a_test_of_two_models_is_left_out_where_only_one_of_them_is_rebuilt(corner: Corner) -> None:
    corner.sql("delete from audiences.everybody")
    result = corner.launch("audiences/cart")
    assert result.success
    assert list(judged(result)) == ["audiences/cart:unique_cart_person_id"]


def test_a_model_that_fails_stops_the_run_before_anything_is_sent(corner: Corner) -> None:
    (corner.folder / "models/audiences/cart.sql").write_text("select no_such_column from {{ ref('persons') }}")
    result = corner.launch("audiences/cart", *CART)
    assert not result.success
    assert made(result) == {}
    assert (corner.requests("customerio"), corner.requests("webhook")) == (0, 0)
    assert len(list((corner.folder / "target").glob("dbt_build-*"))) == 1


def test_a_launched_audience_reaches_its_channels_and_shows_counts_that_are_true(corner: Corner) -> None:
    result = corner.launch(*CART)
    assert result.success
    crm, hook = corner.requests("customerio"), corner.requests("webhook")
    sent = {"add": 2, "update": 0, "remove": 0, "trigger": 0, "accepted": 2, "rejected": 0, "deferred": 0, "unknown": 0,
            "pending": 0}
    shown = made(result)
    del shown["audience/cart"]["as_of"]
    page = Path(shown["audience/cart"].pop("report"))
    assert "cart" in page.read_text("utf-8")
    assert page.parent.stat().st_mode & 0o077 == 0
    assert shown == {
        "audience/cart": {
            "dagster/row_count": 3, "segment": 3, "suppressed": 1, "held_out": 0, "entered": 3, "left": 0},
        "crm/cart": {"dagster/row_count": 2, "members": 2, **sent, "requests": crm},
        "hook/cart": {"dagster/row_count": 2, "members": 2, **sent, "requests": hook},
    }
    assert corner.members("customerio", "cart") == ["ada", "bob"]
    assert judged(result) == {
        "audience/cart:upstream_good": {},
        "audience/cart:keys_unique": {"rows_without_key": 0, "rows_beside_another": 0},
        "audience/cart:identifiers_present": {"crm": 0, "hook": 0},
        "audience/cart:suppressions_whole": {},
        "crm/cart:all_delivered": {"rejected": 0, "unknown": 0},
        "crm/cart:no_objections": {},
        "hook/cart:all_delivered": {"rejected": 0, "unknown": 0},
        "hook/cart:no_objections": {},
    }


def test_what_dagster_sent_the_command_finds_done(corner: Corner) -> None:
    assert corner.launch(*CART).success
    assert corner.sync("cart") == {"cart__crm": "nothing", "cart__hook": "nothing"}


def test_what_the_command_sent_dagster_finds_done_and_shows_no_outcome_of_what_was_not_sent(corner: Corner) -> None:
    assert corner.sync("cart") == {"cart__crm": "ok", "cart__hook": "ok"}
    shown = made(corner.launch(*CART))
    assert shown["crm/cart"] == {"dagster/row_count": 2, "members": 2, **NOTHING_SENT}
    assert (shown["audience/cart"]["entered"], shown["audience/cart"]["left"]) == (0, 0)


def test_a_person_who_leaves_is_removed_and_counted(corner: Corner) -> None:
    corner.launch(*CART)
    corner.sql("delete from audiences.cart where person_id = 'bob'")
    shown = made(corner.launch(*CART))
    assert (shown["audience/cart"]["left"], shown["crm/cart"]["remove"], shown["crm/cart"]["members"]) == (1, 1, 1)
    assert corner.members("customerio", "cart") == ["ada"]


def test_a_channel_that_refuses_leaves_the_others_synced_and_a_rerun_sends_the_rest(corner: Corner) -> None:
    corner.box.fault("customerio", "token_expired", times=50)
    result = corner.launch(*CART)
    assert not result.success
    assert made(result).keys() == {"audience/cart", "hook/cart"}
    message = failure(result)
    assert message.startswith("cart__crm failed: ")
    assert message.endswith("Mend this and re-execute from failure: only the rest is sent.")
    corner.box.faults.clear()
    again = corner.launch("crm/cart")
    assert again.success
    assert made(again)["crm/cart"]["accepted"] == 2
    assert corner.sync("cart") == {"cart__crm": "nothing", "cart__hook": "nothing"}


def test_a_variable_that_is_unset_concerns_its_own_sync_only(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUSTOMERIO_API_KEY")
    result = corner.launch(*CART)
    assert made(result).keys() == {"audience/cart", "hook/cart"}
    assert "export CUSTOMERIO_API_KEY=…" in failure(result)


def test_a_table_that_is_not_built_says_what_to_do_and_sends_nothing(corner: Corner) -> None:
    corner.sql("drop table audiences.cart")
    result = corner.launch(*CART)
    assert "build it first" in failure(result)
    assert made(result) == {}
    assert (corner.requests("webhook"), corner.members("customerio", "cart")) == (0, [])


def test_a_snapshot_alone_sends_nothing(corner: Corner) -> None:
    result = corner.launch("audience/cart")
    assert made(result).keys() == {"audience/cart"}
    assert judged(result).keys() == {"audience/cart:keys_unique", "audience/cart:upstream_good"}
    assert (corner.requests("customerio"), corner.requests("webhook")) == (0, 0)


def test_the_copy_for_bi_is_made_at_the_end_of_a_run(corner: Corner) -> None:
    done = made(corner.launch("hook/cart", "bi/published"))
    assert done.keys() == {"audience/cart", "hook/cart", "bi/published"}
    with duckdb.connect(done["bi/published"]["file"], read_only=True) as copy:
        assert copy.sql("select count(*) from activation.runs").fetchall() == [(1,)]


def test_one_sync_alone_leaves_the_other_channel_alone_and_still_shows_the_snapshot_it_took(corner: Corner) -> None:
    result = corner.launch("hook/cart")
    assert made(result).keys() == {"audience/cart", "hook/cart"}
    assert judged(result).keys() == {
        "audience/cart:upstream_good", "audience/cart:keys_unique", "audience/cart:suppressions_whole",
        "audience/cart:identifiers_present", "hook/cart:all_delivered", "hook/cart:no_objections"}
    assert corner.requests("customerio") == 0


def test_an_audience_without_syncs_is_counted(corner: Corner) -> None:
    assert made(corner.launch("audience/counted"))["audience/counted"]["segment"] == 4


def test_a_dry_run_observes_the_plan_and_changes_nothing(corner: Corner) -> None:
    result = corner.launch(*CART, activate_cart={"dry_run": True})
    assert result.success
    plan = {"wanted": 2, "add": 2, "update": 0, "remove": 0, "keep": 0, "trigger": 0, "unusable": 0}
    assert observed(result) == {"crm/cart": {**plan, "requests": 1}, "hook/cart": {**plan, "requests": 2}}
    assert (made(result), judged(result)) == ({}, {})
    assert (corner.requests("customerio"), corner.requests("webhook")) == (0, 0)
    assert corner.sql("select count(*) from information_schema.tables where table_schema = 'activation'") == [(0,)]


def test_rows_without_a_key_keys_twice_and_members_without_identifier_warn_and_stop_nothing(corner: Corner) -> None:
    corner.sql("""insert into audiences.cart (person_id, email, cart_value) values
        (null, 'x@shop.example', 1), ('ada', 'a2@shop.example', 2)""")
    result = corner.launch(*CART)
    assert result.success
    assert judged(result, failed=True) == {
        "audience/cart:keys_unique": {"rows_without_key": 1, "rows_beside_another": 1}}


def test_what_the_channel_refuses_warns(corner: Corner) -> None:
    corner.box.fault("webhook", "error", times=1, status=422)
    result = corner.launch(*CART)
    assert result.success
    assert judged(result, failed=True) == {"hook/cart:all_delivered": {"rejected": 1, "unknown": 0}}
    assert made(result)["hook/cart"]["members"] == 1


def test_a_plan_that_is_held_is_an_error_of_its_check_and_no_failed_run(corner: Corner) -> None:
    corner.sql("""insert into audiences.cart (person_id, email, cart_value)
        select 'p' || n, 'p' || n || '@shop.example', 50 from range(2000) as numbers (n)""")
    corner.launch(*CART)
    corner.sql("delete from audiences.cart where person_id like 'p%'")
    requests = corner.requests("webhook")
    result = corner.launch(*CART)
    assert result.success
    assert made(result).keys() == {"audience/cart"}
    assert judged(result, failed=True).keys() == {"crm/cart:no_objections", "hook/cart:no_objections"}
    assert {check.severity for check in result.get_asset_check_evaluations() if not check.passed} == {
        dg.AssetCheckSeverity.ERROR}
    assert corner.requests("webhook") == requests


def test_a_warning_is_a_warning(corner: Corner) -> None:
    corner.sql("insert into audiences.cart (person_id, email) values (null, null)")
    [check] = [check for check in corner.launch(*CART).get_asset_check_evaluations() if not check.passed]
    assert (check.severity, check.blocking) == (dg.AssetCheckSeverity.WARN, False)


def test_no_event_names_a_person(corner: Corner) -> None:
    corner.box.fault("webhook", "error", times=1, status=422)
    events = json.dumps([str(event) for event in corner.launch(*CART).all_events])
    assert "shop.example" not in events
    assert "'ada'" not in events


def test_a_failure_that_nobody_foresaw_is_told_without_the_values_it_quotes(corner: Corner) -> None:
    corner.sql("alter table audiences.cart rename to cart_as_it_was")
    corner.sql("create view audiences.cart as select * replace (cast(email as double) as cart_value)"
               " from audiences.cart_as_it_was")
    result = corner.launch(*CART)
    assert failure(result).startswith("unexpected ConversionException: Conversion Error: Could not convert string …")
    assert "shop.example" not in json.dumps([str(event) for event in result.all_events])


def test_the_moment_of_the_run_is_the_moment_of_the_snapshot(corner: Corner) -> None:
    shown = made(corner.launch(*CART, as_of="2026-04-02T06:00:00"))
    assert shown["audience/cart"]["as_of"] == 1775109600.0
    assert corner.sql("select taken_at::varchar from activation.snapshot") == [("2026-04-02 06:00:00",)]


def test_audiences_of_one_run_are_looked_at_by_falling_priority(corner: Corner) -> None:
    for name, priority in (("cart", 10), ("everybody", 90)):
        file = corner.folder / f"models/audiences/{name}.yml"
        said = f"audience:\n          messages: {{priority: {priority}}}\n"
        file.write_text(file.read_text("utf-8").replace("audience:\n", said), encoding="utf-8")
    result = corner.launch(*CART, "audience/everybody", "crm/everybody")
    assert result.success
    assert [event.step_key for event in result.all_events if event.event_type_value == "STEP_START"] == [
        "activate_everybody", "activate_cart"]
