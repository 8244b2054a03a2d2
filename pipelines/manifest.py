"""The manifest of any dbt project → its audiences and suppressions, and every complaint about their declarations.

An audience is a model (or snapshot, or seed) with `config.meta.audience`; its columns carry `config.meta.identifier`.
dbt says nothing about misspelt keys there, so this is the strict reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import blocks, checks, consulted, graph, nodes, paid
from pipelines.audiences import SPARED_REMOVAL, AliasModel, Audience, Block, Guards, SuppressionModel, Sync
from pipelines.connections import Connections
from pipelines.errors import Complaint, DeclarationError, did_you_mean
from pipelines.graph import Graph
from pipelines.marks import Step
from pipelines.nodes import KINDS, Node
from pipelines.places import Atlas, Place

ALWAYS = "do_not_contact"
"""The suppression that applies to every audience of a project that has it."""
CONTROL = "global_holdout"
"""The persons whom no marketing reaches, of a project that has such a model: what all of it is worth they tell."""
_BUILT = ("model", "snapshot", "seed")


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that a project declares."""

    audiences: tuple[Audience, ...]
    """Those without any complaint, by name."""
    suppressions: tuple[SuppressionModel, ...]
    """`do_not_contact` where there is one, and all that audiences name."""
    complaints: tuple[Complaint, ...] = ()
    public: tuple[tuple[str, str], ...] = ()
    """Schema and name of what others may read: audiences, suppressions, and whatever has `access: public`."""
    graph: Graph = field(default_factory=Graph)
    """What the gate looks at."""
    aliases: AliasModel | None = None
    """The model of merged persons, where there is one."""

    def find(self, name: str) -> Audience:
        """The audience of that name. Raises DeclarationError with the nearest name."""
        names = {audience.name: audience for audience in self.audiences}
        if name not in names:
            known = ", ".join(names) or "none"
            problem = f"there is no audience {name}{did_you_mean(name, names)}; declared are: {known}"
            raise DeclarationError([Complaint(name, 0, "", problem)])
        return names[name]

    def sparing(self, audience: Audience) -> tuple[SuppressionModel, ...]:
        """The suppressions that apply to an audience."""
        named = {ALWAYS, *audience.suppress}
        return tuple(s for s in self.suppressions if s.name in named and s.kind in audience.identifiers)

    def sparing_in(self, audience: Audience, sync: Sync) -> tuple[SuppressionModel, ...]:
        """The suppressions that apply to one of its syncs alone."""
        named = set(sync.suppress or ()) - {s.name for s in self.sparing(audience)}
        return tuple(s for s in self.suppressions if s.name in named and s.kind in audience.identifiers)

    def all_sparing(self, audience: Audience) -> tuple[SuppressionModel, ...]:
        """The suppressions that apply to an audience or to any of its syncs."""
        own = (s for sync in audience.syncs for s in self.sparing_in(audience, sync))
        return tuple(dict.fromkeys((*self.sparing(audience), *own)))

    def ids(self, audiences: Iterable[Audience]) -> list[str]:
        """dbt ids of these audiences, of their suppressions and of what their messages are decided by."""
        return [unique_id for audience in audiences for unique_id in (audience.unique_id, *(
            model.unique_id for model in (*self.all_sparing(audience), *audience.consulted)))]

    def models(self, audiences: Iterable[Audience]) -> tuple[str, ...]:
        """Names to build for these audiences: dbt's graph does not know that an audience needs its suppressions."""
        chosen = list(audiences)
        named = [s.name for audience in chosen for s in (*self.all_sparing(audience), *audience.consulted)]
        merged = [self.aliases.name] if self.aliases and chosen else []
        return tuple(dict.fromkeys([*(audience.name for audience in chosen), *named, *merged]))


def read(manifest_path: Path, connections: Connections | None = None, project_dir: Path | None = None) -> Declarations:
    """Read a manifest. Complaints are in the answer; DeclarationError only when there is no manifest to read.

    With `connections` each sync is also checked against them. `project_dir` is where the .yml files are, by default the
    nearest folder above the manifest that holds a dbt_project.yml.
    """
    manifest = graph.load(manifest_path)
    folder = project_dir or _project_of(manifest_path)
    return _Reading(manifest, Atlas(folder, manifest["metadata"].get("project_name", "")), connections).read()


@dataclass(slots=True)
class _Draft:
    """An audience while it is read."""

    audience: Audience
    parts: blocks.Parts
    place: Place
    at: tuple[Step, ...]
    """Path of the block inside the entry."""
    complaints: list[Complaint] = field(default_factory=list)

    def complain(self, flaws: Iterable[blocks.Flaw]) -> None:
        self.complaints += [self.place.complain((*self.at, *path), message) for path, message in flaws]

    def entries(self) -> Iterator[checks.Entry]:
        return (checks.Entry(self.audience, index, sync) for index, sync in self.parts.syncs)


