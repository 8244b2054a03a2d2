"""`dbt build`: every model, contract, unit test and data test of the project."""

from collections import Counter

import pytest

from tests.dbt_project.shop import DAY_ZERO, Shop

AUDIENCES = {
    "welcome",
    "abandoned_checkout",
    "abandoned_cart",
    "post_purchase_first",
    "winback",
    "vip",
    "recent_buyers_suppress",
    "usage_drop_40_wow",
    "failed_payment_still_active",
    "approaching_quota_80",
}


@pytest.fixture(scope="module")
def audiences(shop: Shop) -> dict:
    nodes = shop.manifest.nodes.values()
    return {node.name: node for node in nodes if node.resource_type == "model" and "audience" in node.tags}


def test_everything_builds_and_every_test_passes(shop: Shop) -> None:
    built = shop.dbt("build", "--exclude", "resource_type:seed", "--vars", f"as_of: '{DAY_ZERO}'")
    assert [result.message for result in built.result if result.status not in ("success", "pass")] == []
    assert built.success


def test_the_ten_audiences_are_public_contracted_tables_in_the_schema_audiences(audiences) -> None:
    shapes = {
        name: (node.schema, node.config.materialized, node.config.contract.enforced, node.access, node.group)
        for name, node in audiences.items()
    }
    assert shapes == dict.fromkeys(AUDIENCES, ("audiences", "table", True, "public", "activation"))


def test_every_audience_is_unit_tested_on_both_sides_of_its_limits(shop: Shop, audiences) -> None:
    tests = Counter(test.model for test in shop.manifest.unit_tests.values())
    assert {name: tests[name] for name in audiences if tests[name] < 2} == {}


def test_every_audience_is_keyed_by_person_and_declares_where_it_goes(audiences) -> None:
    for name, node in audiences.items():
        identifiers = {column.name: column.config.meta.get("identifier") for column in node.columns.values()}
        assert {key: kind for key, kind in identifiers.items() if kind} == {
            "person_id": "person",
            "email": "email",
            "phone": "phone",
        }, name
        assert node.config.meta["audience"]["syncs"], name


def test_every_model_has_its_yaml_beside_it(shop: Shop) -> None:
    models = shop.folder / "models"
    written = [file for file in models.rglob("*.sql") if not file.with_suffix(".yml").exists()]
    # A staging model in a second shape fulfils the contract that stands beside the first.
    assert [file.name for file in written if file.parent.name != "shopify"] == []
