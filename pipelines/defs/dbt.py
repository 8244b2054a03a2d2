"""dbt's seeds, models and tests as assets and checks: one step, which dbt's own graph is a subset of.

dbt runs as a process of its own and has let go of the warehouse before any audience opens it. What came of each node is
remembered for the gate. Where a node fails, the step fails when dbt has ended; audiences of this run that read nothing
of it go on, and the snapshots of the others say why they do not.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from pipelines import gate
from pipelines.defs import checks
from pipelines.defs.keys import group_of, snapshot_key
from pipelines.defs.metadata import code_reference
from pipelines.defs.opened import Opened
from pipelines.defs.resources import POOL, Tailrace
from pipelines.project import Project


class Translator(DagsterDbtTranslator):
    """Groups by layer, and the place of the SQL."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self._dir = opened.dir
        self._project = str(opened.manifest["metadata"]["project_name"])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec: dg.AssetSpec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        spec = spec.replace_attributes(group_name=group_of(node, self._project))
        if node["package_name"] != self._project:
            return spec
        return spec.merge_attributes(metadata=code_reference(self._dir, node["original_file_path"]))


def define_dbt(opened: Opened, translator: Translator) -> dg.AssetsDefinition:
    """All that dbt builds. dagster-dbt copies a project it is given for large selections, so it gets none."""
    dated = gate.dated(opened.declarations.graph, opened.declarations.ids(opened.declarations.audiences))

    @dbt_assets(manifest=opened.manifest, name="dbt_build", dagster_dbt_translator=translator, pool=POOL)
    def build(context: dg.AssetExecutionContext, tailrace: Tailrace) -> Iterator[Any]:
        # A test of two models says nothing true while only one of them is rebuilt.
        os.environ.setdefault("DBT_INDIRECT_SELECTION", "buildable")
        project = opened.at(tailrace.as_of)
        mask = os.umask(0o077)  # what dbt makes, the warehouse above all, is its owner's only
        try:
            invocation = _cli(opened, project).cli(_arguments(project), context=context)
        finally:
            os.umask(mask)
        failed = None
        try:
            yield from invocation.stream()
        except DagsterDbtCliRuntimeError as error:
            failed = error
        finally:
            project.builds.take_in(invocation.target_path)
            if dated:
                project.dbt.freshness(dated)
        yield from _gated(context, opened, project)
        if failed:
            raise failed
        # One folder a run, with a copy of the manifest: only that of a failed run is worth keeping.
        shutil.rmtree(invocation.target_path, ignore_errors=True)

    return build


def _gated(
    context: dg.AssetExecutionContext, opened: Opened, project: Project
) -> Iterator[dg.AssetCheckEvaluation]:
    """The check of each snapshot of this run whose own step cannot start, because what it reads was not built."""
    launched = context.run.asset_selection  # None: all
    for audience in opened.declarations.audiences:
        if (launched is None or snapshot_key(audience) in launched) and (found := project.gated(audience)).reason:
            yield checks.evaluation(checks.judge_upstream(audience, found))


def define_sources(opened: Opened, translator: Translator) -> list[dg.AssetSpec]:
    """Tables that others load."""
    return [translator.get_asset_spec(opened.manifest, unique_id, None) for unique_id in opened.manifest["sources"]]


def _cli(opened: Opened, project: Project) -> DbtCliResource:
    options = opened.options
    return DbtCliResource(
        project_dir=str(project.dir),
        profiles_dir=str(options.profiles_dir) if options.profiles_dir else None,
        target=options.target,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
        global_config_flags=["--no-use-colors", "--no-version-check"],
    )


def _arguments(project: Project) -> list[str]:
    """Unit tests prove the SQL, not the data: CI runs them, not each sync."""
    given = ["--vars", json.dumps(project.variables)] if project.variables else []
    return ["build", "--exclude-resource-type=unit_test", *given]
