"""The demo: the example shop, day by day, into the sandbox. All of it is the real thing except the vendors' addresses.

It works on the project's own warehouse file, so that afterwards every command and Dagster show what it did. It clears
only what an earlier demo made, and says so when the file is somebody's own.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from destinations.sandbox.server import Sandbox
from pipelines import proof
from pipelines.audiences import Audience, in_turn
from pipelines.errors import StateError
from pipelines.project import Options, Project
from pipelines.run import Result
from pipelines.state import schema
from pipelines.state.snapshot import Snapshot
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.protocol import Opener, quote

PORT = 8700
"""The port of `tailrace sandbox`, so that the inbox keeps its address."""


@dataclass(frozen=True, slots=True)
class Line:
    """One audience on one day."""

    snapshot: Snapshot
    messages: int
    failed: Sequence[str]


def run(project_dir: Path, days: int, target: str | None = None) -> int:
    """Replay the first day and `days` more; 0 when every channel ends equal to its audience."""
    console, started = Console(width=None if Console().is_terminal else 110), time.monotonic()
    first = Project(Options(project_dir, target=target))
    _clear(first)
    state_file = first.state_dir / "sandbox.json"
    with _sandbox(state_file) as box:
        console.print(f"[bold]Tailrace demo[/bold]: {days + 1} days of a shop, its channels in the sandbox. "
                      f"Inbox while it runs: {box.url}/")
        environ = {**os.environ, **box.environment()}
        project = first
        failed: list[str] = []
        for day in range(days + 1):
            moment = _iso(first.as_of + timedelta(days=day))
            project = Project(Options(project_dir, target=target, as_of=moment), environ)
            with console.status(f"day {day}: dbt builds the models") if console.is_terminal else nullcontext():
                project.build([audience.name for audience in _sent(project)])
            lines = _sync(project, f"demo-day-{day}")
            console.print(_table(day, project.as_of, lines))
            failed += [problem for line in lines for problem in line.failed]
        proofs = _prove(project, box)
    _show_proofs(console, proofs, failed)
    console.print(f"{time.monotonic() - started:.0f} seconds in all. What to open next:")
    _show_next(console, project, state_file)
    return 0 if not failed and all(each.equal for each in proofs) else 1


def _clear(project: Project) -> None:
    """Forget an earlier demo; refuse to touch a warehouse that the demo did not make."""
    opener, mark = project.warehouse, project.state_dir / "demo.json"
    made = json.loads(mark.read_text()).get("warehouse") if mark.exists() else None
    place = str(opener.path) if isinstance(opener, DuckDBFile) else str(opener)
    if isinstance(opener, DuckDBFile):
        used = opener.path.exists()
    else:
        with opener() as warehouse:
            used = schema.exists(warehouse)
    if used and made != place:
        raise StateError(f"{place} was not made by the demo, which would clear it: move it away, or run the demo in "
                         "another copy of the project (--project-dir) or another database (--target)")
    if used:
        _empty(project, opener)
    shutil.rmtree(project.state_dir, ignore_errors=True)
    project.state_dir.mkdir(parents=True, mode=0o700)
    mark.write_text(json.dumps({"made_by": "tailrace demo", "warehouse": place}))


def _empty(project: Project, opener: Opener) -> None:
    if isinstance(opener, DuckDBFile):
        opener.path.unlink()
        opener.path.with_name(opener.path.name + ".wal").unlink(missing_ok=True)
        return
    schemas = {audience.schema for audience in project.declarations.audiences} | {schema.SCHEMA}
    with opener() as warehouse:
        for name in sorted(schemas):
            warehouse.execute(f"drop schema if exists {quote(name)} cascade")


@contextmanager
def _sandbox(state_file: Path) -> Iterator[Sandbox]:
    try:
        box = Sandbox(PORT, pace=True, state_file=state_file).start()
    except OSError:
        box = Sandbox(0, pace=True, state_file=state_file).start()
    try:
        yield box
    finally:
        box.stop()


def _sent(project: Project) -> list[Audience]:
    """The audiences that go somewhere: those tagged `demo` where some are, since a whole playbook takes its time."""
    sent = [audience for audience in project.audiences() if audience.syncs]
    return in_turn([audience for audience in sent if "demo" in audience.tags] or sent)


def _sync(project: Project, run_id: str) -> list[Line]:
    lines = []
    for audience in _sent(project):
        tasks, faults = project.tasks(audience)
        taken, messages, failed = None, 0, [str(fault) for fault in faults]
        for step in project.walk(audience, tasks, run_id):
            if isinstance(step, Snapshot):
                taken = step
            elif isinstance(step, Result):
                messages += step.plan.trigger - step.plan.silent
                failed += [f"{step.plan.sync}: {step.reason}"] if step.status == "failed" else []
        if taken:
            lines.append(Line(taken, messages, failed))
    return lines


def _table(day: int, as_of: datetime, lines: Sequence[Line]) -> Table:
    table = Table(title=f"Day {day} · {as_of:%A %Y-%m-%d %H:%M} UTC", title_justify="left", box=None, pad_edge=False)
    table.add_column("audience")
    for name in ("in segment", "entered", "left", "suppressed", "held out", "messages"):
        table.add_column(name, justify="right")
    for line in lines:
        taken = line.snapshot
        table.add_row(taken.audience, *(f"{count:,}" for count in (
            taken.segment, taken.entered, taken.left, taken.suppressed, taken.held_out, line.messages)))
    table.add_section()
    return table


def _prove(project: Project, box: Sandbox) -> list[proof.Proof]:
    truth = box.truth()
    with project.warehouse() as warehouse:
        return [proof.compare(warehouse, audience, task, project.declarations.sparing(audience), truth)
                for audience in _sent(project) for task in project.tasks(audience)[0] if task.sync.members]


def _show_proofs(console: Console, proofs: Sequence[proof.Proof], failed: Sequence[str]) -> None:
    for each in proofs:
        mark = "[green]equal[/green]" if each.equal else "[red]DIFFERENT[/red]"
        console.print(f"{mark}  {each.sync}: {each.wanted:,} wanted, {each.held:,} in the channel"
                      + ("" if each.equal else f", {each.missing:,} missing, {each.stray:,} stray"))
    equal = sum(each.equal for each in proofs)
    console.print("Each channel was asked what it holds and compared with the audience table: "
                  f"{equal} of {len(proofs)} "
                  "syncs are equal.")
    for problem in failed:
        console.print(f"[red]{problem}[/red]")


def _show_next(console: Console, project: Project, state_file: Path) -> None:
    where, on = os.path.relpath(state_file), "" if project.target.is_default else f" --target {project.target.name}"
    for command, meaning in (
            (f"tailrace status{on}", "what each channel has acknowledged, and what did not get there"),
            (f"tailrace sandbox --state-file {where}", "the inbox: members and messages, as the channels hold them"),
            ("export $(tailrace sandbox --env)", "in another terminal: point connections.yml at that sandbox"),
            (f"tailrace sync{on} --as-of {_iso(project.as_of + timedelta(days=1))}", "the next day, by hand"),
            ("dagster dev", "the same in Dagster: lineage, schedules, checks")):
        console.print(f"  {command}", style="bold", highlight=False, soft_wrap=True)
        console.print(f"      {meaning}")


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
