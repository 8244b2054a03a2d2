"""The commands for those who read: a copy that BI may open at any time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import TailraceError
from pipelines.flags import Json, ProfilesDir, ProjectDir, Target, Vars, open_project

if TYPE_CHECKING:
    from pipelines.project import Project
    from pipelines.warehouse.publish import Published

commands = typer.Typer()
FOLDER = "bi"
"""Where the copy lies in the project."""


@commands.command()
def publish(
    to: Annotated[Path | None, typer.Argument(help="Folder of the copy; `bi` in the project.")] = None,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
) -> None:
    """Copy what BI may rely on, so that it can be read while the pipeline runs."""
    done = copy(open_project(project_dir, profiles_dir, target, variables), to)
    print(f"{done.relations} tables, {done.rows:,} rows in {done.seconds:.1f} s:\n  {done.file}\n"
          f"  {done.parquet}/<schema>/<table>.parquet")


@commands.command()
def report(
    audience: Annotated[str, typer.Argument(help="The audience.", show_default=False)],
    to: Annotated[Path | None, typer.Option(help="The file; AUDIENCE.html by itself.")] = None,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
) -> None:
    """Write one page about an audience: its size, who came and went, what was sent and what it earned."""
    from pipelines.report import figures, render
    from pipelines.state import overview

    project = open_project(project_dir, profiles_dir, target, variables)
    declared = project.declarations.find(audience)
    with project.warehouse() as warehouse:
        overview.prepare(warehouse)
        found = figures.read(warehouse, declared)
    file = to or Path(f"{audience}.html")
    file.write_text(render(found), encoding="utf-8")
    print(file)


@commands.command()
def replay(
    run: Annotated[str, typer.Argument(help="The run, as `cli-…` or Dagster's, or one sync's as cart__mail@3.",
                                       show_default=False)],
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
    as_json: Json = False,
) -> None:
    """Rebuild the plan of a past run from what was recorded, and compare. Exit code 1: something differs."""
    from pipelines import documents
    from pipelines import replay as replaying
    from pipelines.state import overview

    project = open_project(project_dir, profiles_dir, target, variables)
    with project.warehouse() as warehouse:
        overview.prepare(warehouse)
        found = replaying.replay_run(warehouse, project.declarations.audiences, run)
    if as_json:
        print(json.dumps({"syncs": documents.entry(found)}, indent=2))
    else:
        print(*replaying.lines(found), sep="\n")
    raise typer.Exit(1 if any(part.differing for part in found) else 0)


@commands.command()
def dashboard(
    port: Annotated[int, typer.Option(help="Where it listens, on this machine alone.")] = 8501,
    project_dir: ProjectDir = Path(), profiles_dir: ProfilesDir = None, target: Target = None, variables: Vars = "",
) -> None:
    """Show all audiences on one page in the browser, over the published copy or PostgreSQL."""
    from pipelines.dashboard import serve

    project = open_project(project_dir, profiles_dir, target, variables)
    print(f"http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
    serve.serve(project, port, {"project_dir": str(project.dir), "target": target, "variables": variables,
                                "profiles_dir": str(profiles_dir.absolute()) if profiles_dir else None})


def copy(project: Project, to: Path | None = None, *, alone: bool = False) -> Published:
    """Publish a project's public tables and the interface of schema `activation`; `alone`: keep no earlier version."""
    from pipelines.state import schema
    from pipelines.warehouse.duckdb import DuckDBFile
    from pipelines.warehouse.publish import KEPT, Relation, publish

    if not isinstance(project.warehouse, DuckDBFile):
        raise TailraceError(f"{project.warehouse}: BI reads a server's tables directly, nothing is copied. Let it in "
                            "with a role of its own: grant usage on schema audiences, activation to bi; grant select "
                            "on all tables in schema audiences, activation to bi")
    with project.warehouse() as warehouse:
        known = [Relation(schema.SCHEMA, name) for name in schema.INTERFACE
                 if warehouse.columns(f"{schema.SCHEMA}.{name}") is not None]
        built = [relation for relation in (Relation(*each) for each in project.declarations.public)
                 if warehouse.columns(str(relation)) is not None]
    if not built:
        raise TailraceError("no public model is built yet; build the models first (tailrace build)")
    return publish(project.warehouse, [*built, *known], to or project.dir / FOLDER,
                   kept=1 if alone else KEPT)
