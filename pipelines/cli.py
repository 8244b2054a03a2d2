"""The command `tailrace`: one door to a project; Dagster is the other. No logic lives here.

Exit codes: 0 nothing to do or all done, 2 changes are planned (`plan`), 1 an error. What is imported late costs seconds
(dbt 4, DuckDB and pandas 1) that a quick command need not pay.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.bi import commands as reading
from pipelines.errors import BuildFailed, TailraceError, did_you_mean, unexpected
from pipelines.flags import (
    AsOf,
    ConnectionsFile,
    Json,
    Names,
    NoBuild,
    OneShard,
    ProfilesDir,
    ProjectDir,
    Select,
    StateDir,
    Target,
    To,
    Vars,
    open_project,
    parse_shard,
)
from pipelines.operate import commands as operating

if TYPE_CHECKING:
    from pipelines.project import Project

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="People leave the warehouse, enter and leave audiences, and arrive at their channels.")
new = typer.Typer(no_args_is_help=True, help="Start an audience or a destination from a template.")
app.add_typer(operating)
app.add_typer(reading)
app.add_typer(new, name="new")


def main() -> None:
    """Entry point: a failure is one plain message on standard error, never a stack trace."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # destinations of one's own, as with `python -m` and `dagster dev`
    try:
        sys.exit(app(prog_name="tailrace", standalone_mode=False) or 0)
    except TailraceError as error:
        sys.exit(_complain(str(error)))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(_complain("stopped; what was sent is recorded or will be settled by the next run"))
    except Exception as error:
        if hasattr(error, "format_message"):
            sys.exit(_complain(error.format_message()))
        if os.environ.get("TAILRACE_TRACE"):
            raise
        sys.exit(_complain(unexpected(error)))


def _complain(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


@app.command()
def check(
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    as_of: AsOf = None, connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False,
) -> None:
    """Read every declaration and every connection; print all complaints at once."""
    from pipelines import documents
    from pipelines.errors import DeclarationError

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    try:
        found = sorted({*project.declarations.complaints, *project.connections.check()})
    except DeclarationError as error:
        found = error.complaints
    if as_json:
        print(json.dumps(documents.check_document(found), indent=2))
    else:
        print(*found, sep="\n", end="\n" if found else "")
        if not found:
            syncs = sum(len(audience.syncs) for audience in project.declarations.audiences)
            print(f"{len(project.declarations.audiences)} audiences and {syncs} syncs are well declared.")
    raise typer.Exit(1 if found else 0)


@app.command()
def build(
    names: Names = None, select: Select = None, project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None,
    target: Target = None, variables: Vars = "", as_of: AsOf = None, connections: ConnectionsFile = None,
    state_dir: StateDir = None,
    full_refresh: Annotated[bool, typer.Option(help="Rebuild incremental models and seeds from nothing.")] = False,
) -> None:
    """dbt builds the selected audiences, their suppressions and all upstream of them."""
    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    chosen = [*(names or ()), *(select or ())]
    built = _build(project, chosen, full=full_refresh)
    if chosen and not built:
        known = [audience.name for audience in project.declarations.audiences]
        raise TailraceError(f"{' '.join(chosen)}: selects nothing to build{did_you_mean(' '.join(chosen), known)}")


@app.command()
def plan(
    names: Names = None, select: Select = None, to: To = None, no_build: NoBuild = False, as_of: AsOf = None,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False,
) -> None:
    """Show what a sync would do. Sends nothing and changes no state. Exit code 2: there are changes."""
    from pipelines import documents, screens, work

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    chosen = _choose(project, names, select, to)
    failures = _prepare(project, chosen, to, no_build=no_build, quiet=as_json)
    drawn = work.plan(project, chosen, to)
    if as_json:
        print(json.dumps(documents.plan_document(project.as_of, drawn.plans), indent=2))
    else:
        for each in drawn.plans:
            print(*screens.plan_lines(each), sep="\n")
        if drawn.plans or not drawn.problems:
            print(screens.plan_total(drawn.plans))
    changed = any(each.changes for each in drawn.plans)
    raise typer.Exit(_problems([*failures, *drawn.problems]) or (2 if changed else 0))


@app.command()
def sync(
    names: Names = None, select: Select = None, to: To = None, no_build: NoBuild = False, as_of: AsOf = None,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False, shard: OneShard = None,
) -> None:
    """Bring every selected channel in line with its audience, and record what it acknowledged."""
    from pipelines import documents, screens, work

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    chosen = _choose(project, names, select, to)
    failures = _prepare(project, chosen, to, no_build=no_build, quiet=as_json)
    if shard:
        print(screens.shard_line(work.sync_shard(project, chosen, to, *parse_shard(shard))))
        raise typer.Exit(_problems(failures))
    show = None if as_json else lambda result: print(screens.result_line(result), flush=True)
    gc.freeze()  # what dbt has loaded stays: it need not be walked through again and again while rows come and go
    done = work.sync(project, chosen, to, on_result=show)
    if as_json:
        print(json.dumps(documents.sync_document(project.as_of, done.results), indent=2))
    failed = any(result.status == "failed" for result in done.results)
    raise typer.Exit(_problems([*failures, *done.problems]) or (1 if failed else 0))


@app.command()
def status(
    names: Names = None, select: Select = None, to: To = None, project_dir: ProjectDir = Path(),
    profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "", as_of: AsOf = None,
    connections: ConnectionsFile = None, state_dir: StateDir = None,
    undelivered: Annotated[bool, typer.Option(help="List who did not get there, by key, with the reason.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows of that list.")] = 100, as_json: Json = False,
) -> None:
    """Show what each channel has acknowledged and what did not get there."""
    from pipelines import documents, screens
    from pipelines.state import overview

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    syncs, now = _syncs(project, names, select, to), datetime.now(UTC).replace(tzinfo=None)
    with project.warehouse() as warehouse:
        overview.prepare(warehouse)
        states = [state for state in overview.states(warehouse, now) if syncs is None or state.sync in syncs]
        rows = overview.undelivered(warehouse, limit, syncs) if undelivered else []
    if as_json:
        print(json.dumps(documents.status_document(states, now), indent=2))
        return
    if not states:
        print("Nothing was synced yet.")
    for state in states:
        print(*screens.state_lines(state, now), sep="\n")
    print(*map(screens.undelivered_line, rows), sep="\n", end="\n" if rows else "")


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")] = 8700,
    state_file: Annotated[Path | None, typer.Option(help="Keep what the channels hold in this file.")] = None,
    pace: Annotated[bool, typer.Option(help="Enforce the vendors' rate limits.")] = True,
    env: Annotated[bool, typer.Option("--env", help="Print the environment for connections.yml and exit.")] = False,
) -> None:
    """Run local channels that enforce the vendors' contracts, with an inbox to look at."""
    from pipelines import playground

    if env:
        print(*playground.environment(port), sep="\n")
        return
    playground.serve(port, state_file, pace=pace)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=14, help="Days to replay after the first.")] = 4,
    project_dir: ProjectDir = Path(), target: Target = None,
) -> None:
    """Replay days of the example shop into the sandbox and prove that each channel holds its audience."""
    from pipelines import demo as story

    raise typer.Exit(story.run(project_dir, days, target))


