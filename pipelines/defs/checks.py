"""Checks beside an audience: none blocks, for a warning must not turn a finished sync into a failed run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from pipelines.audiences import Audience, Sync
from pipelines.defs.keys import snapshot_key, sync_key
from pipelines.planning.plan import Plan
from pipelines.run import Result
from pipelines.state.snapshot import Snapshot

KEYS, IDENTIFIERS = "keys_unique", "identifiers_present"
DELIVERED, OBJECTIONS = "all_delivered", "no_objections"


def specs(audience: Audience) -> list[dg.AssetCheckSpec]:
    """The checks of an audience and of its syncs."""
    snapshot = snapshot_key(audience)
    keys = "Every row has a key, and no key stands in two rows. A row without one is never sent; of several, one is."
    identifiers = "Everyone who should be sent has an identifier that the channel accepts."
    delivered = "The channel has refused nobody, and no answer was lost (`tailrace status --undelivered` lists who)."
    objections = "No guard objects to the plan. A plan that is held is not sent, and its members stay as they are."
    return [
        dg.AssetCheckSpec(KEYS, asset=snapshot, description=keys),
        *([dg.AssetCheckSpec(IDENTIFIERS, asset=snapshot, description=identifiers)] if audience.syncs else []),
        *(dg.AssetCheckSpec(name, asset=sync_key(audience, sync), description=description) for sync in audience.syncs
          for name, description in ((DELIVERED, delivered), (OBJECTIONS, objections))),
    ]


def judge_keys(audience: Audience, taken: Snapshot) -> dg.AssetCheckResult:
    """Whether persons can be told apart."""
    found = {"rows_without_key": taken.null_keys, "rows_beside_another": taken.duplicates}
    return _result(snapshot_key(audience), KEYS, not any(found.values()), found)


def judge_identifiers(audience: Audience, taken: Snapshot, plans: Sequence[Plan]) -> dg.AssetCheckResult:
    """Whether all that are wanted can be reached, by connection."""
    found = {plan.connection: max(0, plan.unusable - taken.null_keys) for plan in plans}
    return _result(snapshot_key(audience), IDENTIFIERS, not any(found.values()), found)


def judge_delivery(audience: Audience, sync: Sync, result: Result) -> dg.AssetCheckResult:
    """Whether all that was sent got there, as far as the channel has said."""
    found = {"rejected": result.rejected, "unknown": result.unknown}
    return _result(sync_key(audience, sync), DELIVERED, not any(found.values()), found)


def judge_objections(audience: Audience, sync: Sync, plan: Plan) -> dg.AssetCheckResult:
    """Whether the guards let the plan pass; a held plan is an error that turns no run red."""
    found = {objection.guard: objection.message for objection in plan.objections}
    severity = dg.AssetCheckSeverity.ERROR if plan.held else dg.AssetCheckSeverity.WARN
    return _result(sync_key(audience, sync), OBJECTIONS, not found, found, severity)


def _result(
    key: dg.AssetKey, name: str, passed: bool, found: Mapping[str, int | str],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=key, check_name=name, passed=passed, severity=severity, metadata=dict(found))
