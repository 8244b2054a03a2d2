"""connections.yml: configured accounts of destinations.

Secrets stand there as `${NAME}` only (`${NAME:-default}` where a default is good enough), so the file can be committed.
A connection is resolved when it is opened: a variable that is unset concerns only the syncs that need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from destinations.protocol import Destination, Refused, Settings
from pipelines import marks
from pipelines.errors import Complaint, ConnectionFault, did_you_mean

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?P<value>[^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(
    r"(?<![A-Za-z0-9])([sr]k_(live|test)_\w{6}|pk_[0-9a-f]{30}|sk-[\w-]{20}|AKIA[0-9A-Z]{12}|AIza[\w-]{30}|ya29\.[\w-]{10}"
    r"|xox[abeprs]-\w{4}|gh[opsu]_\w{20}|github_pat_\w{20}|glpat-[\w-]{15}|whsec_[\w+/=]{12}|SG\.[\w-]{12}"
    r"|EAA[A-Za-z0-9]{20}|pat-(na|eu)\d-[0-9a-f-]{12}|eyJ[\w-]{8,}\.[\w-]{8,}\.)"
    r"|-----BEGIN |hooks\.slack\.com/services/\w+/\w+/\w{8}|://[^/\s:@]*:[^/\s@]+@|\b(Bearer|Basic) [\w+/=.-]{12}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{40,}(?![A-Za-z0-9])")
"""Prefixes of vendors' keys, passwords in addresses, and long words of letters and digits."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured account of a destination, ready to be used."""

    name: str
    kind: str
    """Name of the destination, such as `meta_ads`."""
    destination: Destination = field(repr=False)
    """Its settings hold secrets, so it is kept out of every repr."""

    @property
    def target(self) -> str | None:
        """The remote list, segment or audience that the settings name, if any."""
        named = self.destination.capabilities.target
        return str(getattr(self.destination.settings, named, "") or "") or None if named else None