@new.command("audience")
def new_audience(
    name: Annotated[str, typer.Argument(help="Name of the model, such as lapsed_buyers.")],
    folder: Annotated[Path, typer.Option(help="Folder of models, relative to the project.")] = Path("models/audiences"),
    to: Annotated[str, typer.Option(help="Connection of its first sync.")] = "webhook",
    project_dir: ProjectDir = Path(),
) -> None:
    """Write one .sql and one .yml to start from."""
    from pipelines import scaffold

    print(*scaffold.new_audience(project_dir, folder, name, to), sep="\n")


@new.command("destination")
def new_destination(
    name: Annotated[str, typer.Argument(help="Name of the module, such as mailchimp.")],
    folder: Annotated[Path, typer.Option(help="Folder for the module.")] = Path(),
) -> None:
    """Write one module and one case file to start from."""
    from pipelines import scaffold

    print(*scaffold.new_destination(folder, name), sep="\n")


def _choose(project: Project, names: list[str] | None, select: list[str] | None, to: str | None) -> list[str]:
    """What is selected, looked up before anything is built, so that a misspelt name is told at once."""
    chosen = [*(names or ()), *(select or ())]
    declared = project.declarations
    if not project.audiences(chosen, to) and declared.audiences and not declared.complaints:
        known = ", ".join(audience.name for audience in declared.audiences)
        asked = " ".join([*chosen, *([f"--to {to}"] if to else [])])
        raise TailraceError(f"{asked}: selects no audience; declared are: {known}")
    return chosen


def _syncs(project: Project, names: list[str] | None, select: list[str] | None, to: str | None) -> set[str] | None:
    """Ids of the selected syncs; None when nothing is selected, which means all that was ever recorded."""
    if not (names or select or to):
        return None
    chosen = project.audiences(_choose(project, names, select, to), to)
    return {audience.sync_id(sync) for audience in chosen for sync in audience.syncs if to in (None, sync.to)}


def _prepare(
    project: Project, select: Sequence[str], to: str | None, *, no_build: bool, quiet: bool
) -> list[str]:
    """Build, or say what the gate looks at instead. What failed in part is told at the end: the rest goes on."""
    from pipelines import screens

    if no_build:
        if not quiet:
            newest = max((project.gated(audience).newest for audience in project.audiences(select, to)), default="")
            print(screens.gate_line(newest), flush=True)
        return []
    try:
        _build(project, select, quiet=quiet)
    except BuildFailed as failed:
        if not failed.nodes:
            raise
        return [str(failed)]
    return []


def _build(project: Project, select: Sequence[str], *, full: bool = False, quiet: bool = False) -> int:
    """Build and say so; answers how many nodes were built."""
    from pipelines import progress

    with progress.building(quiet=quiet) as on_event:
        built = project.build(select, full=full, on_event=on_event)
    if not quiet:
        print(f"Built {len(built.nodes)} nodes in {built.seconds:.1f} s.", flush=True)
    return len(built.nodes)


def _problems(problems: Sequence[str]) -> int:
    for problem in problems:
        _complain(problem)
    return 1 if problems else 0
