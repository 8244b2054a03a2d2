"""`dbt build`: every model, contract, unit test and data test of the project."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

import destinations
from pipelines import connections, manifest
from tests.dbt_project.shop import DAY_ZERO, PROJECT, Shop

OWNERS = {
    "advertising": "performance", "billing": "customer_success", "commerce": "retention", "lifecycle": "retention",
    "system": "activation",
}
"""Theme of an audience, which is its folder → the group that answers for it."""
SERVICE = {"shipping_update"}
"""What concerns an order of one's own has no goal but to be told."""


@pytest.fixture(scope="module")
def audiences(shop: Shop) -> dict:
    nodes = shop.manifest.nodes.values()
    return {node.name: node for node in nodes if node.resource_type == "model" and "audience" in node.tags}


def test_everything_builds_and_every_test_passes(shop: Shop) -> None:
    built = shop.dbt("build", "--exclude", "resource_type:seed", "--vars", f"as_of: '{DAY_ZERO}'")
    assert [result.message for result in built.result if result.status not in ("success", "pass", "no-op")] == []
    assert built.success


def test_every_audience_is_a_public_contracted_table_of_an_owner(audiences) -> None:
    shapes = {
        name: (node.schema, node.config.materialized, node.config.contract.enforced, node.access, node.group)
        for name, node in audiences.items()
    }
    assert shapes == {name: ("audiences", "table", True, "public", OWNERS[node.fqn[2]])
                      for name, node in audiences.items()}


def test_every_audience_is_unit_tested_on_both_sides_of_its_limits(shop: Shop, audiences) -> None:
    tests = Counter(test.model for test in shop.manifest.unit_tests.values())
    assert [name for name in audiences if not tests[name]] == []  # which limits they hold, the mutants show


def test_every_audience_is_keyed_by_person_and_says_what_it_is_for(audiences) -> None:
    for name, node in audiences.items():
        identifiers = {column.name: column.config.meta.get("identifier") for column in node.columns.values()}
        assert {key: kind for key, kind in identifiers.items() if kind} == {
            "person_id": "person",
            "email": "email",
            "phone": "phone",
        }, name
        block = node.config.meta["audience"]
        spares = block.get("kind") == "suppression"
        assert node.description, name
        assert spares or "goal" in block or name in SERVICE, name
        assert ("holdout" not in block or block["holdout"] == "0%") if spares else True, name


def test_whoever_measures_the_programme_is_spared_by_all_marketing(audiences) -> None:
    contacts = {"model.tailrace_shop.marketing_contacts", "model.tailrace_shop.advertising_contacts"}
    marketing = {name for name, node in audiences.items()
                 if contacts & set(node.depends_on.nodes) and node.config.meta["audience"].get("kind") != "suppression"}
    sparing = {name for name, node in audiences.items()
               if "global_holdout" in node.config.meta["audience"].get("suppress", ())}
    # From a seed the platform learns whom to look for; nobody in it is shown anything.
    assert marketing - sparing == {"lookalike_seed_high_ltv"}
    assert not sparing & {name for name, node in audiences.items()
                          if "model.tailrace_shop.service_contacts" in node.depends_on.nodes}


def test_promotion_pauses_for_whoever_complains_or_got_money_back(audiences) -> None:
    spared = {name: {"refund_or_complaint_pause", "sunset_unengaged"} & set(node.config.meta["audience"]["suppress"])
              for name, node in audiences.items() if "suppress" in node.config.meta["audience"]}
    # Quotas, trials and usage are no promotion, VIPs are only marked, and a complaint ends no winback: the cast.
    assert {name for name, lists in spared.items() if "refund_or_complaint_pause" not in lists} == {
        "approaching_quota_80", "expansion_ready_pql", "trial_ending_active", "trial_ending_inactive",
        "trial_not_activated", "usage_drop_40_wow", "vip", "winback"}
    # Whom a deed of the last half year brings into an audience cannot be on the list of those who did nothing in it.
    assert {name for name, lists in spared.items() if "sunset_unengaged" in lists} == {
        "category_loyalist", "churned_winback_b2b", "discount_only", "high_aov", "loyalty_nudge", "vip_at_risk",
        "vip_entered"}


def test_each_audience_goes_where_it_belongs_as_often_as_its_urgency_asks(audiences) -> None:
    sent = {name: {sync["to"]: sync["every"] for sync in node.config.meta["audience"].get("syncs", ())}
            for name, node in audiences.items()}
    assert sent == yaml.safe_load((Path(__file__).parent / "cadences.yml").read_text("utf-8"))


@pytest.mark.parametrize("kind", [kind for kind in destinations.names() if destinations.load(kind).capabilities.paid])
def test_whoever_must_not_be_retargeted_is_spared_by_every_paid_channel_unless_a_sync_says_otherwise(
    shop: Shop, tmp_path: Path, kind: str,
) -> None:
    """Nothing is to be written for it; a sync lifts it by `suppress: []`, as three do, each with its why beside it."""
    connected = tmp_path / "connections.yml"
    written = (PROJECT / "connections.yml").read_text("utf-8")
    connected.write_text(written.replace("destination: meta_ads", f"destination: {kind}"))
    declared = manifest.read(shop.folder / "target/manifest.json", connections.load(connected, {}))
    told = {audience.sync_id(sync): {model.name for model in declared.sparing_in(audience, sync)}
            for audience in declared.audiences for sync in audience.syncs
            if sync.to == "meta_ads" and sync.standing == "sent"}
    kept = {name for name, lists in told.items() if "do_not_retarget" not in lists}
    lists = {f"{audience.name}__meta_ads" for audience in declared.audiences if audience.kind == "suppression"}
    assert len(told) > 15
    assert kept - lists == {"abandoned_cart__meta_ads", "vip__meta_ads", "winback__meta_ads"}


def test_every_column_of_a_public_model_is_described(shop: Shop) -> None:
    public = [node for node in shop.manifest.nodes.values()
              if node.resource_type == "model" and str(getattr(node, "access", "")) == "public"]
    assert [(node.name, column.name) for node in public for column in node.columns.values()
            if not column.description] == []


def test_every_model_has_its_yaml_beside_it(shop: Shop) -> None:
    models = shop.folder / "models"
    written = [file for file in models.rglob("*.sql") if not file.with_suffix(".yml").exists()]
    # A staging model in a second shape fulfils the contract that stands beside the first.
    assert [file.name for file in written if file.parent.name != "shopify"] == []
