"""Models that messages are decided by, beside the audience: who can be reached how, and who has reached the goal.

`meta: {recipients: true}` marks the one model with a row for each person that may be written to: identifiers marked as
in an audience, `meta: {consent: email}` on the column that says whether that kind may be used, and a column `timezone`.
`meta: {deeds: true}` marks the one with a row for each thing that a person did: the key marked, `name`, `occurred_at`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipelines import nodes
from pipelines.audiences import Audience, GoalModel, RecipientsModel
from pipelines.blocks import Flaw
from pipelines.errors import did_you_mean
from pipelines.nodes import Node

_TIMES = ("timestamp", "date")
NO_RECIPIENTS = ("one table of a project holds recipients: mark its key with meta: {identifier: person}, and each "
                 "column that says whether an identifier may be used with meta: {consent: email}")
NO_DEEDS = ("one table of a project holds deeds: mark its key with meta: {identifier: person}; it has the columns name "
            "and occurred_at")


@dataclass(frozen=True, slots=True)
class Consulted:
    """What of it a project has."""

    recipients: RecipientsModel | None = None
    deeds: Node | None = None
    flaws: tuple[tuple[Node, str], ...] = ()


def find(built: Mapping[str, Node]) -> Consulted:
    """The marked models among a project's."""
    marked = {mark: [node for node in built.values() if nodes.meta_of(node).get(mark)]
              for mark in ("recipients", "deeds")}
    recipients = [model for node in marked["recipients"] if (model := _recipients(node))]
    deeds = [node for node in marked["deeds"]
             if nodes.key_of(node) and {"name", "occurred_at"} <= node["columns"].keys()]
    flaws = [(node, NO_RECIPIENTS) for node in marked["recipients"][len(recipients) == 1:]]
    flaws += [(node, NO_DEEDS) for node in marked["deeds"][len(deeds) == 1:]]
    return Consulted(recipients[0] if recipients else None, deeds[0] if deeds else None, tuple(flaws))


def _recipients(node: Node) -> RecipientsModel | None:
    key = nodes.key_of(node)
    consents = {str(kind): name for name, column in node["columns"].items()
                if (kind := nodes.meta_of(column).get("consent"))}
    if key is None or not consents or not node.get("relation_name"):
        return None
    zone = "timezone" if "timezone" in node["columns"] else None
    return RecipientsModel(node["name"], node["relation_name"], key[1], node["unique_id"],
                           nodes.identifiers_of(node), consents, zone)


def equip(audience: Audience, found: Consulted, built: Mapping[str, Node]) -> Audience:
    """The audience with what its messages are decided by, where it sends any."""
    if audience.key_kind != "person" or not any(sync.trigger for sync in audience.syncs):
        return audience
    return replace(audience, goal_model=_goal_of(audience, found, built), recipients=found.recipients)


def _goal_of(audience: Audience, found: Consulted, built: Mapping[str, Node]) -> GoalModel | None:
    """Where it is found who has reached the goal of an audience; None: it is not known to the engine."""
    goal = audience.goal
    if goal is None:
        return None
    node = built.get(goal.model) if goal.model else found.deeds
    key = _key_in(node, audience) if node else None
    if node is None or key is None or not node.get("relation_name"):
        return None
    at = goal.at or next(iter(_times(node)), "occurred_at")
    return GoalModel(node["name"], node["relation_name"], key, node["unique_id"], at, goal.event)


def _key_in(node: Node, audience: Audience) -> str | None:
    """Column of a model that says whose deed it is: the one marked as the audience's key is, or of its name."""
    same_name = audience.key if audience.key in node["columns"] else None
    return nodes.identifiers_of(node).get(audience.key_kind) or same_name


def goal_flaws(audience: Audience, built: Mapping[str, Node]) -> Iterator[Flaw]:
    """What is wrong with the model of a goal."""
    goal = audience.goal
    if goal is None or goal.model is None:
        return
    if goal.model not in built:
        yield ("goal", "model"), f"there is no model {goal.model}{did_you_mean(goal.model, built)}"
        return
    if _key_in(built[goal.model], audience) is None:
        yield ("goal", "model"), (f"{goal.model} does not say who reached the goal; mark the column of the "
                                  f"{audience.key_kind} with meta: {{identifier: {audience.key_kind}}}")
    times = _times(built[goal.model])
    if goal.at and goal.at not in times:
        known = f"; it has {', '.join(times)}" if times else ""
        near = did_you_mean(goal.at, times) or known
        yield ("goal", "at"), f"{goal.at} is no time of {goal.model}{near}; declare it with data_type: timestamp"
    elif not times:
        yield ("goal", "model"), (f"{goal.model} has no timestamp, so nobody knows when the goal was reached; declare "
                                  "one of its columns with data_type: timestamp")
    elif len(times) > 1 and not goal.at:
        yield ("goal", "model"), f"{goal.model} has several times ({', '.join(times)}); name one, at: {times[0]}"


def _times(node: Node) -> list[str]:
    return [name for name, column in node["columns"].items()
            if str(column.get("data_type") or "").lower().startswith(_TIMES)]
