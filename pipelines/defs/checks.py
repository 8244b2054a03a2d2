"""Checks beside an audience: none blocks, for a warning must not turn a finished sync into a failed run."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from pipelines.audiences import Audience, Sync
from pipelines.defs.keys import snapshot_key, sync_key
from pipelines.planning.plan import Plan
from pipelines.run import Result
from pipelines.state.snapshot import Snapshot

KEYS, IDENTIFIERS, DELIVERED = "keys_unique", "identifiers_present", "all_delivered"


def specs(audience: Audience) -> list[dg.AssetCheckSpec]:
    """The checks of an audience and of its syncs."""
    snapshot = snapshot_key(audience)
    keys = "Every row has a key, and no key stands in two rows. A row without one is never sent; of several, one is."
    identifiers = "Everyone who should be sent has an identifier that the channel accepts."
    delivered = "The channel has refused nobody, and no answer was lost (`tailrace status --undelivered` lists who)."
    return [
        dg.AssetCheckSpec(KEYS, asset=snapshot, description=keys),
        *([dg.AssetCheckSpec(IDENTIFIERS, asset=snapshot, description=identifiers)] if audience.syncs else []),
        *(dg.AssetCheckSpec(DELIVERED, asset=sync_key(audience, sync), description=delivered)
          for sync in audience.syncs),
    ]


def judge_keys(audience: Audience, taken: Snapshot) -> dg.AssetCheckResult:
    """Whether persons can be told apart."""
    found = {"rows_without_key": taken.null_keys, "rows_beside_another": taken.duplicates}
    return _result(snapshot_key(audience), KEYS, not any(found.values()), found)


def judge_identifiers(audience: Audience, taken: Snapshot, plans: Sequence[Plan]) -> dg.AssetCheckResult:
    """Whether all that are wanted can be reached, by connection."""
    found = {plan.connection: plan.unusable - taken.null_keys for plan in plans}
    return _result(snapshot_key(audience), IDENTIFIERS, not any(found.values()), found)


def judge_delivery(audience: Audience, sync: Sync, result: Result) -> dg.AssetCheckResult:
    """Whether all that was sent got there, as far as the channel has said."""
    found = {"rejected": result.rejected, "unknown": result.unknown}
    return _result(sync_key(audience, sync), DELIVERED, not any(found.values()), found)


def _result(key: dg.AssetKey, name: str, passed: bool, found: dict[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=key, check_name=name, passed=passed, severity=dg.AssetCheckSeverity.WARN,
                               metadata=found)
