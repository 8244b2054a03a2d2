"""The JSON that commands print with `--json`; `pipelines/schemas/*.json` specifies it; a test holds both together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.errors import Complaint
from pipelines.planning.plan import Plan
from pipelines.run import Result
from pipelines.state.holds import Hold
from pipelines.state.overview import State

SCHEMAS = Path(__file__).parent / "schemas"


def moment(at: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return at.isoformat().replace("+00:00", "Z")


def plan_entry(plan: Plan) -> dict[str, Any]:
    """One sync of a plan."""
    names = ("sync", "audience", "connection", "segment", "suppressed", "held_out", "wanted", "add", "update", "remove",
             "keep", "whole", "trigger", "silent", "requests", "unusable", "plan_id", "held")
    objections = [{"guard": objection.guard, "message": objection.message} for objection in plan.objections]
    return {**{name: getattr(plan, name) for name in names}, "objections": objections, "cause": plan.cause,
            "notes": list(plan.notes)}


def result_entry(result: Result) -> dict[str, Any]:
    """One sync of a run: its plan and what came of it."""
    names = ("status", "accepted", "rejected", "deferred", "unknown", "pending", "seconds", "reason")
    return {**plan_entry(result.plan), **{name: getattr(result, name) for name in names}}


def plan_document(as_of: datetime, plans: Sequence[Plan]) -> dict[str, Any]:
    """`tailrace plan --json`."""
    return {"as_of": moment(as_of), "syncs": [plan_entry(plan) for plan in plans]}


def sync_document(as_of: datetime, results: Sequence[Result]) -> dict[str, Any]:
    """`tailrace sync --json`."""
    return {"as_of": moment(as_of), "syncs": [result_entry(result) for result in results]}


def status_document(states: Sequence[State], now: datetime) -> dict[str, Any]:
    """`tailrace status --json`."""
    return {"syncs": [{**entry(state), "age_seconds": state.age(now)} for state in states]}


def reconcile_document(found: Sequence[Any]) -> dict[str, Any]:
    """`tailrace reconcile --json`."""
    names = ("sync", "drift", "note", "failed", "overdue")
    return {"syncs": [{**{name: entry(getattr(each, name)) for name in names},
                       "repair": result_entry(each.repair) if each.repair else None} for each in found]}


def entry(value: Any) -> Any:
    """A record as JSON: names as they are, times (UTC without zone in the tables) as ISO 8601 with Z."""
    if is_dataclass(value):
        return {field.name: entry(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, Mapping):
        return {name: entry(item) for name, item in value.items()}
    return [entry(item) for item in value] if isinstance(value, list | tuple) else value


def holds_document(waiting: Sequence[tuple[Hold, Mapping[str, int]]]) -> dict[str, Any]:
    """`tailrace approve --json`: the plans that wait for a person."""
    return {"holds": [{"plan_id": hold.plan_id, "sync": hold.sync, "opened_at": f"{hold.opened_at.isoformat()}Z",
                       "objections": hold.objections, **planned} for hold, planned in waiting]}


def check_document(complaints: Sequence[Complaint]) -> dict[str, Any]:
    """`tailrace check --json`."""
    return {"complaints": [{"file": c.file, "line": c.line, "path": c.path, "message": c.message} for c in complaints]}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a command's document."""
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return document