class _Reading:
    """One pass over a manifest."""

    def __init__(self, manifest: Mapping[str, Any], atlas: Atlas, connections: Connections | None) -> None:
        self.manifest, self.atlas, self.connections = manifest, atlas, connections
        built = [node for node in manifest["nodes"].values() if node["resource_type"] in _BUILT]
        own = manifest["metadata"].get("project_name")
        self.nodes = {node["name"]: node for node in sorted(built, key=lambda node: bool(node["package_name"] == own))}
        self.kinds = (*KINDS, *sorted((connections.identifiers() if connections else set()) - set(KINDS)))
        self.consulted = consulted.find(self.nodes)
        self.complaints = [self.atlas.find(node).complain((), flaw) for node, flaw in self.consulted.flaws]
        self.looked_at: set[str] = set()
        """Suppressions whose guards were read; several audiences may name one."""

    def read(self) -> Declarations:
        drafts = [self.draft(node) for node in self.nodes.values() if "audience" in nodes.meta_of(node)]
        drafts.sort(key=lambda draft: (draft.audience.path, draft.audience.line))
        for node in self.nodes.values():
            self.check_strays(node)
        suppressions, aliases = self.suppressions(drafts), self.aliases()
        self.check_together(drafts)
        written = [complaint for document in self.atlas.documents.values() for complaint in document.complaints]
        for draft in drafts:
            draft.complaints += filter(draft.place.holds, written)
            self.complaints += draft.complaints
        self.complaints += written
        good = sorted((d.audience for d in drafts if not d.complaints), key=lambda audience: audience.name)
        shown = {(audience.schema, audience.identifier) for audience in good}
        shown |= {(node["schema"], node.get("alias") or node["name"]) for node in self.nodes.values()
                  if nodes.is_public(node) or node["name"] in {model.name for model in suppressions}}
        return Declarations(tuple(good), suppressions, tuple(sorted(set(self.complaints))), tuple(sorted(shown)),
                            graph.read(self.manifest), aliases)

    def draft(self, node: Node) -> _Draft:
        place = self.atlas.find(node)
        parts = blocks.read(nodes.meta_of(node)["audience"])
        audience = self.compose(node, place, parts)
        draft = _Draft(audience, parts, place, (*place.meta(), "audience"))
        draft.complain(parts.flaws)
        draft.complain(consulted.goal_flaws(audience, self.nodes))
        draft.complain(checks.check_syncs(audience, parts.syncs, nodes.has_contract(node)))
        draft.complain(checks.check_messages(audience, parts.syncs))
        draft.complaints += [place.complain((), problem) for problem in nodes.node_flaws(node)]
        draft.complaints += self.column_complaints(node, audience, place)
        return draft

    def compose(self, node: Node, place: Place, parts: blocks.Parts) -> Audience:
        _, key = nodes.key_of(node) or ("", "")
        audience = Audience(
            name=node["name"],
            relation=node.get("relation_name") or "",
            key=key,
            identifiers=nodes.identifiers_of(node),
            unique_id=node["unique_id"],
            database=node.get("database"),
            schema=node.get("schema") or "",
            identifier=node.get("alias") or node["name"],
            path=place.document.file,
            line=place.line,
            description=node.get("description") or "",
            owner=nodes.owner_of(node, self.manifest.get("groups") or {}),
            tags=tuple(node.get("tags") or ()),
            columns=nodes.columns_of(node),
            regions=nodes.regions_of(node),
            suppress=self.spared_by(node, parts.block),
            holdout=parts.block.holdout,
            kind=parts.block.kind,
            guards=parts.block.guards,
            holdout_salt=parts.block.holdout_salt or node["name"],
            goal=parts.block.goal,
            messages=parts.block.messages,
            syncs=tuple(paid.complete(parts.block, node["name"], (sync for _, sync in parts.syncs), self.connections,
                                      self.nodes)),
            upstream=nodes.upstream_of(node, self.manifest["nodes"]),
        )
        return consulted.equip(audience, self.consulted, self.nodes)

    def spared_by(self, node: Node, block: Block) -> tuple[str, ...]:
        """What the audience names, and those held out of all marketing where it is marketing."""
        is_held = block.kind == "marketing" and block.global_holdout and CONTROL not in (node["name"], *block.suppress)
        is_known = (control := self.suppression(CONTROL)) and control.kind in nodes.identifiers_of(node)
        return (*block.suppress, CONTROL) if is_held and is_known else block.suppress

    def column_complaints(self, node: Node, audience: Audience, place: Place) -> Iterator[Complaint]:
        taken: dict[str, str] = {}
        for name, column in node["columns"].items():
            for path, message in nodes.identifier_flaws(column, taken, self.kinds):
                yield place.complain((*place.meta("columns", name), *path), message)
            taken.setdefault(str(nodes.meta_of(column).get("identifier")), name)
        for kind, column in audience.regions.items():
            if problem := checks.check_column(audience, column, nodes.has_contract(node)):
                at = place.meta("columns", audience.identifiers[kind])
                yield place.complain((*at, "region"), problem)

    def suppressions(self, drafts: list[_Draft]) -> tuple[SuppressionModel, ...]:
        found: dict[str, SuppressionModel] = {}
        for name, whom in ((ALWAYS, "every audience"), (CONTROL, "all marketing")):
            if model := self.suppression(name):
                found |= {name: model} if name == ALWAYS else {}
            elif name in self.nodes:
                problem = f"applies to {whom}, so mark its key column with meta: {{identifier: person}}"
                self.complaints.append(self.atlas.find(self.nodes[name]).complain((), problem))
        for draft in drafts:
            for at, name in checks.named_suppressions(draft.audience):
                model = self.suppression(name)
                flaw = self.suppress_flaw(draft.audience, name, model)
                if flaw:
                    draft.complain([(at, flaw)])
                elif model:
                    found.setdefault(name, model)
        return tuple(found.values())

    def aliases(self) -> AliasModel | None:
        """The one model with `meta: {aliases: true}`."""
        found = [node for node in self.nodes.values() if nodes.meta_of(node).get("aliases")]
        models = [model for node in found if (model := nodes.aliases_of(node))]
        for node in found if len(models) != len(found) or len(found) > 1 else ():
            self.complaints.append(self.atlas.find(node).complain((), nodes.NO_ALIASES))
        return models[0] if models else None

    def suppression(self, name: str) -> SuppressionModel | None:
        node = self.nodes.get(name)
        key = nodes.key_of(node) if node else None
        if node is None or key is None or not node.get("relation_name"):
            return None
        guards = self.guards_of(name, node)
        removal = SPARED_REMOVAL if guards.removal is None else guards.removal
        salt = str((nodes.meta_of(node).get("audience") or {}).get("holdout_salt") or name) if name == CONTROL else ""
        return SuppressionModel(name, node["relation_name"], key[1], node["unique_id"], key[0], removal=removal,
                                salt=salt)

    def guards_of(self, name: str, node: Node) -> Guards:
        """Limits of a list of persons to spare: those of its audience, or `guards:` under its meta."""
        meta = nodes.meta_of(node)
        if "audience" in meta:
            return blocks.read(meta["audience"]).block.guards
        guards, flaws = blocks.read_guards(meta.get("guards"))
        place = self.atlas.find(node)
        self.complaints += [place.complain((*place.meta(), "guards", *path), message) for path, message in flaws
                            if name not in self.looked_at]
        self.looked_at.add(name)
        return guards

    def suppress_flaw(self, audience: Audience, name: str, model: SuppressionModel | None) -> str | None:
        if name not in self.nodes:
            off = any(node[0]["name"] == name for node in self.manifest.get("disabled", {}).values())
            return (
                f"the model {name} is disabled" if off else f"there is no model {name}{did_you_mean(name, self.nodes)}"
            )
        if name == audience.name:
            return "would spare everyone in it; name another model"
        if name == CONTROL and audience.kind == "transactional":
            return f"what is transactional is owed to everybody, those of {CONTROL} too: leave it out"
        if nodes.is_ephemeral(self.nodes[name]):
            return f"{name} is ephemeral and leaves no table to compare with; make it a table or a view"
        if model is None:
            return f"{name} is not keyed by person; mark its key column with meta: {{identifier: person}}"
        if audience.key and model.kind not in audience.identifiers:
            return f"{name} is keyed by {model.kind}, and {audience.name} has no column that is identifier {model.kind}"
        return None

    def check_together(self, drafts: list[_Draft]) -> None:
        """What concerns connections and several audiences at once."""
        by_name = {draft.audience.name: draft for draft in drafts}
        entries = [entry for draft in drafts for entry in draft.entries()]
        found = list(checks.check_ids(entries))
        if self.connections is not None:
            for entry in entries:
                found += [(entry, flaw) for flaw in checks.check_connection(entry, self.connections)]
            found += checks.check_targets(entries, self.connections)
        for entry, flaw in found:
            by_name[entry.audience.name].complain([flaw])

    def check_strays(self, node: Node) -> None:
        """Blocks that dbt accepts and nobody would read: beside meta, or under a misspelt key."""
        if "audience" in nodes.meta_of(node):
            return
        if isinstance(node["config"].get("audience"), Mapping):
            problem = "stands beside meta, where nothing reads it; write it under config: {meta: {audience: …}}"
            self.complaints.append(self.atlas.find(node).complain(("config", "audience"), problem))
        for key, value in nodes.meta_of(node).items():
            if isinstance(value, Mapping) and set(value) & set(Block.model_fields) and did_you_mean(key, ["audience"]):
                place = self.atlas.find(node)
                self.complaints.append(place.complain((*place.meta(), key), "unknown key (did you mean audience?)"))


def _project_of(manifest_path: Path) -> Path:
    above = manifest_path.absolute().parents
    return next((folder for folder in above if (folder / "dbt_project.yml").is_file()), above[min(1, len(above) - 1)])
