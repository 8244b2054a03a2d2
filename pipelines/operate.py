"""The commands of those who operate the syncs: what is held, in doubt or refused, and why. No logic lives here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import StateError, TailraceError, did_you_mean
from pipelines.flags import (
    AsOf,
    ConnectionsFile,
    Json,
    Names,
    ProfilesDir,
    ProjectDir,
    StateDir,
    Target,
    To,
    Vars,
    open_project,
)

if TYPE_CHECKING:
    from pipelines.project import Project
    from pipelines.warehouse.protocol import Warehouse

commands = typer.Typer()
doubts = typer.Typer()
commands.add_typer(doubts, name="unresolved")

Person = Annotated[str, typer.Argument(help="Key of the person (or account) in the audiences' models.",
                                       show_default=False)]
By = Annotated[str, typer.Option(help="Who decides; it is recorded.", show_default=False)]
OneSync = Annotated[str | None, typer.Option("--sync", help="Only this sync, such as cart__klaviyo.")]
OpIds = Annotated[list[str], typer.Argument(help="Messages, as `tailrace unresolved` lists them.", show_default=False)]
RewriteFile = Annotated[bool, typer.Option(
    help="Write the DuckDB file anew, so that no deleted byte remains; it takes as much room again.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.", show_default=False)]


@commands.command()
def resync(
    names: Names = None, to: To = None, project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None,
    target: Target = None, variables: Vars = "", connections: ConnectionsFile = None, state_dir: StateDir = None,
    as_of: AsOf = None,
) -> None:
    """Tell the channels the whole desired state again, removals included; nobody is taken out who is wanted."""
    from pipelines import screens, work

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    done = work.sync(project, names or (), to, on_result=lambda result: print(screens.result_line(result), flush=True),
                     resync=True)
    for problem in done.problems:
        print(problem, file=sys.stderr)
    raise typer.Exit(1 if done.problems or any(result.status == "failed" for result in done.results) else 0)


@commands.command()
def reconcile(
    names: Names = None, to: To = None, repair: Annotated[bool, typer.Option(
        help="Mend what differs; --no-repair only looks.")] = True,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None, as_of: AsOf = None, as_json: Json = False,
) -> None:
    """Read channels back, compare, and mend exactly what differs. Exit code 2: it was not mended, 1: an error."""
    from pipelines import documents
    from pipelines import reconcile as reconciling

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir, as_of)
    with _recorded(project):
        pass
    found = []
    for each in reconciling.reconcile(project, names or (), to, repair=repair):
        found.append(each)
        if not as_json:
            print(*reconciling.lines(each), sep="\n", flush=True)
    if as_json:
        print(json.dumps(documents.reconcile_document(found), indent=2))
    failed = any(each.failed or (each.repair and each.repair.status == "failed") for each in found)
    left = any(each.differs and not (each.repair and each.repair.status == "ok") for each in found)
    raise typer.Exit(1 if failed else 2 if left else 0)


@commands.command()
def approve(
    plan_id: Annotated[str | None, typer.Argument(help="The plan, as sync shows it; none lists what is held.")] = None,
    by: By = "", reason: Reason = "", project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None,
    target: Target = None, variables: Vars = "", connections: ConnectionsFile = None, state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Release exactly one held plan; the next sync sends it. Without a plan: list those that are held."""
    from pipelines import documents, screens
    from pipelines.state import holds

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    with _recorded(project) as warehouse:
        waiting = [(hold, holds.planned(warehouse, hold.sync)) for hold in holds.waiting(warehouse)]
        if plan_id is not None:
            _signed(by, reason)
            with warehouse.transaction():
                sync_id = holds.approve(warehouse, plan_id, by, reason, _now())
    if plan_id is not None:
        print(*(line for hold, planned in waiting if hold.plan_id == plan_id
                for line in screens.hold_lines(hold, planned)), sep="\n")
        print(screens.approved_line(by, sync_id))
    elif as_json:
        print(json.dumps(documents.holds_document(waiting), indent=2))
    else:
        print(*(line for hold, planned in waiting for line in screens.hold_lines(hold, planned)), sep="\n",
              end="\n" if waiting else "")
        print("tailrace approve PLAN_ID --by NAME --reason TEXT releases one." if waiting else "Nothing is held.")


