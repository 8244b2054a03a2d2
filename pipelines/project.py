"""A project, opened: declarations, connections, warehouse and state folder in one value.

All that the two doors (Dagster and the command) hold. They differ in what they do with the steps of a walk, not in how
a walk comes about: both write the same ledger through this.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipelines import connections, gate, manifest, profiles
from pipelines.audiences import Audience
from pipelines.dbt import Built, Dbt, OnEvent
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import LocalPace, Pace, SharedPace
from pipelines.delivery.ports import SystemClock, Transport
from pipelines.errors import Complaint, ConnectionFault, DeclarationError, StateError
from pipelines.planning.plan import Plan
from pipelines.run import Ports
from pipelines.state import retention, tombstones
from pipelines.sync import Step, Task, preview, walk
from pipelines.warehouse import engines
from pipelines.warehouse.protocol import Opener

LOCK_PATIENCE = 300.0
"""Seconds to wait for another run of the same audience on this machine."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags of the command say; dbt's own flags mean what they mean to dbt."""

    project_dir: Path = Path()
    profiles_dir: Path | None = None
    target: str | None = None
    connections: Path | None = None
    """connections.yml; the one in the project folder when None."""
    state_dir: Path | None = None
    """Journals, locks and what else stays on this machine; when None, `.tailrace` in the project folder, and
    `.tailrace-NAME` for a target that is not the profile's own: each warehouse has journals of its own."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """dbt's `--vars`."""
    as_of: str | None = None
    """ISO 8601; sets the var `as_of`."""


