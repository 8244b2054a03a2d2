"""Which warehouse a dbt project means, read from its profile without importing dbt (which costs four seconds).

Searched as dbt does: `--profiles-dir`, DBT_PROFILES_DIR, the project's folder, `~/.dbt`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipelines import marks
from pipelines.errors import Complaint, DeclarationError, did_you_mean

_EXPRESSION = re.compile(r"\s*\{\{(?P<inside>(?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WarehouseTarget:
    """The output of a profile that is in force."""

    type: str
    """dbt's adapter, such as `duckdb`."""
    name: str
    """Name of the target, such as `dev`."""
    settings: Mapping[str, Any] = field(repr=False)
    """As the profile gives them, rendered; a DuckDB `path` is absolute. They may hold a password."""
    profile: str = ""
    profiles_dir: Path = Path()
    is_default: bool = True
    """Whether it is the target that the profile itself names."""

    @property
    def path(self) -> Path | None:
        """The database file, where the warehouse is one."""
        path = self.settings.get("path")
        return Path(path) if self.type == "duckdb" and isinstance(path, str) and _is_file(path) else None


def read(
    project_dir: Path,
    profiles_dir: Path | None,
    target: str | None,
    environ: Mapping[str, str],
    variables: Mapping[str, Any] | None = None,
) -> WarehouseTarget:
    """The warehouse of a dbt project. Raises DeclarationError that names file, line and the nearest right name."""
    project = read_project(project_dir)
    folder = _profiles_folder(project_dir, profiles_dir, environ)
    inside = folder == project_dir.absolute()
    document = _read(folder / "profiles.yml", "profiles.yml" if inside else str(folder / "profiles.yml"))
    render = _Rendering(document, environ, variables or {})
    name = environ.get("DBT_PROFILE") or _Rendering(project, environ, variables or {}).render(("profile",))
    if not isinstance(name, str) or not name:
        _refuse(project, (), "names no profile; write profile: and the name of an entry of profiles.yml")
    profile = _choose(document, (), name, "profile")
    default = render.render((name, "target")) or "default"
    chosen = target or environ.get("DBT_TARGET") or default
    if not isinstance(profile.get("outputs"), dict):
        _refuse(document, (name,), "has no outputs")
    _choose(document, (name, "outputs"), str(chosen), "target")
    settings = render.render((name, "outputs", str(chosen)))
    return WarehouseTarget(str(settings.get("type", "")), str(chosen), _anchor(settings, project_dir), name, folder,
                           chosen == default)


def read_project(project_dir: Path) -> marks.Marked:
    """dbt_project.yml. Raises DeclarationError when there is none or it cannot be read."""
    file = project_dir / "dbt_project.yml"
    if not file.is_file():
        raise DeclarationError([Complaint(str(file), 0, "", "there is no dbt project here; give --project-dir")])
    return _read(file, "dbt_project.yml")


def render_text(project: marks.Marked, key: str, environ: Mapping[str, str], default: str) -> str:
    """One plain setting of dbt_project.yml, such as `target-path`."""
    return str(_Rendering(project, environ, {}).render((key,)) or default)


class _Rendering:
    """Jinja of a YAML document, with what dbt offers there: env_var, var and the as_… filters."""

    def __init__(self, document: marks.Marked, environ: Mapping[str, str], variables: Mapping[str, Any]) -> None:
        self.document, self.environ, self.variables = document, environ, variables
        self.jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        self.jinja.globals = {"env_var": self.env_var, "var": self.var}
        self.jinja.filters |= {"as_text": str, "as_native": _native, "as_number": _native, "as_bool": _native}

    def render(self, path: tuple[marks.Step, ...]) -> Any:
        value: Any = self.document.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return self.deep(value, path)

    def deep(self, value: Any, path: tuple[marks.Step, ...]) -> Any:
        if isinstance(value, dict):
            return {key: self.deep(part, (*path, key)) for key, part in value.items()}
        if isinstance(value, list):
            return [self.deep(part, (*path, index)) for index, part in enumerate(value)]
        return self.text(value, path) if isinstance(value, str) and "{" in value else value

    def text(self, value: str, path: tuple[marks.Step, ...]) -> Any:
        try:
            if single := _EXPRESSION.fullmatch(value):
                found = self.jinja.compile_expression(single["inside"], undefined_to_none=False)()
                return str(found) if isinstance(found, StrictUndefined) else found  # what is undefined has no text
            return self.jinja.from_string(value).render()
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            _refuse(self.document, path, f"cannot be rendered: {error}")

    def env_var(self, name: str, default: str | None = None) -> str:
        found = self.environ.get(name, default)
        if found is None:
            raise ValueError(f"it needs the environment variable {name}, which is not set; export {name}=…")
        return found

    def var(self, name: str, default: Any = None) -> Any:
        if name not in self.variables and default is None:
            raise ValueError(f"it needs the variable {name}; give it with --vars")
        return self.variables.get(name, default)


def _profiles_folder(project_dir: Path, profiles_dir: Path | None, environ: Mapping[str, str]) -> Path:
    if given := profiles_dir or environ.get("DBT_PROFILES_DIR"):
        return Path(given).expanduser().absolute()
    if (project_dir / "profiles.yml").is_file():
        return project_dir.absolute()
    home = Path(environ.get("HOME") or Path.home()) / ".dbt"
    if (home / "profiles.yml").is_file():
        return home
    searched = "give --profiles-dir, set DBT_PROFILES_DIR, or write one beside dbt_project.yml or in ~/.dbt"
    raise DeclarationError([Complaint("profiles.yml", 0, "", f"there is none; {searched}")])


def _choose(document: marks.Marked, path: tuple[marks.Step, ...], name: str, noun: str) -> dict[str, Any]:
    """The entry of a mapping, or a refusal that says which names there are."""
    known: Any = document.value
    for step in path:
        known = known[step]
    listed = known.items() if isinstance(known, dict) else ()
    entries = {key: value for key, value in listed if isinstance(value, dict) and (path or key != "config")}
    if name not in entries:
        declared = ", ".join(sorted(entries)) or "none"
        _refuse(document, path, f"there is no {noun} {name}{did_you_mean(name, entries)}; declared are: {declared}")
    return entries[name]


def _read(file: Path, name: str) -> marks.Marked:
    document = marks.load(file, name)
    if document.complaints:
        raise DeclarationError(document.complaints)
    return document


def _refuse(document: marks.Marked, path: tuple[marks.Step, ...], message: str) -> NoReturn:
    raise DeclarationError([document.complain(path, message)])


def _anchor(settings: dict[str, Any], project_dir: Path) -> dict[str, Any]:
    """dbt runs in the project's folder, so that is what a relative path of a database file is relative to."""
    path = settings.get("path")
    if settings.get("type") == "duckdb" and isinstance(path, str) and _is_file(path):
        return {**settings, "path": str((project_dir.absolute() / Path(path).expanduser()).resolve())}
    return settings


def _is_file(path: str) -> bool:
    return path != ":memory:" and not re.match(r"[a-z]{2,}:", path)


def _native(value: Any) -> Any:
    """`5432` from "5432" and true from "True"; what is neither stays as it is."""
    text = str(value).strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text) if re.fullmatch(r"-?\d+\.\d+", text) else value


def variable(project_dir: Path, name: str) -> Any:
    """A var's value in dbt_project.yml, for all packages or for the project itself."""
    document = read_project(project_dir).value or {}
    variables = document.get("vars") or {}
    own = variables.get(document.get("name")) or {}
    return own.get(name, variables.get(name)) if isinstance(own, dict) else variables.get(name)