class Connections:
    """All connections of a file, each resolved when it is asked for."""

    def __init__(self, document: marks.Marked, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._prefix, self._entries = _entries(document)
        self._opened: dict[str, Connection] = {}

    @property
    def file(self) -> str:
        """The file, as complaints name it."""
        return self._document.file

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def open(self, name: str) -> Connection:
        """The connection; ConnectionFault says all that is wrong with it, or which name would be right."""
        if name not in self._opened:
            if name not in self._entries:
                raise ConnectionFault(self._no_such(name))
            connection, complaints = self._resolve(name)
            if connection is None:
                raise ConnectionFault("\n".join(map(str, complaints)))
            self._opened[name] = connection
        return self._opened[name]

    def kind(self, name: str) -> type[Destination] | None:
        """The destination's class, known even when a variable is unset; None when there is no such destination."""
        if name in self._opened:
            return type(self._opened[name].destination)
        return self._find(name)[0] if name in self._entries else None

    def identifiers(self) -> set[str]:
        """Every identifier kind that some connection accepts."""
        kinds = [kind for name in self if (kind := self.kind(name))]
        return {identifier for kind in kinds for identifier in kind.capabilities.identifiers}

    def check(self) -> list[Complaint]:
        """All that is wrong with the file and with every connection in it."""
        found = list(self._document.complaints)
        if not found and not self._entries:
            example = "webhook: {destination: webhook, url: https://example.com/hook, secret: ${WEBHOOK_SECRET}}"
            found.append(self._document.complain((), f"declares no connection; write one such as {example}"))
        for name in self._entries:
            found += self._resolve(name)[1]
        return list(dict.fromkeys(found))

    def _resolve(self, name: str) -> tuple[Connection | None, list[Complaint]]:
        path = (*self._prefix, name)
        kind, complaints = self._find(name)
        settings: Settings | None = None
        if kind is not None:
            written = {key: value for key, value in self._entries[name].items() if key != "destination"}
            settings, complaints = _Resolving(self._document, path, kind, self._environ).read(written)
        complaints += [flaw for flaw in self._document.complaints if flaw.path.startswith(marks.spell(path) + ".")]
        if kind is None or settings is None or complaints:
            return None, complaints
        try:
            return Connection(name, self._entries[name]["destination"], kind(settings)), []
        except (Refused, ValueError) as refused:
            return None, [self._document.complain(path, str(refused))]

    def _find(self, name: str) -> tuple[type[Destination] | None, list[Complaint]]:
        """The class of the connection's destination, or what is wrong with its name."""
        path, entry = (*self._prefix, name), self._entries[name]
        if not _NAME.fullmatch(name):
            problem = "a connection's name is part of table and asset names; write letters, digits and _ only"
            return None, [self._document.complain(path, problem)]
        if not isinstance(entry, dict) or "destination" not in entry:
            problem = "names no destination; write destination: and the kind of channel, such as webhook"
            near = did_you_mean("destination", entry) if isinstance(entry, dict) else ""
            return None, [self._document.complain(path, problem + near)]
        wanted = entry["destination"]
        import destinations  # late, so that the floors above can be imported without any channel

        try:
            return destinations.load(str(wanted)), []
        except (LookupError, ImportError, ValueError) as error:
            return None, [self._document.complain((*path, "destination"), _plain(error))]

    def _no_such(self, name: str) -> str:
        if self._document.complaints and not self._entries:
            return "\n".join(map(str, self._document.complaints))
        known = ", ".join(sorted(self._entries)) or "none"
        near = did_you_mean(name, self._entries)
        return f"{self.file}: there is no connection {name}{near}; declared are: {known}"


def load(path: Path, environ: Mapping[str, str], name: str | None = None) -> Connections:
    """Read connections.yml; a file that is missing or unreadable is reported by `check` and `open`."""
    return Connections(marks.load(path, name), environ)


def _entries(document: marks.Marked) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Name → entry, from the top level or from under `connections:`."""
    value = document.value if isinstance(document.value, dict) else {}
    nested = value.get("connections")
    if isinstance(nested, dict) and "destination" not in nested:
        return ("connections",), nested
    return (), value


class _Resolving:
    """One connection's settings: variables filled in, then checked by the destination's own settings type."""

    def __init__(
        self, document: marks.Marked, path: tuple[marks.Step, ...], kind: type[Destination], environ: Mapping[str, str]
    ) -> None:
        self.document, self.path, self.kind, self.environ = document, path, kind, environ
        self.fields = kind.settings_type.model_fields
        self.complaints: list[Complaint] = []

    def read(self, written: Mapping[str, Any]) -> tuple[Settings | None, list[Complaint]]:
        for key, value in written.items():
            if key in self.fields and _secret(self.fields[key].annotation) and not _from_environment(value):
                self.complain((key,), "is a secret; write ${NAME} and put the value into the environment")
            else:
                self.look_for_keys(value, (key,))
        filled = {key: self.fill(value, (key,)) for key, value in written.items()}
        try:
            settings = self.kind.settings_type.model_validate(filled)
        except ValidationError as error:
            self.explain(error, set(written))
        return (None, self.complaints) if self.complaints else (settings, [])

    def look_for_keys(self, value: Any, path: tuple[marks.Step, ...]) -> None:
        """Complain of a text that looks like a secret, wherever it stands."""
        if isinstance(value, dict | list):
            for step, part in value.items() if isinstance(value, dict) else enumerate(value):
                self.look_for_keys(part, (*path, step))
        elif isinstance(value, str) and _KEY.search(_VARIABLE.sub(lambda match: match["value"] or "", value)):
            self.complain(path, "holds what looks like a key; write ${NAME} and put the value into the environment")

    def fill(self, value: Any, path: tuple[marks.Step, ...]) -> Any:
        """The value with every `${NAME}` in it replaced; `$${` stands for `${` itself."""
        if isinstance(value, dict):
            return {key: self.fill(part, (*path, key)) for key, part in value.items()}
        if isinstance(value, list):
            return [self.fill(part, (*path, index)) for index, part in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        return "${".join(self.replace(part, path) for part in value.split("$${"))

    def replace(self, text: str, path: tuple[marks.Step, ...]) -> str:
        def fetch(match: re.Match[str]) -> str:
            if found := self.environ.get(match["name"]):
                return found
            if match["default"] is None:
                owner = f"connection {self.path[-1]} needs the environment variable {match['name']}"
                self.complain(path, f"{owner}, which is not set; export {match['name']}=…")
            return match["value"] or ""

        filled = _VARIABLE.sub(fetch, text)
        if "${" in _VARIABLE.sub("", text):
            self.complain(path, "${ starts no variable; write ${NAME} or ${NAME:-default}, or $${ for the characters")
        return filled

    def explain(self, error: ValidationError, written: set[str]) -> None:
        """Complaints about settings; what is unset already has its own, and no value is repeated."""
        spoken = {complaint.path for complaint in self.complaints}
        for problem in error.errors(include_input=False, include_url=False):
            at: tuple[marks.Step, ...] = problem["loc"]
            if marks.spell((*self.path, *at)) not in spoken:
                self.complain(at, self.describe(problem["type"], problem["msg"], at, written))

    def describe(self, kind: str, message: str, at: tuple[marks.Step, ...], written: set[str]) -> str:
        name = str(at[-1]) if at else ""
        if kind == "extra_forbidden":
            free = [known for known in (*self.fields, "destination") if known not in written]
            near = did_you_mean(name, free) or f"; known are: {', '.join(sorted(self.fields))}"
            return f"unknown setting of {self.kind.__module__.rpartition('.')[2]}{near}"
        if kind == "missing":
            help_text = self.fields[name].description if name in self.fields else None
            return f"the setting {name} is missing" + (f": {help_text}" if help_text else "")
        if at and at[0] in self.fields and _secret(self.fields[str(at[0])].annotation):
            return "is not a usable secret"
        return "must be text; put it in quotes" if kind == "string_type" else message.removeprefix("Value error, ")

    def complain(self, at: tuple[marks.Step, ...], message: str) -> None:
        self.complaints.append(self.document.complain((*self.path, *at), message))


def _secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_secret(part) for part in get_args(annotation))


def _from_environment(value: Any) -> bool:
    """Whether a secret stands elsewhere: every variable in it is one without a default of its own."""
    if not isinstance(value, str | int | float) or value == "":
        return True
    found = list(_VARIABLE.finditer(str(value)))
    return bool(found) and not any(match["value"] for match in found)


def _plain(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
