"""Destinations: one module a channel, pure protocol, no I/O.

A destination knows no warehouse, no dbt, no Dagster and no HTTP library: it turns members into requests and answers
into outcomes. The name of a destination is the name of its module here; one that lives elsewhere is named by its import
path, `my_package.my_module:MyDestination`. Nothing is registered and nothing is discovered among installed packages.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType

from destinations.protocol import Destination

__all__ = ["load", "names"]


def load(name: str) -> type[Destination]:
    """The class of the destination called `name`. Raises LookupError with what would be right."""
    return _elsewhere(name) if ":" in name else _here(name)


def names() -> list[str]:
    """All destinations of this package."""
    return [name for name in _modules() if _defined_in(importlib.import_module(f"{__name__}.{name}"))]


@cache
def _here(name: str) -> type[Destination]:
    """The one class that a module of this package defines; looked for once, as every connection asks."""
    module = importlib.import_module(f"{__name__}.{name}") if name in _modules() else None
    found = _defined_in(module) if module else []
    if len(found) != 1:
        near = difflib.get_close_matches(name, known := names(), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        more = "one outside the package is named by its import path, such as my_package.my_module:MyDestination"
        raise LookupError(f"there is no destination {name}{hint}; known are: {', '.join(known)}; {more}")
    return found[0]


def _elsewhere(path: str) -> type[Destination]:
    """The class at `package.module:Class`."""
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except (ImportError, ValueError, TypeError) as error:
        raise LookupError(f"destination {path}: cannot import {module_name or 'nothing'}: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, Destination) and not inspect.isabstract(found)):
        what = f"has no class {class_name}" if found is None else f"has {class_name}, which is no complete Destination"
        raise LookupError(f"destination {path}: {module_name} {what}; write package.module:Class")
    return found


@cache
def _modules() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg))


def _defined_in(module: ModuleType) -> list[type[Destination]]:
    """The complete destinations that a module itself defines."""
    classes = [value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Destination)]
    return [kind for kind in classes if kind.__module__ == module.__name__ and not inspect.isabstract(kind)]
