"""The flags that commands share, and the project that they open.

What is imported late costs seconds that a quick command need not pay.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.errors import TailraceError

if TYPE_CHECKING:
    from pipelines.project import Project

ProjectDir = Annotated[Path, typer.Option(help="dbt project; the folder, or one that holds dbt_project/.")]
ProfilesDir = Annotated[Path | None, typer.Option(help="Folder of profiles.yml, as for dbt.")]
Target = Annotated[str | None, typer.Option(help="Target of the profile, as for dbt.")]
Select = Annotated[list[str] | None, typer.Option("--select", "-s", help="Models, as dbt selects them.")]
Names = Annotated[list[str] | None, typer.Argument(help="Audiences; the same as --select.", show_default=False)]
Vars = Annotated[str, typer.Option("--vars", help="dbt vars, as YAML or JSON.")]
ConnectionsFile = Annotated[Path | None, typer.Option(help="connections.yml, if not the one of the project.")]
StateDir = Annotated[Path | None, typer.Option(help="Journals and locks; .tailrace in the project.")]
AsOf = Annotated[str | None, typer.Option(help="The moment audiences speak of, ISO 8601: sets the var as_of.")]
To = Annotated[str | None, typer.Option(help="Only syncs to this connection.")]
NoBuild = Annotated[bool, typer.Option("--no-build", help="Take the models as they are in the warehouse.")]
OneShard = Annotated[str | None, typer.Option("--shard", help="Deliver only this part, such as 3/8, of a sync that "
                                             "has shards; others are delivered by other processes.")]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON document instead of lines.")]


def parse_shard(written: str) -> tuple[int, int]:
    """`3/8` as numbers."""
    number, _, count = written.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise TailraceError(f"--shard {written}: write which of how many, such as 3/8")
    return int(number), int(count)


def open_project(
    project_dir: Path, profiles_dir: Path | None, target: str | None, variables: str = "",
    connections: Path | None = None, state_dir: Path | None = None, as_of: str | None = None,
) -> Project:
    """The project that these flags mean."""
    from pipelines.project import Options, Project

    project = Project(Options(project_dir, profiles_dir, target, connections, state_dir, _parse_vars(variables), as_of))
    if as_of:
        _ = project.as_of  # refused before dbt is given it
    return project


def _parse_vars(text: str) -> dict[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise TailraceError(f"--vars: not YAML: {problem}; write a mapping, such as '{{threshold: 3}}'") from None
    if not isinstance(value, dict):
        raise TailraceError("--vars: write a mapping, such as '{threshold: 3}'")
    return value
