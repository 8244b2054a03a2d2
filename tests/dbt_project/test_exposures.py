"""What the project tells about itself beside its models: where audiences go, and how large they are."""

import json
import re

from pipelines import connections, exposures, manifest
from tests.dbt_project.shop import PROJECT, Shop


def test_the_exposures_are_those_of_the_syncs(shop: Shop) -> None:
    assert shop.dbt("parse").success
    path = shop.folder / "target" / "manifest.json"
    declared = manifest.read(path, connections.load(PROJECT / "connections.yml", {}))
    written = (PROJECT / exposures.FILE).read_text("utf-8")
    assert written == exposures.spell(declared, json.loads(path.read_bytes())["groups"]), \
        "run python -m pipelines.exposures dbt_project"


def test_metrics_speak_of_every_audience(shop: Shop) -> None:
    named = re.findall(r"'(\w+)'", (PROJECT / "models/metrics/audience_members.sql").read_text("utf-8").split("]")[0])
    assert named == sorted(node.name for node in shop.manifest.nodes.values()
                           if node.resource_type == "model" and "audience" in node.tags)
    assert {metric.name for metric in shop.manifest.metrics.values()} == {
        "audience_size", "audience_revenue", "audience_revenue_per_person"}
