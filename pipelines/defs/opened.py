"""A project as the code server has read it: what assets and schedules are made of, and what their runs open again.

Only a process that starts fresh parses the project, one at a time. Run workers are children of the code server: they
inherit its mark and take the manifest as it is, so that a run sees the project its definitions came from and no two
workers write the manifest at once.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines import manifest, profiles
from pipelines.delivery.ports import Transport
from pipelines.errors import DeclarationError
from pipelines.manifest import Declarations
from pipelines.project import Options, Project

PARSED = "TAILRACE_PARSED"
"""Set by the process that made sure of the manifest; its value is the manifest's path."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One project, read once."""

    dir: Path
    """Folder of dbt_project.yml."""
    options: Options
    declarations: Declarations
    manifest: Mapping[str, Any]
    connections: Mapping[str, str]
    """Connection → its destination, such as `meta_ads`."""
    variables: Mapping[str, Any]
    """Vars of dbt_project.yml, for all packages and for the project itself."""
    transport: Callable[[], Transport]

    @property
    def keeps_time(self) -> bool:
        """Whether the project or its environment fixes `as_of`: no run may then set it."""
        return bool(self.options.as_of or self.variables.get("as_of"))

    def at(self, as_of: str | None) -> Project:
        """The project as a run uses it; `as_of` overrides the moment the audiences speak of."""
        project = Project(replace(self.options, as_of=as_of or self.options.as_of))
        project.declarations = self.declarations
        return project


def open_project(options: Options, transport: Callable[[], Transport] | None = None) -> Opened:
    """Read a project; dbt parses it first where the manifest is missing or old.

    An audience with complaints is left out, never sent half understood. Raises DeclarationError when none is left.
    """
    project = Project(options)
    path = project.dbt.manifest_path()
    if os.environ.get(PARSED) != str(path):
        with _one_at_a_time(project.place("locks", "parse.lock")):
            if project.dbt.is_stale():
                project.dbt.parse()
        os.environ[PARSED] = str(path)
    declarations = manifest.read(path, project.connections, project.dir)
    if declarations.complaints and not declarations.audiences:
        raise DeclarationError(declarations.complaints)
    for complaint in declarations.complaints:
        logging.getLogger(__name__).warning("left out: %s", complaint)
    kinds = {name: kind.__module__.rpartition(".")[2] for name in project.connections
             if (kind := project.connections.kind(name))}
    return Opened(project.dir, options, declarations, json.loads(path.read_bytes()), kinds, _variables(project.dir),
                  transport or _http)


def _variables(project_dir: Path) -> Mapping[str, Any]:
    document = profiles.read_project(project_dir).value or {}
    written = document.get("vars") or {}
    own = written.get(document.get("name"))
    return {**written, **(own if isinstance(own, dict) else {})}


def _http() -> Transport:
    from pipelines.delivery.http import HttpTransport

    return HttpTransport()


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
