"""Which project Dagster opens: environment variables stand where the command has flags.

| variable | flag |
|---|---|
| TAILRACE_PROJECT_DIR | --project-dir: this folder or `dbt_project` in it, then the repository's own |
| TAILRACE_PROFILES_DIR | --profiles-dir |
| TAILRACE_TARGET | --target |
| TAILRACE_CONNECTIONS | --connections |
| TAILRACE_STATE_DIR | --state-dir |
| TAILRACE_AS_OF | --as-of |

TAILRACE_EXECUTOR says how steps of a run are spread: `in_process`, `multiprocess`, or the import path of an executor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pipelines
from pipelines.project import Options


def read_options(environ: Mapping[str, str]) -> Options:
    """What the variables say; one that is empty says nothing. All paths become absolute: workers start elsewhere."""
    return Options(
        project_dir=_path(environ, "PROJECT_DIR") or _default_project(),
        profiles_dir=_path(environ, "PROFILES_DIR"),
        target=environ.get("TAILRACE_TARGET") or None,
        connections=_path(environ, "CONNECTIONS"),
        state_dir=_path(environ, "STATE_DIR"),
        as_of=environ.get("TAILRACE_AS_OF") or None,
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    written = environ.get(f"TAILRACE_{name}")
    return Path(written).expanduser().absolute() if written else None


def _default_project() -> Path:
    here = Path.cwd()
    if any((folder / "dbt_project.yml").is_file() for folder in (here, here / "dbt_project")):
        return here
    return Path(next(iter(pipelines.__path__))).absolute().parent / "dbt_project"
