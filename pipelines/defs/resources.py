"""What a whole run shares. (No postponed annotations here: Dagster reads the types of config.)"""

import dagster as dg
from pydantic import Field

POOL = "warehouse"
"""Steps that open the warehouse: a DuckDB file has one owner at a time."""


class Tailrace(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settings of this run, the same for dbt and for every audience in it."""

    as_of: str | None = Field(
        default=None,
        description="The moment the models and audiences speak of, ISO 8601, such as 2026-10-21T06:00:00Z. "
        "Empty: the var as_of of dbt_project.yml, or the present where the project has none.",
    )
