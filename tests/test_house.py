"""The house keeps itself: floors import downwards only, modules say why, and nothing grows without being seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import destinations

ROOT = Path(__file__).parent.parent
FLOORS = {
    "destinations": 0, "errors": 0,
    **dict.fromkeys(("marks", "notation", "places", "audiences", "blocks", "nodes", "checks", "manifest", "connections",
                     "graph", "profiles", "seeding", "written", "messages", "consulted", "paid", "warehouse",
                     "state"), 1),
    "planning": 2, "delivery": 3,
    **dict.fromkeys(("dbt", "gate", "sync", "run", "project", "work", "proof", "shards"), 4),
}
"""Room → floor; every other module of `pipelines` is on floor 5."""
NEVER = {
    "destinations": {"requests", "duckdb", "dbt", "dagster", "pipelines", "http.client", "urllib.request"},
    "pipelines.state": {"requests", "dagster", "destinations"},
    "pipelines.warehouse": {"requests", "dagster", "destinations"},
    "pipelines.planning": {"requests", "dagster", "duckdb"},
    "pipelines.audiences": {"dagster", "dbt"},
    "pipelines.manifest": {"dagster", "dbt"},
    "pipelines.sync": {"requests", "dagster", "duckdb"},
    "pipelines.delivery": {"dagster", "duckdb"},
}
"""Package → what must not be imported anywhere in it."""
LINES, FUNCTION = 300, 40


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for package in ("pipelines", "destinations"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, path, ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())


def floor(module: str) -> int:
    head, _, rest = module.partition(".")
    return FLOORS.get(head if head == "destinations" else rest.split(".")[0], 5)


def imports(tree: ast.Module) -> Iterator[str]:
    """Modules imported when this one is loaded or run; what only type checkers see does not count."""
    typing_only = {id(node) for branch in ast.walk(tree) if isinstance(branch, ast.If)
                   and "TYPE_CHECKING" in ast.unparse(branch.test) for node in ast.walk(branch)}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize(("name", "tree"), [(name, tree) for name, _, tree in MODULES])
def test_a_floor_imports_only_from_itself_and_below(name: str, tree: ast.Module) -> None:
    upward = [other for other in imports(tree) if other.startswith(("pipelines.", "destinations."))
              and floor(other) > floor(name)]
    assert upward == []


@pytest.mark.parametrize(("name", "tree"), [(name, tree) for name, _, tree in MODULES])
def test_a_room_imports_nothing_that_it_must_not_know(name: str, tree: ast.Module) -> None:
    forbidden = {word for package, words in NEVER.items() if inside(name, package) for word in words}
    sandbox = inside(name, "destinations.sandbox")
    found = [other for other in imports(tree) for word in forbidden if inside(other, word) and not sandbox]
    assert found == []


def test_a_destination_never_imports_another() -> None:
    """What is `klaviyo_…` is a part of `klaviyo`."""
    shared = {"protocol", "capabilities", "addresses", "identifiers", "answers", "discretion", "http", "testing",
              "laws", "sandbox", "tables", "templates", "matching", "places", "times", "login", "api"}
    vendors = destinations.names()

    def owner(stem: str) -> str:
        return next((name for name in vendors if f"{stem}_".startswith(f"{name}_")), stem)

    channels = {path.stem for _, path, _ in MODULES if path.parent == ROOT / "destinations"} - shared - {"__init__"}
    own = [(name, path.stem, tree) for name, path, tree in MODULES
           if path.stem in channels and path.parent.name == "destinations"]
    crossing = [(name, other) for name, stem, tree in own for other in imports(tree)
                if other.startswith("destinations.") and (to := other.split(".")[1]) in channels
                and owner(to) != owner(stem)]
    assert crossing == []


@pytest.mark.parametrize(("name", "tree"), [(name, tree) for name, _, tree in MODULES])
def test_every_module_says_why_it_exists(name: str, tree: ast.Module) -> None:
    assert ast.get_docstring(tree)


def test_no_file_and_no_function_grows_beyond_what_can_be_read_in_one_go() -> None:
    long_files = [path.name for _, path, _ in MODULES if len(path.read_text("utf-8").splitlines()) > LINES]
    long_functions = [f"{name}.{node.name}" for name, _, tree in MODULES for node in ast.walk(tree)
                      if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > FUNCTION]
    assert (long_files, long_functions) == ([], [])
