"""All that Dagster loads: `dagster dev`, `dg dev` and `dagster-webserver -m pipelines.definitions` start here."""

import os

import dagster as dg

from pipelines.defs.environment import read_options
from pipelines.defs.location import define, executor_of
from pipelines.defs.opened import open_project


@dg.definitions
def defs() -> dg.Definitions:
    """The project that the environment names: its dbt models, audiences, syncs and schedules."""
    return define(open_project(read_options(os.environ)), executor_of(os.environ.get("TAILRACE_EXECUTOR")))
