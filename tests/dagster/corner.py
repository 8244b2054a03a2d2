"""The corner shop: a dbt project of three audiences, opened by Dagster, in front of the sandbox's channels."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from destinations.sandbox.server import Sandbox
from pipelines.defs.location import define
from pipelines.defs.opened import Opened, open_project
from pipelines.project import Options, Project
from pipelines.sync import run_to_end

HERE = Path(__file__).parent


def copy(folder: Path, source: Path = HERE / "shop") -> Path:
    """The project in a folder of its own; what dbt made is as young as it was."""
    shutil.copytree(source, folder / "shop")
    return folder / "shop"


@dataclass
class Corner:
    """One copy of the shop, and the channels it goes to."""

    folder: Path
    box: Sandbox | None = None
    options: dict[str, Any] = field(default_factory=dict)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    result: dg.ExecuteInProcessResult | None = None
    """Of the build, where Dagster made one."""

    @cached_property
    def opened(self) -> Opened:
        return open_project(Options(project_dir=self.folder, **self.options))

    @cached_property
    def defs(self) -> dg.Definitions:
        return define(self.opened)

    @property
    def project(self) -> Project:
        """As the command opens it."""
        return Project(Options(project_dir=self.folder))

    def launch(self, *keys: str, as_of: str | None = None, **ops: Mapping[str, Any]) -> dg.ExecuteInProcessResult:
        """Materialise these assets as the UI does; `ops` is the config of steps, by name."""
        config: dict[str, Any] = {"ops": {name: {"config": written} for name, written in ops.items()}}
        if as_of:
            config["resources"] = {"tailrace": {"config": {"as_of": as_of}}}
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            run_config=config, instance=self.instance, raise_on_error=False,
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys])

    def sync(self, audience: str) -> dict[str, str]:
        """Sync as `tailrace sync` does; sync → status."""
        project = self.project
        found = project.declarations.find(audience)
        tasks, faults = project.tasks(found)
        assert not faults
        return {result.plan.sync: result.status for result in run_to_end(project.walk(found, tasks, "by hand"))}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(self.folder / "shop.duckdb"))) as connection:
            return connection.execute(statement).fetchall()

    def members(self, channel: str, audience: str) -> list[str]:
        """Keys that the channel holds for an audience."""
        found = self.box.truth()["channels"][channel]["audiences"].values()
        return [key for held in found if held["name"] == audience for key in held["keys"]]

    def requests(self, channel: str) -> int:
        return int(self.box.truth()["channels"][channel]["requests"])


def made(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> dict[str, dict[str, Any]]:
    """Asset → metadata, for each materialisation."""
    return {event.asset_key.to_user_string(): _plain(event.materialization.metadata)
            for event in result.get_asset_materialization_events()}


def observed(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset → metadata, for each observation."""
    return {event.asset_key.to_user_string(): _plain(event.asset_observation_data.asset_observation.metadata)
            for event in result.get_asset_observation_events()}


def judged(
    result: dg.ExecuteInProcessResult | dg.JobExecutionResult, failed: bool = False
) -> dict[str, dict[str, Any]]:
    """`asset:check` → metadata, for each check; with `failed` only of those that did not pass."""
    return {f"{check.asset_key.to_user_string()}:{check.check_name}": _plain(check.metadata)
            for check in result.get_asset_check_evaluations() if not (failed and check.passed)}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step says."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data.description


def names(keys: Iterable[dg.AssetKey]) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}
