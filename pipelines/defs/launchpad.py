"""The link of a held plan: it opens Dagster's launchpad with the approval filled in, but for who decides and why.

The launchpad reads `config` and `assetSelection` from its address; of a job it shows no selection, and launches it all
the same. It selects no checks, so the walk tells of them unasked. Launching approves exactly this plan and syncs the
held sync alone, or all of the audience where the plan is a smaller list of persons to spare; dbt builds nothing in
between, or the plan might be another by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

import dagster as dg
import yaml

from pipelines.audiences import Audience, Sync
from pipelines.defs.keys import snapshot_key, sync_key

JOB = "sync_audiences"
"""The one job of all audiences."""


def graph_of(audience: Audience, sync: Sync) -> str:
    """The graph of a sync that has shards."""
    return sync_key(audience, sync).to_python_identifier()


def planner_of(audience: Audience, sync: Sync) -> str:
    """Its step that plans."""
    return f"plan_{audience.sync_id(sync)}"


def approval_link(location: str | None, audience: Audience, plan_id: str) -> str:
    """Markdown; where no web server has launched the run, the command that does the same."""
    if location is None:
        return f"`tailrace approve {plan_id} --by NAME --reason TEXT`"
    return f"[Approve exactly this plan]({approval_address(location, audience, plan_id)})"


def approval_address(location: str, audience: Audience, plan_id: str) -> str:
    """The address on the web server."""
    step = f"activate_{audience.name}"
    asked: dict[str, object] = {"config": {"approve_plan": plan_id, "approved_by": "", "reason": ""}}
    held = [sync for sync in audience.syncs if plan_id.startswith(f"{audience.sync_id(sync)}-")]
    if held and held[0].shards > 1:
        step, asked = graph_of(audience, held[0]), {"ops": {planner_of(audience, held[0]): asked}}
    config = yaml.safe_dump({"ops": {step: asked}}, sort_keys=False)
    assets = [snapshot_key(audience), *(sync_key(audience, sync) for sync in held or audience.syncs)]
    query = urlencode([("config", config), *_selection(assets, step)], quote_via=quote)
    return f"/locations/{quote(location)}/jobs/{JOB}/playground/setup?{query}"


def _selection(assets: Iterable[dg.AssetKey], step: str) -> Iterable[tuple[str, str]]:
    for number, key in enumerate(assets):
        yield from ((f"assetSelection[{number}][assetKey][path][{place}]", part) for place, part in enumerate(key.path))
        yield f"assetSelection[{number}][opNames][0]", step


def location_of(run: dg.DagsterRun) -> str | None:
    """The code location that a web server or daemon has launched the run from."""
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None
