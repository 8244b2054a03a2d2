"""dbt, run inside this process: importing it costs four seconds once, and a build of one model is then a blink.

dbt is always run in the project's folder, so that relative paths of a profile mean the same everywhere. It works on
process-wide state (folder, events, adapters), so one invocation runs at a time. After each the DuckDB file is let go.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines import profiles
from pipelines.errors import BuildFailed, WarehouseLocked
from pipelines.seeding import Ledger

OnEvent = Callable[[str, str, float], None]
"""Called with a node's name, its status (`started`, then dbt's own such as `success`) and its seconds."""
_ONE_AT_A_TIME = threading.RLock()
_QUIET = (
    "--log-level=none",
    "--no-print",
    "--no-use-colors",
    "--no-use-colors-file",
    "--no-version-check",
    "--no-send-anonymous-usage-stats",
)
_BAD = {"error", "fail", "runtime error", "partial success"}
_FOLDERS = {
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "macro-paths": ["macros"],
    "test-paths": ["tests"],
    "analysis-paths": ["analyses"],
}
_FILES = ("dbt_project.yml", "profiles.yml", "packages.yml", "package-lock.yml", "dependencies.yml")
_NOISE = re.compile(r"^\s*(> (in|called by) |compiled code at |checkout |Original Line: |$)")
_QUOTING = re.compile(r"(Conversion|Constraint|Invalid Input|Out of Range) Error")
_QUOTED = re.compile(r"['\"].*['\"]")
"""From the first quote of a line to its last: a value may hold quotes itself."""


@dataclass(frozen=True, slots=True)
class Dbt:
    """One dbt project as the flags of the command name it."""

    project_dir: Path
    profiles_dir: Path | None = None
    target: str | None = None
    variables: Mapping[str, Any] | None = None
    """What `--vars` gives."""

    def parse(self) -> Path:
        """Write the manifest; returns its path. Raises BuildFailed when the project cannot be parsed."""
        _finish(self._invoke(["parse"]), "parse")
        return self.manifest_path()

    def ls(self, select: Iterable[str], exclude: Iterable[str] = ()) -> list[str]:
        """Names of the models, snapshots and seeds that dbt's selectors mean, upstream ones only where they say so."""
        kinds = [f"--resource-type={kind}" for kind in ("model", "snapshot", "seed")]
        chosen = [*_listed("--select", _words(select)), *_listed("--exclude", _words(exclude))]
        return list(_finish(self._invoke(["ls", "--output=name", *kinds, *chosen]), "ls").result or ())

    def build(
        self,
        select: Iterable[str] = (),
        exclude: Iterable[str] = (),
        *,
        full: bool = False,
        seed: bool | Literal["if_changed"] = True,
        unit_tests: bool = True,
        state_dir: Path | None = None,
        on_event: OnEvent | None = None,
    ) -> Built:
        """Build what is selected and all that is upstream of it; without `select` the whole project.

        `seed="if_changed"` loads a seed only when its table is missing or its file has changed since it was loaded from
        here, which `state_dir` remembers. `full` rebuilds incremental models and seeds from nothing. Unit tests try the
        models on made-up rows, so a daily run can leave them out: in the example project they take half of the time.
        Raises BuildFailed with the failed nodes, or WarehouseLocked.
        """
        started = time.monotonic()
        manifest = _finish(self._invoke(["parse"]), "parse").result
        ledger = Ledger(state_dir / "seeds.json" if state_dir else None, self.project_dir, manifest.nodes.values())
        args = [*_listed("--select", _with_upstream(select)), *(["--full-refresh"] if full else [])]
        args += _listed("--exclude", [*_words(exclude), *self._settled(ledger, seed, full, manifest)])
        without = {"seed": seed is False, "unit_test": not unit_tests}
        args += [f"--exclude-resource-type={kind}" for kind, left_out in without.items() if left_out]
        done = self._invoke(["build", "--indirect-selection=buildable", *args], on_event, manifest)
        nodes = tuple(_nodes(done))
        ledger.record(node.name for node in nodes if node.status == "success")
        _finish(done, "build")
        return Built(nodes, time.monotonic() - started)

    def freshness(self, sources: Iterable[str]) -> None:
        """Ask how old the rows of these sources are; dbt leaves the answer in its target folder, good or not."""
        result = self._invoke(["source", "freshness", *_listed("--select", _words(sources))])
        if result.exception is not None:
            _finish(result, "source freshness")

    @property
    def target_name(self) -> str:
        """The target that was asked for; empty: the profile's own."""
        return self.target or os.environ.get("DBT_TARGET") or ""

    def manifest_path(self) -> Path:
        """Where dbt writes the manifest: `target-path` and DBT_TARGET_PATH are honoured."""
        return self.target_path() / "manifest.json"

    def is_stale(self) -> bool:
        """Whether the manifest is missing, older than a file of the project, or made for another target."""
        manifest = self.manifest_path()
        if not manifest.is_file() or self._made_for() != self._key():
            return True
        written = manifest.stat().st_mtime
        return any(path.stat().st_mtime > written for path in self._files())

    def _settled(self, ledger: Ledger, seed: bool | str, full: bool, manifest: Any) -> list[str]:
        """Names of the seeds that need no loading."""
        unchanged = ledger.unchanged() if seed == "if_changed" and not full else []
        if not unchanged:
            return []
        tables = " union all ".join(f"select 1 from {{{{ ref('{name}') }}}} where false" for name in unchanged)
        there = self._invoke(["show", "--inline", tables], None, manifest).success
        return unchanged if there else []

    def _invoke(self, args: list[str], on_event: OnEvent | None = None, manifest: Any = None) -> Any:
        from dbt.cli.main import dbtRunner

        project = self.project_dir.absolute()
        flags = [f"--project-dir={project}", *_QUIET]
        if given := self.profiles_dir or os.environ.get("DBT_PROFILES_DIR"):
            flags.append(f"--profiles-dir={Path(given).absolute()}")
        if self.target:
            flags.append(f"--target={self.target}")
        if self.variables:
            flags.append(f"--vars={json.dumps(self.variables)}")
        callbacks = [_listen(on_event)] if on_event else []
        with _ONE_AT_A_TIME, _inside(project), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")  # which is not used there
            try:
                result = dbtRunner(manifest, callbacks).invoke([*args, *flags])
            finally:
                release()
        if isinstance(result.exception, KeyboardInterrupt | SystemExit):
            raise result.exception
        if result.exception is None:
            self._remember()
        return result

    def target_path(self) -> Path:
        """The folder of what dbt makes: `target-path` and DBT_TARGET_PATH are honoured."""
        project = profiles.read_project(self.project_dir)
        folder = os.environ.get("DBT_TARGET_PATH") or profiles.render_text(project, "target-path", os.environ, "target")
        return self.project_dir.absolute() / folder

    def _files(self) -> Iterator[Path]:
        """Files and folders that the manifest is made of; a folder's time tells of files that are gone."""
        project = profiles.read_project(self.project_dir).value or {}
        for name in _FILES:
            if (file := self.project_dir / name).is_file():
                yield file
        for key, default in _FOLDERS.items():
            for folder in (self.project_dir / named for named in project.get(key) or default):
                yield from [folder] if folder.is_dir() else []
                yield from (path for path in folder.rglob("*") if "__pycache__" not in path.parts)

    def _remember(self) -> None:
        """dbt's manifest does not say which target it was made for, and names of tables depend on it."""
        (self.target_path() / "tailrace.json").write_text(json.dumps(self._key()))

    def _made_for(self) -> Any:
        """None when dbt was run by hand since, for whatever target."""
        note = self.target_path() / "tailrace.json"
        try:
            return (
                json.loads(note.read_text()) if note.stat().st_mtime >= self.manifest_path().stat().st_mtime else None
            )
        except (OSError, ValueError):
            return None

    def _key(self) -> list[str]:
        folder = self.profiles_dir or os.environ.get("DBT_PROFILES_DIR")
        return [self.target_name, str(Path(folder).absolute()) if folder else ""]


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How one model, seed, snapshot or test ended."""

    name: str
    status: str
    """dbt's word: success, pass, warn, skipped, error, fail, no-op."""
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished build."""

    nodes: tuple[NodeResult, ...]
    seconds: float


def release() -> None:
    """Close dbt-duckdb's handle, which it keeps for the life of the process, so that others can open the file.

    dbt-duckdb's own `close_all_connections` only forgets it (1.11.1), so the file would stay locked for as long as
    anything, such as an exception, still refers to it.
    """
    if connections := sys.modules.get("dbt.adapters.duckdb.connections"):
        manager = connections.DuckDBConnectionManager
        with manager._LOCK:
            if manager._ENV is not None:
                manager._ENV.close()
            manager.close_all_connections()


def _finish(result: Any, verb: str) -> Any:
    """The result of a good invocation. Raises BuildFailed or WarehouseLocked for any other."""
    if result.success:
        return result
    failed = [node for node in _nodes(result) if node.status in _BAD]
    lines = [f"  {node.name}: {shorten(node.message)}" for node in failed]
    if result.exception is not None:
        lines.append("  " + shorten(str(result.exception)))
        if "'Undefined'" in lines[-1]:
            lines.append("  a {{ … }} in a .yml names what dbt does not know; write the value itself")
    text = "\n".join(lines)
    if lock := re.search(r'Could not set lock on file "([^"]*)".*?(\(PID \d+\))', text, re.DOTALL):
        raise WarehouseLocked(f"{lock[1]} is held by another process {lock[2]}; wait until it ends, or end it")
    skipped = sum(node.status == "skipped" for node in _nodes(result))
    more = f" ({skipped} skipped)" if skipped else ""
    raise BuildFailed(f"dbt {verb} failed{more}:\n{text}", tuple(node.name for node in failed))


def _nodes(result: Any) -> Iterator[NodeResult]:
    for run in getattr(result.result, "results", None) or ():
        yield NodeResult(run.node.name, str(run.status), float(run.execution_time), run.message or "")


def shorten(message: str, most: int = 8) -> str:
    """dbt's message without macro traces; values that a database quotes may be a person's, so they are left out."""
    lines = [line.strip() for line in message.splitlines() if not _NOISE.match(line)]
    quotes = _QUOTING.search(message) is not None
    return "\n    ".join(_QUOTED.sub("…", line) if quotes else line for line in lines[:most])


def _listen(on_event: OnEvent) -> Callable[[Any], None]:
    def hear(event: Any) -> None:
        if event.info.name == "NodeStart":
            on_event(event.data.node_info.node_name, "started", 0.0)
        elif event.info.name == "NodeFinished":
            node, result = event.data.node_info, event.data.run_result
            on_event(node.node_name, node.node_status, float(result.execution_time))

    return hear


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In the project's folder; what dbt makes there, the warehouse above all, is its owner's only."""
    before, mask = Path.cwd(), os.umask(0o077)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.umask(mask)


def _with_upstream(select: Iterable[str]) -> list[str]:
    """`+name` for each name; what has graph operators or is an intersection means what it says."""
    return [word if re.match(r"\d*\+|@", word) or "," in word else f"+{word}" for word in _words(select)]


def _words(values: Iterable[str]) -> list[str]:
    return [word for value in values for word in value.split()]


def _listed(flag: str, words: list[str]) -> list[str]:
    return [flag, *words] if words else []
