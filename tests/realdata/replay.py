"""Replay days of real data into a sandbox; every day channel, ledger and audience table must hold the same people.

    python -m tests.realdata.replay                         30 days of winback_45_120, then every audience's own dates
    python -m tests.realdata.replay --days 5 --only online_retail

It works on copies in a temporary folder and sends through the code of `tailrace sync`. The raw data is found as the
projects find it (see README.md). Exit code 1 when a day differs or something did not get there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml

from destinations.sandbox.server import Sandbox
from pipelines import proof, work
from pipelines.delivery.ports import SystemClock
from pipelines.project import Options, Project
from pipelines.proof import Proof
from pipelines.run import Result
from pipelines.state import holds

from .projects import HERE, NAMES, copy, environment

REPLAYED = ("online_retail", "winback_45_120")
FIRST_DAY = date(2011, 9, 1)
DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one project, after its audiences were built and synced."""

    project: str
    audiences: tuple[str, ...]
    day: date
    segment: int
    """Persons in these audiences."""
    entered: int
    """Members added, summed over channels, as are `changed` and `left`."""
    changed: int
    left: int
    problems: tuple[str, ...]
    """What did not get there, and why."""
    proofs: tuple[Proof, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        return bool(self.proofs) and not self.problems and all(each.equal for each in self.proofs)

    def __str__(self) -> str:
        equal = sum(each.equal for each in self.proofs)
        people = f"{self.segment:>6,} people   + {self.entered:<6,} ~ {self.changed:<6,} − {self.left:<6,}"
        verdict = f"{equal} of {len(self.proofs)} syncs: channel = ledger = table"
        name = self.audiences[0] if len(self.audiences) == 1 else f"{self.project} ({len(self.audiences)} audiences)"
        return "\n  ".join([f"{self.day}  {name:<30}{people}  {verdict}  {self.seconds:.1f} s", *self.problems])


def replay_month(root: Path, box: Sandbox, days: int = DAYS) -> Iterator[Day]:
    """Consecutive days of September 2011 for the audience that goes to all four channels."""
    name, audience = REPLAYED
    for number in range(days):
        yield replay(root, name, box, FIRST_DAY + timedelta(days=number), (audience,))


def replay_dates(root: Path, box: Sandbox, names: Sequence[str] = NAMES) -> Iterator[Day]:
    """Every audience of each project on the days of `cases.yaml`, oldest first."""
    cases = yaml.safe_load((HERE / "cases.yaml").read_text())
    for name in names:
        for day in sorted(cases[name]):
            yield replay(root, name, box, day, approve=True)


def replay(root: Path, name: str, box: Sandbox, day: date, select: Sequence[str] = (), *, approve: bool = False) -> Day:
    """Build and sync one day as `tailrace sync --as-of` does, and compare the three sides.

    `approve`: plans that a guard holds are approved and sent, as where months lie between two days.
    """
    started = time.monotonic()
    project = Project(Options(root / name, root / name, as_of=str(day)), {**os.environ, **box.environment()})
    project.build(select)
    done = work.sync(project, select)
    if approve and (held := [result.plan.plan_id for result in done.results if result.status == "held"]):
        done = _sync_approved(project, select, done, held)
    truth = box.truth()
    chosen = project.audiences(select)
    with project.warehouse() as warehouse:
        proofs = [proof.compare(warehouse, audience, task, project.declarations.sparing(audience), truth)
                  for audience in chosen for task in project.tasks(audience)[0]]
    lost = [line for result in done.results if (line := _lost(result))]
    plans = [result.plan for result in done.results]
    people = {plan.audience: plan.segment for plan in plans}
    return Day(name, tuple(audience.name for audience in chosen), day, sum(people.values()),
               sum(plan.add for plan in plans), sum(plan.update for plan in plans),
               sum(plan.remove for plan in plans), (*done.problems, *lost), tuple(proofs), time.monotonic() - started)


def _sync_approved(project: Project, select: Sequence[str], before: work.Done, held: Sequence[str]) -> work.Done:
    """Approve the held plans and sync again; a sync counts as in the run that sent it."""
    with project.warehouse() as warehouse, warehouse.transaction():
        for plan_id in held:
            holds.approve(warehouse, plan_id, "replay", "months lie between these dates", SystemClock().now())
    again = work.sync(project, select)
    first = {result.plan.sync: result for result in before.results if result.status != "held"}
    return work.Done([first.get(result.plan.sync, result) for result in again.results],
                     [*before.problems, *again.problems])


def _lost(result: Result) -> str:
    """What of one sync did not get there, in words; empty when all did."""
    counts = {"rejected": result.rejected, "deferred": result.deferred, "unknown": result.unknown,
              "pending": result.pending, "unusable": result.plan.unusable}
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    parts += [f"{result.status}: {result.reason}"] if result.status not in ("ok", "nothing") else []
    return f"{result.plan.sync}: {', '.join(parts)}" if parts else ""


def main() -> int:
    """Replay all and print one line a day."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=DAYS, help="consecutive days of September 2011")
    parser.add_argument("--only", choices=NAMES, action="append", help="only this project")
    parser.add_argument("--parquet", type=Path, help="folder of the raw data, if not the one that the projects find")
    asked = parser.parse_args()
    names = asked.only or NAMES
    parquet = asked.parquet or Path(os.environ.get("TAILRACE_REALDATA") or HERE.parents[2] / "shared/data/parquet")
    with tempfile.TemporaryDirectory() as folder, environment(TAILRACE_REALDATA=str(parquet.absolute())):
        copy(REPLAYED[0], Path(folder, "month"), parquet)
        for name in names:
            copy(name, Path(folder, "dates"), parquet)
        good = [_print(day) for day in _days(Path(folder), names, asked.days)]
    print(f"{sum(good)} of {len(good)} days are equal on all sides.")
    return 0 if good and all(good) else 1


def _days(folder: Path, names: Sequence[str], days: int) -> Iterator[Day]:
    """The month and the dates have a channel, a warehouse and a ledger each: time runs forward in both."""
    if REPLAYED[0] in names:
        with Sandbox() as box:
            yield from replay_month(folder / "month", box, days)
    for name in names:
        with Sandbox() as box:
            yield from replay_dates(folder / "dates", box, [name])


def _print(day: Day) -> bool:
    print(day, flush=True)
    return day.equal


if __name__ == "__main__":
    sys.exit(main())
