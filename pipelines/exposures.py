"""Exposures: each sync as dbt's lineage shows it, so that whoever changes a model sees which channel depends on it.

`python -m pipelines.exposures dbt_project` writes them from the declarations into `models/exposures.yml`; a test says
when the file is behind.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.audiences import Audience, Sync
from pipelines.manifest import Declarations

FILE = Path("models/exposures.yml")
HEAD = "# Written by `python -m pipelines.exposures`: where each audience goes. Change the syncs and write it again.\n"


def spell(declared: Declarations, groups: Mapping[str, Any]) -> str:
    """The text of the file. `groups`: those of the manifest, for the owners."""
    owners = {group["owner"].get("email"): group["owner"] for group in groups.values()}
    found = [_exposure(audience, sync, owners) for audience in declared.audiences for sync in audience.syncs]
    return HEAD + yaml.safe_dump({"exposures": found}, sort_keys=False, allow_unicode=True, width=110)


def _exposure(audience: Audience, sync: Sync, owners: Mapping[str, Any]) -> dict[str, Any]:
    owner = owners.get(audience.owner or "", {"name": audience.owner or "nobody"})
    return {
        "name": audience.sync_id(sync),
        "label": f"{audience.list_name(sync)} in {sync.to}",
        "type": "application",
        "maturity": "high",
        "description": f"{'. '.join(_parts(audience, sync))}.",
        "owner": {key: value for key, value in owner.items() if key in ("name", "email") and value},
        "depends_on": [f"ref('{audience.name}')", *(f"ref('{name}')" for name in _spared(audience, sync))],
    }


def _parts(audience: Audience, sync: Sync) -> Iterator[str]:
    yield audience.description.rstrip(".") or audience.name
    if sync.standing != "sent":
        yield f"Those held out are kept in {sync.to}, {sync.every}, for campaigns to exclude"
        return
    yield f"Sent to {sync.to}, {sync.every}" if sync.members else f"Messages by {sync.to}, {sync.every}"
    if sync.trigger:
        yield f"Who enters causes {sync.trigger.event}"


def _spared(audience: Audience, sync: Sync) -> list[str]:
    return sorted({*audience.suppress, *(sync.suppress or ())})


def main(project_dir: Path) -> None:
    """Write the project's exposures."""
    from pipelines.project import Options, Project

    project = Project(Options(project_dir), os.environ)
    declared = project.declarations
    groups = json.loads(project.dbt.manifest_path().read_bytes())["groups"]
    (project_dir / FILE).write_text(spell(declared, groups), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
