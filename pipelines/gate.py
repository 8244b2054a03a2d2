"""The upstream gate: nothing is planned for an audience from what was not good when it was last built.

What each model, test and source came to is kept node by node in `builds.json` of the state folder, so that a build of
other models clears no failure, and `--no-build` looks at the newest word. Builds by hand are read too: dbt leaves them
in `run_results.json` and `sources.json` of its target folder. What was never built from here is not known to be bad.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.audiences import Audience, SuppressionModel
from pipelines.dbt import shorten
from pipelines.graph import Graph

BUILDS = {"build", "run", "test", "seed", "snapshot", "retry"}
"""Commands of dbt whose results say something of the data."""
BAD = {"error", "fail", "runtime error", "partial success"}
SAID = 200
"""Letters of a message that are worth repeating."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one node ended last."""

    status: str
    """dbt's word: success, pass, warn, skipped, error, fail, runtime error"""
    at: str
    """ISO 8601 in UTC with Z."""
    message: str = ""
    """What dbt said of it, without values."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether an audience may be planned."""

    reason: str = ""
    """Why not; empty: it may."""
    notes: tuple[str, ...] = ()
    """Warnings that hold nothing."""
    newest: str = ""
    """When the newest of what was looked at was built; empty: nothing of it was ever built from here."""


class Builds:
    """The newest verdict on each node."""

    def __init__(self, file: Path, target: str) -> None:
        self._file, self._target = file, target
        """`target`: of dbt; each has tables of its own."""

    def known(self) -> dict[str, Verdict]:
        """Node → its newest verdict."""
        return {node: Verdict(**found) for node, found in self._read().get(self._target, {}).items()}

    def take_in(self, folder: Path) -> None:
        """Remember what dbt left in its target folder, where that is newer."""
        found = dict(_results(folder, self._target))
        with self._alone():
            known = self.known()
            fresh = {node: verdict for node, verdict in found.items()
                     if node not in known or verdict.at > known[node].at}
            if fresh:
                kept = {node: asdict(verdict) for node, verdict in {**known, **fresh}.items()}
                partial = self._file.with_suffix(".partial")
                partial.write_text(json.dumps({**self._read(), self._target: kept}, indent=1, sort_keys=True))
                partial.replace(self._file)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def judge(
    graph: Graph, audience: Audience, suppressions: Sequence[SuppressionModel], known: Mapping[str, Verdict]
) -> Gate:
    """Look at all that the audience, its suppressions and what its messages are decided by are built from, at the tests
    of it, and at its sources."""
    beside = (model.unique_id for model in (*suppressions, *audience.consulted))
    nodes = graph.tested(graph.above([audience.unique_id, *beside]))
    found = sorted((node, known[node]) for node in nodes if node in known)
    bad = [_say(node, verdict) for node, verdict in found if verdict.status in BAD]
    skipped = [_say(node, verdict) for node, verdict in found if verdict.status == "skipped"]
    warned = [_say(node, verdict) for node, verdict in found if verdict.status == "warn" and _kind(node) == "source"]
    newest = max((verdict.at for _, verdict in found), default="")
    if not (bad or skipped):
        return Gate("", tuple(warned), newest)
    more = f", and {len(bad or skipped) - 1:,} more" if len(bad or skipped) > 1 else ""
    return Gate(f"upstream, {(bad or skipped)[0]}{more}. Nothing is planned until it is built well: tailrace build "
                f"--select {audience.name}", tuple(warned), newest)


def _say(node: str, verdict: Verdict) -> str:
    name = node.split(".")[2] if _kind(node) != "source" else ".".join(node.split(".")[2:])
    word = {"skipped": "was skipped", "warn": "is late"}.get(verdict.status, "is stale" if _kind(node) == "source"
                                                             else "failed")
    said = f": {verdict.message}" if verdict.message else ""
    return f"{_kind(node)} {name} {word} (at {verdict.at[:16].replace('T', ' ')} UTC){said}"


def _kind(node: str) -> str:
    return node.partition(".")[0]


def _results(folder: Path, target: str) -> Iterator[tuple[str, Verdict]]:
    for name, read in (("run_results.json", _built), ("sources.json", _dated)):
        document = _load(folder / name)
        if document and (document.get("args") or {}).get("target") in (None, "", target):
            yield from read(document)


def _built(document: Mapping[str, Any]) -> Iterator[tuple[str, Verdict]]:
    if document["args"].get("which") not in BUILDS:
        return
    for result in document["results"]:
        ended = [part["completed_at"] for part in result["timing"] if part.get("completed_at")]
        at = max(ended, default=document["metadata"]["generated_at"])
        said = _in_short(result.get("message") or "") if result["status"] in BAD else ""
        yield result["unique_id"], Verdict(result["status"], at, said)


def _dated(document: Mapping[str, Any]) -> Iterator[tuple[str, Verdict]]:
    for result in document["results"]:
        at = result.get("snapshotted_at") or document["metadata"]["generated_at"]
        yield result["unique_id"], Verdict(result["status"], at.replace("+00:00", "Z"), _age(result))


def _age(result: Mapping[str, Any]) -> str:
    """How old the newest row is, and how old it may be."""
    if "criteria" not in result:
        return _in_short(result.get("error") or "")
    limit = result["criteria"].get("error_after" if result["status"] == "error" else "warn_after") or {}
    allowed = f"; {limit['count']} {limit['period']}s are allowed" if limit.get("count") else ""
    return f"its newest row is {result['max_loaded_at_time_ago_in_s'] / 3_600:,.1f} hours old{allowed}"


def _in_short(message: str) -> str:
    return re.sub(r"\s+", " ", shorten(message, 3)).strip()[:SAID]


def _load(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"results", "metadata"} <= found.keys() else None


def dated(graph: Graph, ids: Iterable[str]) -> list[str]:
    """Selectors of the sources above these nodes that declare how fresh they must be."""
    return sorted(graph.dated[node] for node in graph.above(ids) if node in graph.dated)
