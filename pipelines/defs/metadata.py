"""What the pages of Dagster show: counts and places, never a person.

Dagster plots every whole number by its name, so each is emitted under one name, and only when it is true: nothing was
accepted or refused where nothing was sent.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines.audiences import Audience, Sync
from pipelines.planning.plan import Plan
from pipelines.run import Result
from pipelines.state.snapshot import Snapshot

Metadata = dict[str, Any]


def of_snapshot(taken: Snapshot) -> Metadata:
    """Counts of a snapshot."""
    return {
        "as_of": dg.MetadataValue.timestamp(taken.taken_at),
        "dagster/row_count": taken.segment,
        "segment": taken.segment,
        "suppressed": taken.suppressed,
        "held_out": taken.held_out,
        "entered": taken.entered,
        "left": taken.left,
    }


def of_plan(plan: Plan) -> Metadata:
    """Counts of what would be done; `requests` is an estimate."""
    names = ("wanted", "add", "update", "remove", "keep", "trigger", "requests", "unusable")
    said = {name: text for name, text in (("cause", plan.cause), ("notes", "; ".join(plan.notes))) if text}
    return {**{name: getattr(plan, name) for name in names}, **said}


def of_result(result: Result, members: int | None, requests: int | None) -> Metadata:
    """Counts of a sync: `members` as the channel has acknowledged them, `requests` as sent, where that is known."""
    plan = result.plan
    counts = {"add": plan.add, "update": plan.update, "remove": plan.remove, "trigger": plan.trigger}
    sent = {name: getattr(result, name) for name in ("accepted", "rejected", "deferred", "unknown", "pending")}
    return {
        **({} if members is None else {"dagster/row_count": members, "members": members}),
        **counts,
        **(sent if plan.changes else {}),
        **({"cause": plan.cause} if plan.cause else {}),
        **({} if requests is None else {"requests": requests}),
    }


def code_reference(project_dir: Path, path: str, line: int = 1) -> Metadata:
    """Where something is written, as a link on its page."""
    with warnings.catch_warnings():
        # Twice a warning for each asset: links are beta, and lost at worst.
        warnings.simplefilter("ignore", dg.BetaWarning)
        source = dg.LocalFileCodeReference(file_path=str((project_dir / path).resolve()), line_number=line, label=path)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[source])}


def describe_snapshot(audience: Audience, suppressions: Sequence[str]) -> str:
    """What the page of the snapshot says first."""
    spared = ", ".join(f"`{name}`" for name in suppressions) or "nobody"
    standing = f"sent, held out ({audience.holdout * 100:g} %) or suppressed (by {spared})"
    goes = ", ".join(f"`{sync.to}` (cadence {sync.every})" for sync in audience.syncs
                     if sync.standing == "sent") or "nowhere: it is only counted"
    return "\n\n".join(filter(None, [
        audience.description,
        f"Who is in `{audience.name}`, frozen at one moment, with each one's standing: {standing}. Goes to {goes}.",
    ]))


def describe_sync(audience: Audience, sync: Sync, destination: str) -> str:
    """What the page of a sync says first."""
    channel = f"`{sync.to}`" if sync.to == destination else f"`{sync.to}` ({destination})"
    kept = f"The members of `{audience.name}` as {channel} has acknowledged them."
    if sync.standing != "sent":
        return (f"Those held out of `{audience.name}`, as {channel} has acknowledged them: a list for campaigns to "
                f"exclude. Cadence {sync.every}.")
    sent = f"Messages to those who enter `{audience.name}`, through {channel}."
    told = f" Whoever enters causes `{sync.trigger.event}`." if sync.trigger else ""
    return f"{kept if sync.members else sent} Cadence {sync.every}.{told}"


def declared(audience: Audience, sync: Sync) -> Mapping[str, Any]:
    """What the declaration says of a sync, for the page of its definition."""
    return {"every": sync.every, "trigger": sync.trigger.event if sync.trigger else "none",
            "first_sync": sync.first_sync, "sync": audience.sync_id(sync)}