class Project:
    """One dbt project with its connections and its warehouse."""

    def __init__(self, options: Options, environ: Mapping[str, str] | None = None) -> None:
        self.dir = _find(options.project_dir)
        self.options = options
        self.environ = os.environ if environ is None else environ
        self.variables = {**options.variables, **({"as_of": options.as_of} if options.as_of else {})}
        self.dbt = Dbt(self.dir, options.profiles_dir, options.target, self.variables or None)
        self.connections = connections.load(options.connections or self.dir / "connections.yml", self.environ)

    @cached_property
    def declarations(self) -> manifest.Declarations:
        """What the project declares; dbt parses it first when the manifest is missing or old."""
        if self.dbt.is_stale():
            self.dbt.parse()
        return manifest.read(self.dbt.manifest_path(), self.connections, self.dir)

    @cached_property
    def as_of(self) -> datetime:
        """The moment the audiences speak of (UTC): the var `as_of`, and the present where the project has none."""
        written = self.variables.get("as_of") or profiles.variable(self.dir, "as_of")
        return _moment(str(written)) if written else datetime.now(UTC).replace(microsecond=0)

    @property
    def terms(self) -> retention.Terms:
        """How long what is recorded is kept."""
        return retention.terms_of(lambda name: self.variables.get(name, profiles.variable(self.dir, name)))

    @cached_property
    def pace(self) -> Pace:
        """Rate limits, shared by all processes of this state folder."""
        return SharedPace(self.place("pace.db"))

    @cached_property
    def target(self) -> profiles.WarehouseTarget:
        """The warehouse that dbt's own profile means."""
        return profiles.read(self.dir, self.options.profiles_dir, self.options.target, self.environ, self.variables)

    @cached_property
    def state_dir(self) -> Path:
        """Journals, locks and what else stays on this machine."""
        own = ".tailrace" if self.options.state_dir or self.target.is_default else f".tailrace-{self.target.name}"
        return self.options.state_dir or self.dir / own

    @cached_property
    def warehouse(self) -> Opener:
        """Opens the warehouse of dbt's own profile."""
        return engines.opener_of(self.target, self.state_dir / "spark", self.environ)

    @property
    def reach(self) -> Literal["here", "anywhere"]:
        """Where shards of a plan may be delivered: a warehouse that is a file has one machine."""
        return "here" if hasattr(self.warehouse, "path") else "anywhere"

    def audiences(self, select: Sequence[str] = (), to: str | None = None) -> list[Audience]:
        """The audiences that are selected and go to the connection `to` (any, when None)."""
        names = self._names(select) if select else None
        chosen = [audience for audience in self.declarations.audiences if names is None or audience.name in names]
        if to is not None:
            if to not in self.connections:
                self.connections.open(to)
            chosen = [audience for audience in chosen if any(sync.to == to for sync in audience.syncs)]
        return chosen

    def _names(self, select: Sequence[str]) -> set[str]:
        """Names of models that dbt's selectors mean; plain names and globs are answered without asking dbt."""
        known = [audience.name for audience in self.declarations.audiences]
        names: set[str] = set()
        for word in (word for part in select for word in part.split()):
            if word.replace("*", "").replace("?", "").replace("_", "").isalnum():
                found = {name for name in known if fnmatchcase(name, word)}
                if not found and not self._declared_badly(word):
                    self.declarations.find(word)
                names |= found
            else:
                names |= set(self.dbt.ls([word]))
        return names

    def _declared_badly(self, name: str) -> bool:
        """Whether it is an audience that has complaints: they are shown, and are a better answer than «none»."""
        return any(f"models.{name}." in f"{complaint.path}." for complaint in self.declarations.complaints)

    def build(self, select: Sequence[str] = (), *, full: bool = False, on_event: OnEvent | None = None) -> Built:
        """dbt builds what is selected, the suppressions of selected audiences, and all upstream of both.

        Unit tests prove the SQL, not the data: they run in CI and by `dbt test`, not in front of each sync. Sources
        that declare how fresh they must be are asked first. What came of each node is remembered for the gate, whether
        the build failed or not.
        """
        known = {audience.name: audience for audience in self.declarations.audiences}
        words = [word for part in select for word in part.split()]
        chosen = [known[word] for word in words if word in known] if words else list(known.values())
        models = dict.fromkeys([*words, *self.declarations.models(chosen)])
        self.builds.take_in(self.dbt.target_path())
        try:
            if sources := gate.dated(self.declarations.graph, self.declarations.ids(chosen)):
                self.dbt.freshness(sources)
                self.builds.take_in(self.dbt.target_path())
            return self.dbt.build(models, exclude=["resource_type:unit_test"], full=full, seed="if_changed",
                                  state_dir=self.state_dir, on_event=on_event)
        finally:
            self.builds.take_in(self.dbt.target_path())
            self.__dict__.pop("_verdicts", None)

    @cached_property
    def builds(self) -> gate.Builds:
        """What came of the last builds, node by node."""
        return gate.Builds(self.state_dir / "builds.json", self.dbt.target_name)

    @cached_property
    def _verdicts(self) -> dict[str, gate.Verdict]:
        self.builds.take_in(self.dbt.target_path())
        return self.builds.known()

    def gated(self, audience: Audience) -> gate.Gate:
        """Whether what the audience and its suppressions are built from was good when it was last built."""
        return gate.judge(self.declarations.graph, audience, self.declarations.sparing(audience), self._verdicts)

    def tasks(self, audience: Audience, to: str | None = None) -> tuple[list[Task], list[ConnectionFault]]:
        """The audience's syncs with their destinations, and what is wrong with connections that cannot be opened."""
        tasks, faults = [], []
        for sync in audience.syncs:
            if to in (None, sync.to):
                try:
                    destination = self.connections.open(sync.to).destination
                    for event in audience.events(sync):
                        destination = destination.for_event(event)
                    own = self.declarations.sparing_in(audience, sync)
                    tasks.append(Task(audience.sync_id(sync), sync, destination, own))
                except ConnectionFault as fault:
                    faults.append(fault)
        return tasks, faults

    def preview(self, audience: Audience, tasks: Sequence[Task]) -> list[Plan]:
        """What `walk` would do. Sends nothing and changes no state."""
        upstream = self.gated(audience)
        return preview(audience, tasks, self.declarations.sparing(audience), self._ports("plan", LocalPace()),
                       self.as_of, gate=upstream.reason, notes=upstream.notes)

    def walk(
        self, audience: Audience, tasks: Sequence[Task], run_id: str, transport: Callable[[], Transport] | None = None,
        *, resync: bool = False, spread: Literal["", "here", "anywhere"] = "",
    ) -> Iterator[Step]:
        """Snapshot, plan, deliver and record; one run of an audience at a time on this machine.

        `resync`: tell the channels the whole desired state again. `spread`: leave what is large to shards.
        """
        with self._locked(audience.name):
            upstream = self.gated(audience)
            yield from walk(audience, tasks, self.declarations.sparing(audience),
                            self._ports(run_id, self.pace, transport, alone=True), self.as_of, resync=resync,
                            gate=upstream.reason, notes=upstream.notes, spread=spread)

    @contextmanager
    def alone(self, name: str, run_id: str) -> Iterator[Ports]:
        """Ports for a run of an audience's syncs, or of one shard, that no other of this machine disturbs."""
        with self._locked(name):
            yield self._ports(run_id, self.pace, alone=True)

    @property
    def key_file(self) -> Path:
        """The secret that tells who was forgotten; whoever runs this project elsewhere needs it there."""
        return self.state_dir / "forget.key"

    def rewrite_warehouse(self) -> None:
        """Write the warehouse's file anew, without what was deleted from it."""
        from pipelines.warehouse.rewrite import rewrite

        rewrite(self.warehouse)

    def compact_journal(self, sync_id: str) -> None:
        """Leave no byte in a sync's journals of what was deleted from them."""
        for path in (self.state_dir / "journals").glob(f"{sync_id}*.db"):
            if path.stem.partition("@")[0] == sync_id:
                with closing(Journal(path)) as journal:
                    journal.compact()

    def _ports(
        self, run_id: str, pace: Pace, transport: Callable[[], Transport] | None = None, *, alone: bool = False
    ) -> Ports:
        return Ports(self.warehouse, SystemClock(), pace, transport or _http, self._journal, self._known_journal,
                     run_id, alone, lambda: tombstones.read_key(self.key_file), self._room, self.declarations.aliases,
                     self.terms)

    def _room(self) -> int:
        """Bytes free on the disk of the state folder, and on that of a warehouse that is a file."""
        folders = {self.place(), getattr(self.warehouse, "path", self.dir).absolute().parent}
        return min(shutil.disk_usage(folder).free for folder in folders)

    def place(self, *names: str) -> Path:
        """A path in the state folder, which only its owner reads."""
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.state_dir.joinpath(*names)

    def _journal(self, sync_id: str) -> Journal:
        return Journal(self.place("journals", f"{sync_id}.db"))

    def _known_journal(self, sync_id: str) -> Journal | None:
        path = self.state_dir / "journals" / f"{sync_id}.db"
        return Journal(path) if path.exists() else None

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        path = self.place("locks", f"{name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("w") as file:
            deadline = time.monotonic() + LOCK_PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StateError(f"audience {name}: another run has been at it for {LOCK_PATIENCE:g} s; wait "
                                         "until it ends, or end it") from None
                    time.sleep(0.2)
            yield


def _http() -> Transport:
    from pipelines.delivery.http import HttpTransport

    return HttpTransport()


def _find(given: Path) -> Path:
    """The folder of dbt_project.yml: the one given, or the folder `dbt_project` inside it."""
    folder = given.absolute()
    inside = folder / "dbt_project"
    return inside if not (folder / "dbt_project.yml").exists() and (inside / "dbt_project.yml").exists() else folder


def _moment(written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written.strip().replace("Z", "+00:00"))
    except ValueError:
        raise DeclarationError([Complaint("--as-of", 0, "", f"{written!r} is no time; write ISO 8601, such "
                                                      "as 2026-10-21 or 2026-10-21T06:00:00Z")]) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
