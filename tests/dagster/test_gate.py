"""The gate in Dagster: a run goes on with the audiences whose models are good, and says of the others why not."""

import os
from pathlib import Path

import dagster as dg
import pytest

from pipelines.defs.launchpad import JOB
from tests.dagster.corner import Corner, judged, made

AUDIENCES = ("audience/cart", "crm/cart", "hook/cart", "audience/everybody", "crm/everybody")
UPSTREAM = "audience/cart:upstream_good"


def every_job() -> dg.JobDefinition:
    """The job as a run worker finds it, with the executor of production."""
    return Corner(Path(os.environ["CORNER"])).defs.resolve_job_def(JOB)


def launch(corner: Corner, *keys: str) -> dg.ExecuteInProcessResult | dg.JobExecutionResult:
    with (pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.local_temp(str(corner.folder.parent)) as instance):
        patch.setenv("CORNER", str(corner.folder))
        return dg.execute_job(dg.reconstructable(every_job), instance, raise_on_error=False,
                              asset_selection=[dg.AssetKey(key.split("/")) for key in keys])


def reasons(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> dict[str, str]:
    return {name: str(found["reason"]) for name, found in judged(result, failed=True).items() if "reason" in found}


def test_a_model_that_fails_stops_its_own_audience_and_the_run_is_red(corner: Corner) -> None:
    (corner.folder / "models/audiences/cart.sql").write_text("select no_such_column from {{ ref('persons') }}")
    result = launch(corner, "audiences/cart", "audiences/everybody", *AUDIENCES)
    assert not result.success
    assert made(result).keys() == {"audiences/everybody", "audience/everybody", "crm/everybody"}
    assert reasons(result).keys() == {UPSTREAM}
    assert reasons(result)[UPSTREAM].startswith("upstream, model cart failed (at ")


def test_a_test_that_fails_stops_its_own_audience_and_what_was_built_is_shown(corner: Corner) -> None:
    cart = corner.folder / "models/audiences/cart.sql"
    cart.write_text(f"{cart.read_text()} union all {cart.read_text()}")
    result = launch(corner, "audiences/cart", "audiences/everybody", *AUDIENCES)
    assert not result.success
    assert made(result).keys() == {"audiences/cart", "audiences/everybody", "audience/everybody", "crm/everybody"}
    assert "test unique_cart_person_id failed" in reasons(result)[UPSTREAM]
    assert corner.requests("webhook") == 0
