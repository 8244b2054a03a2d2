"""What a declaration promises against what there is: columns, suppressions, connections and what their channels can do.

Each check yields flaws: a path inside the audience's block, and a message that says what would be right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from destinations.protocol import Capabilities, Destination, Operation
from pipelines.audiences import Audience, Sync
from pipelines.blocks import Flaw
from pipelines.connections import Connections
from pipelines.errors import ConnectionFault, did_you_mean
from pipelines.marks import Step


class Entry(NamedTuple):
    """A sync and its place: the audience that declares it and the position in its list."""

    audience: Audience
    position: int
    sync: Sync


def check_syncs(audience: Audience, syncs: Sequence[tuple[int, Sync]], complete: bool) -> Iterator[Flaw]:
    """What can be said without connections; `complete` when a contract says that the columns are all there are."""
    seen: dict[str, int] = {}
    for index, sync in syncs:
        at = ("syncs", index)
        if sync.to in seen:
            yield (*at, "to"), f"{sync.to} has a sync of this audience already (syncs[{seen[sync.to]}]); keep one"
        seen.setdefault(sync.to, index)
        yield from _check_send(audience, sync.send, (*at, "send"), complete)
        for kind, column in sync.identifiers.items():
            if problem := check_column(audience, column, complete):
                yield (*at, "identifiers", kind), problem
        if sync.trigger:
            yield from _check_send(audience, sync.trigger.send, (*at, "trigger", "send"), complete)
            if sync.trigger.happened and (problem := check_column(audience, sync.trigger.happened, complete)):
                yield (*at, "trigger", "happened"), problem


def check_messages(audience: Audience, syncs: Sequence[tuple[int, Sync]]) -> Iterator[Flaw]:
    """Whether channels and follow-ups of messages name what there is, and not themselves."""
    said, telling = audience.messages, {sync.to: sync for _, sync in syncs if sync.trigger}
    for index, name in enumerate(said.channels):
        at = ("messages", "channels", index)
        if name not in telling:
            yield at, f"{name} is no sync of {audience.name} with a trigger{did_you_mean(name, telling)}"
        elif (first := telling.get(said.channels[0])) and telling[name].every != first.every:
            yield at, f"{name} is synced every {telling[name].every}; channels that share a message are asked together"
    taken = [sync.trigger.event for sync in telling.values() if sync.trigger]
    for index, step in enumerate(said.steps):
        step_at, before = ("messages", "steps", index), [earlier.event for earlier in said.steps[:index]]
        if step.event in [*taken, *before]:
            yield (*step_at, "event"), f"another message of {audience.name} is called {step.event}; name it otherwise"
        if step.follows == step.event:
            yield (*step_at, "follows"), f"{step.event} would follow itself; name a step before it, or leave it out"
        elif step.follows and step.follows not in before:
            near = did_you_mean(step.follows, before) or f"; it may follow {', '.join(before) or 'the first message'}"
            yield (*step_at, "follows"), f"no step before this one is called {step.follows}{near}"
    if said.steps and not telling:
        yield ("messages", "steps"), "there is nothing to follow: no sync has a trigger"


def check_column(audience: Audience, column: str, complete: bool) -> str | None:
    """Why a column cannot be used, or None.

    Without a contract the columns may be only some of the table's, so only a near miss of a declared one is a flaw.
    """
    known = [declared.name for declared in audience.columns]
    near = did_you_mean(column, known)
    if column in known or not (complete or near):
        return None
    return f"{column} is no declared column of {audience.name}{near}; add it under columns: if the model has it"


def check_connection(entry: Entry, connections: Connections) -> Iterator[Flaw]:
    """Whether the connection of a sync exists, and its channel can do what the sync asks."""
    at, sync = ("syncs", entry.position), entry.sync
    if sync.to not in connections:
        known = f"; declared in {connections.file} are: {', '.join(sorted(connections)) or 'none'}"
        yield (*at, "to"), f"there is no connection {sync.to}{did_you_mean(sync.to, connections) or known}"
    elif kind := connections.kind(sync.to):
        yield from _check_capabilities(entry, _capabilities(sync.to, kind, connections))


def check_targets(entries: Iterable[Entry], connections: Connections) -> Iterator[tuple[Entry, Flaw]]:
    """Audiences that keep their members in one remote list: each would remove those of the other."""
    by_target: Mapping[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.sync.members and (target := _target(entry.sync, connections)):
            by_target[entry.sync.to, target].append(entry)
    for (connection, target), writers in by_target.items():
        for entry in writers[1:]:
            step = "target" if entry.sync.target else "to"
            others = f"{writers[0].audience.name} keeps its members in {target} of {connection} too"
            yield entry, (("syncs", entry.position, step), f"{others}; give each audience a target: of its own")


def check_ids(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Flaw]]:
    """Syncs of different audiences whose ids read the same: `a__b` to `c` and `a` to `b__c`."""
    owner: dict[str, str] = {}
    for entry in entries:
        name, sync_id = entry.audience.name, entry.audience.sync_id(entry.sync)
        if owner.setdefault(sync_id, name) != name:
            problem = f"its id {sync_id} is that of a sync of {owner[sync_id]} too; rename the audience"
            yield entry, (("syncs", entry.position, "to"), problem)


def _check_send(
    audience: Audience, send: Mapping[str, str], at: tuple[str | int, ...], complete: bool
) -> Iterator[Flaw]:
    remote: dict[str, str] = {}
    for column, name in send.items():
        if problem := check_column(audience, column, complete):
            yield at, problem
        if remote.setdefault(name, column) != column:
            yield at, f"{remote[name]} and {column} are both sent as {name}; give each a name of its own"


def _capabilities(name: str, kind: type[Destination], connections: Connections) -> Capabilities:
    """What this connection can do, which its settings may narrow."""
    try:
        return connections.open(name).destination.capabilities
    except ConnectionFault:  # reported by connections.check
        return kind.capabilities


def _check_capabilities(entry: Entry, can: Capabilities) -> Iterator[Flaw]:
    at, sync = ("syncs", entry.position), entry.sync
    if sync.trigger and Operation.TRIGGER not in can.operations:
        yield (*at, "trigger"), f"{sync.to} sends no triggers; move the trigger to a sync whose channel sends messages"
    if sync.members and not {Operation.ADD, Operation.REMOVE} <= set(can.operations):
        yield (*at, "to"), f"{sync.to} keeps no members; write members: false to send only the trigger"
    if sync.mode == "replace" and not can.replace:
        yield (*at, "mode"), f"{sync.to} cannot replace a list; leave mode out, and differences are sent"
    if sync.shards > 1 and can.one_writer:
        yield (*at, "shards"), f"{sync.to} keeps everybody in one place that each batch writes anew; leave shards out"
    if sync.send and not can.attributes:
        yield (*at, "send"), f"{sync.to} keeps no attributes of members; leave send out"
    for name in sorted(set(sync.send.values()) - can.fields) if can.fields else ():
        near = did_you_mean(name, sorted(can.fields)) or f"; it takes {', '.join(sorted(can.fields))}"
        yield (*at, "send"), f"{sync.to} knows no field {name}{near}"
    for name in sync.send.values():
        whole, _, part = name.partition(".")
        if whole in can.nested and part not in can.nested[whole]:
            known = [f"{whole}.{each}" for each in can.nested[whole]]
            near = did_you_mean(name, known) or f"; its parts are {', '.join(known)}"
            yield (*at, "send"), f"{sync.to} knows no {name}{near}"
    if sync.target and not (can.target or can.needs_target):
        yield (*at, "target"), f"{sync.to} has no lists, segments or audiences; leave target out"
    for kind in set(sync.identifiers) - set(can.identifiers):
        near = did_you_mean(kind, can.identifiers) or f"; it knows them by {', '.join(can.identifiers)}"
        yield (*at, "identifiers", kind), f"{sync.to} knows no member by {kind}{near}"
    own = entry.audience.identifiers_for(sync)
    if not set(own) & set(can.identifiers):
        needs, has = ", ".join(can.identifiers), ", ".join(own) or "none"
        marked = f"{sync.to} knows members by {needs}, and {entry.audience.name} has {has}"
        yield (*at, "to"), f"{marked}; mark a column with meta: {{identifier: {can.identifiers[0]}}}"


def _target(sync: Sync, connections: Connections) -> str | None:
    if sync.target or sync.to not in connections:
        return sync.target
    try:
        return connections.open(sync.to).target
    except ConnectionFault:  # reported by connections.check
        return None


def named_suppressions(audience: Audience) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Every suppression that an audience names, and where."""
    for index, name in enumerate(audience.suppress):
        yield ("suppress", index), name
    for number, sync in enumerate(audience.syncs):
        for index, name in enumerate(sync.suppress or ()):
            yield ("syncs", number, "suppress", index), name
