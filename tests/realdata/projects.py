"""Build a copy of one of these dbt projects as a user would, and read its audiences."""

import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml
from dbt.cli.main import dbtRunner

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/dbt_project.yml"))


@dataclass(frozen=True, slots=True)
class Built:
    """What a dbt run came to: whether all went well, and what it said that is an error."""

    ok: bool
    complaints: str


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of a project in a folder of its own, reading raw data from `parquet`."""

    root: Path
    parquet: Path

    def build(self, as_of: str, *arguments: str) -> Built:
        said: list[str] = []

        def listen(event: object) -> None:
            if event.info.level == "error":
                said.append(event.info.msg)

        command = ["build", "--quiet", "--project-dir", ".", "--profiles-dir", ".", "--vars", f"{{as_of: {as_of}}}"]
        with chdir(self.root), environment(TAILRACE_REALDATA=str(self.parquet)):
            result = dbtRunner(callbacks=[listen]).invoke([*command, *arguments])
        return Built(result.success, "\n".join([*said, str(result.exception or "")]))

    def members(self) -> dict[str, list[str]]:
        """The sorted ids of every audience that stands in the warehouse."""
        with duckdb.connect(self.root / "warehouse.duckdb") as warehouse:
            tables = "select table_name from duckdb_tables() where schema_name = 'audiences'"
            rows = {
                name: warehouse.execute(f"select person_id from audiences.{name} order by 1").fetchall()
                for (name,) in warehouse.execute(tables).fetchall()
            }
        return {name: [person_id for (person_id,) in people] for name, people in rows.items()}


def copy(name: str, folder: Path, parquet: Path) -> Project:
    """Put the project and the macros it shares with the others into the folder."""
    for part in (name, "macros"):
        ignored = shutil.ignore_patterns("target", "logs", "*.duckdb*")
        shutil.copytree(HERE / part, folder / part, ignore=ignored, dirs_exist_ok=True)
    return Project(folder / name, parquet)


def models(name: str) -> dict[str, dict]:
    """The audience models of a project by name, as their .yml declares them."""
    files = sorted((HERE / name / "models" / "audiences").glob("*.yml"))
    return {model["name"]: model for file in files for model in yaml.safe_load(file.read_text())["models"]}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