@doubts.callback(invoke_without_command=True)
def list_unresolved(
    context: typer.Context, sync: OneSync = None, project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None,
    target: Target = None, variables: Vars = "", connections: ConnectionsFile = None, state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """List messages in doubt that nothing repeats; `resend` or `treat_as_sent` resolves them."""
    if context.invoked_subcommand:
        return
    from pipelines import documents, listings
    from pipelines.state import unresolved

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    with _recorded(project) as warehouse:
        messages = unresolved.find(warehouse, _now(), _only(warehouse, sync))
    if as_json:
        print(json.dumps({"messages": documents.entry(messages)}, indent=2))
    else:
        print(*listings.unresolved_lines(messages), sep="\n", end="\n" if messages else "")
        print("tailrace unresolved resend | treat_as_sent OP_ID… --by NAME --reason TEXT" if messages
              else "Nothing is unresolved.")


@doubts.command("resend")
def resend(
    op_ids: OpIds, by: By = "", reason: Reason = "", project_dir: ProjectDir = Path(),
    profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "", connections: ConnectionsFile = None,
    state_dir: StateDir = None,
) -> None:
    """Have the next sync send these messages again, under their ids: they may arrive twice."""
    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    count = _decide(project, op_ids, "resend", by, reason)
    print(f"The next sync sends {count:,} again, under the same id.")


@doubts.command("treat_as_sent")
def treat_as_sent(
    op_ids: OpIds, by: By = "", reason: Reason = "", project_dir: ProjectDir = Path(),
    profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "", connections: ConnectionsFile = None,
    state_dir: StateDir = None,
) -> None:
    """Never send these messages again: they may not have arrived."""
    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    count = _decide(project, op_ids, "treat_as_sent", by, reason)
    print(f"{count:,} are treated as sent and never sent again.")


def _decide(project: Project, op_ids: list[str], kind: str, by: str, reason: str) -> int:
    from pipelines.state import unresolved

    _signed(by, reason)
    with _recorded(project) as warehouse, warehouse.transaction():
        return len(unresolved.decide(warehouse, op_ids, kind, by, reason, _now()))


@commands.command()
def purge(
    refused: Annotated[int | None, typer.Option(
        min=1, help="Days that payloads of refused operations are kept; the var keep_refused_days, or 30.")] = None,
    receipts: Annotated[int | None, typer.Option(
        min=1, help="Days that operations and receipts are kept; the var keep_receipts_days, or 396.")] = None,
    rewrite_file: RewriteFile = False,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None,
) -> None:
    """Let go of what is recorded of persons and past its term; each run does so by itself with the project's terms."""
    from pipelines.state import retention

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    terms = retention.Terms(timedelta(days=refused) if refused else project.terms.refused,
                            timedelta(days=receipts) if receipts else project.terms.receipts, project.terms.history)
    with _recorded(project) as warehouse:
        gone = []
        for (sync_id,) in warehouse.query("select sync_id from activation.sync_control order by 1"):
            with warehouse.transaction():
                gone.append(retention.purge(warehouse, sync_id, _now(), terms, asked=True))
    if rewrite_file:
        project.rewrite_warehouse()
    print(f"{sum(each.payloads for each in gone):,} payloads emptied, {sum(each.operations for each in gone):,} "
          "operations deleted.")


@commands.command()
def rejects(
    sync: OneSync = None, project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None,
    variables: Vars = "", connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False,
) -> None:
    """List what channels refuse, by reason, and when the next try is due."""
    from pipelines import documents, listings
    from pipelines.state import rejects as refused

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    with _recorded(project) as warehouse:
        found = refused.find(warehouse, _now(), _only(warehouse, sync))
    if as_json:
        print(json.dumps({"rejects": documents.entry(found)}, indent=2))
    else:
        print(*(listings.reject_lines(found) if found else ["No channel refuses anything."]), sep="\n")


@commands.command()
def explain(
    person: Person, show_values: Annotated[bool, typer.Option(help="Show identifiers and attributes too.")] = False,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False,
) -> None:
    """Tell one person's story in order: standing and why, entries, messages and why not, what channels said."""
    from pipelines import documents, explanation

    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    with _recorded(project) as warehouse:
        found = explanation.explain(project, warehouse, person, _now(), values=show_values)
    if as_json:
        print(json.dumps(documents.entry(found), indent=2, ensure_ascii=False))
    else:
        print(*explanation.lines(found), sep="\n")


@commands.command()
def forget(
    person: Person, by: By = "", reason: Reason = "",
    anyway: Annotated[bool, typer.Option(help="Erase also what a channel could not confirm.")] = False,
    rewrite_file: RewriteFile = False,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    connections: ConnectionsFile = None, state_dir: StateDir = None, as_json: Json = False,
) -> None:
    """Take a person out of every channel and of all that is recorded, for ever. Exit code 1: not all is confirmed."""
    from pipelines import bi, documents
    from pipelines import forget as forgetting

    _signed(by, reason)
    project = open_project(project_dir, profiles_dir, target, variables, connections, state_dir)
    with _recorded(project):
        pass
    report = forgetting.forget(project, person, by, reason, _now(), anyway=anyway)
    if rewrite_file:
        project.rewrite_warehouse()
    if published := (project.dir / bi.FOLDER).exists():
        bi.copy(project, alone=True)
    if as_json:
        print(json.dumps({**documents.entry(report), "confirmed": report.confirmed}, indent=2))
    else:
        print(*forgetting.lines(report, rewritten=rewrite_file, published=published), sep="\n")
    raise typer.Exit(0 if report.confirmed else 1)


def _only(warehouse: Warehouse, sync: str | None) -> set[str] | None:
    """The sync that was named, which must be one that has begun."""
    if sync is None:
        return None
    known = [name for (name,) in warehouse.query("select sync_id from activation.sync_control order by 1")]
    if sync not in known:
        raise TailraceError(f"{sync}: no such sync was ever run{did_you_mean(sync, known)}; "
                            f"known are: {', '.join(known)}")
    return {sync}


@contextmanager
def _recorded(project: Project) -> Iterator[Warehouse]:
    """The warehouse with what was recorded there, its tables brought up to date."""
    from pipelines.state import schema

    with project.warehouse() as warehouse:
        if not schema.exists(warehouse):
            raise StateError("nothing was synced yet from this warehouse: run `tailrace sync` first")
        with warehouse.transaction():
            schema.create(warehouse)
        yield warehouse


def _signed(by: str, reason: str) -> None:
    """A decision without a name or a reason is refused."""
    missing = " and ".join(flag for flag, value in (("--by NAME", by), ("--reason TEXT", reason)) if not value.strip())
    if missing:
        raise TailraceError(f"write {missing}: who decides and why is recorded")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
