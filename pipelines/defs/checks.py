"""Checks beside an audience: none blocks, for a warning must not turn a finished sync into a failed run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from pipelines.audiences import Audience, Sync
from pipelines.defs.keys import snapshot_key, sync_key
from pipelines.gate import Gate
from pipelines.planning.plan import Plan, Shrunk
from pipelines.run import Result
from pipelines.state.snapshot import Snapshot

KEYS, IDENTIFIERS = "keys_unique", "identifiers_present"
UPSTREAM, SPARED = "upstream_good", "suppressions_whole"
DELIVERED, OBJECTIONS = "all_delivered", "no_objections"
Link = Callable[[str], str]
"""Plan id → where it is approved."""


def specs(audience: Audience, syncs: Sequence[Sync]) -> list[dg.AssetCheckSpec]:
    """The checks of an audience and of these syncs of it."""
    snapshot = snapshot_key(audience)
    keys = "Every row has a key, and no key stands in two rows. A row without one is never sent; of several, one is."
    identifiers = "Everyone who should be sent has an identifier that the channel accepts."
    upstream = ("The models, tests and sources that the audience and its suppressions are built from were good when "
                "they were last built. Where they were not, nothing is planned.")
    spared = "No list of persons to spare shrank more than is usual. Those who left one that did stay spared."
    return [
        dg.AssetCheckSpec(UPSTREAM, asset=snapshot, description=upstream),
        dg.AssetCheckSpec(KEYS, asset=snapshot, description=keys),
        *([dg.AssetCheckSpec(IDENTIFIERS, asset=snapshot, description=identifiers),
           dg.AssetCheckSpec(SPARED, asset=snapshot, description=spared)] if audience.syncs else []),
        *(spec for sync in syncs for spec in specs_of(audience, sync)),
    ]


def specs_of(audience: Audience, sync: Sync) -> Iterator[dg.AssetCheckSpec]:
    """The checks of one sync."""
    delivered = "The channel has refused nobody, and no answer was lost (`tailrace status --undelivered` lists who)."
    objections = "No guard objects to the plan. A plan that is held is not sent, and its members stay as they are."
    for name, description in ((DELIVERED, delivered), (OBJECTIONS, objections)):
        yield dg.AssetCheckSpec(name, asset=sync_key(audience, sync), description=description)


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


def judge_upstream(audience: Audience, gate: Gate) -> dg.AssetCheckResult:
    """Whether the gate lets the audience pass."""
    found = {name: text for name, text in (("reason", gate.reason), ("late", "; ".join(gate.notes))) if text}
    severity = dg.AssetCheckSeverity.ERROR if gate.reason else dg.AssetCheckSeverity.WARN
    return _result(snapshot_key(audience), UPSTREAM, not found, found, severity)


def evaluation(judged: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """A result as an event that any step may record."""
    if judged.asset_key is None or judged.check_name is None:
        raise AssertionError("a check of ours names what it is about")
    return dg.AssetCheckEvaluation(
        asset_key=judged.asset_key, check_name=judged.check_name, passed=judged.passed, severity=judged.severity,
        metadata=judged.metadata)


def judge_spared(audience: Audience, shrunk: Sequence[Shrunk], link: Link) -> dg.AssetCheckResult:
    """Whether the lists of persons to spare are believed; one that shrank waits for a person."""
    found = {each.model: dg.MetadataValue.md(f"{each.message}\n\n{link(each.plan_id)}") for each in shrunk}
    return _result(snapshot_key(audience), SPARED, not found, found, dg.AssetCheckSeverity.ERROR)


def judge_objections(audience: Audience, sync: Sync, plan: Plan, link: Link) -> dg.AssetCheckResult:
    """Whether the guards let the plan pass; a held plan is an error that turns no run red."""
    found: dict[str, Any] = {}
    for objection in plan.objections:
        found[objection.guard] = "; ".join(filter(None, [found.get(objection.guard), objection.message]))
    severity = dg.AssetCheckSeverity.ERROR if plan.held else dg.AssetCheckSeverity.WARN
    if plan.held and plan.plan_id:
        numbers = {name: getattr(plan, name) for name in ("add", "update", "remove")}
        found |= {"plan": plan.plan_id, **numbers, "approve": dg.MetadataValue.md(link(plan.plan_id))}
    return _result(sync_key(audience, sync), OBJECTIONS, not plan.objections, found, severity)


def _result(
    key: dg.AssetKey, name: str, passed: bool, found: Mapping[str, Any],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=key, check_name=name, passed=passed, severity=severity, metadata=dict(found))
