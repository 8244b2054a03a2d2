"""The commands of those who operate the syncs: release what is held, and more of that kind. No logic lives here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import StateError, TailraceError
from pipelines.flags import ConnectionsFile, Json, ProfilesDir, ProjectDir, StateDir, Target, Vars, open_project

if TYPE_CHECKING:
    from pipelines.project import Project
    from pipelines.warehouse.protocol import Warehouse

commands = typer.Typer()

By = Annotated[str, typer.Option(help="Who decides; it is recorded.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.", show_default=False)]


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
        print(f"Approved by {by}: the next sync of {sync_id} sends exactly this plan; one that differs stays held.")
    elif as_json:
        print(json.dumps(documents.holds_document(waiting), indent=2))
    else:
        print(*(line for hold, planned in waiting for line in screens.hold_lines(hold, planned)), sep="\n",
              end="\n" if waiting else "")
        print("tailrace approve PLAN_ID --by NAME --reason TEXT releases one." if waiting else "Nothing is held.")


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
