"""Every small change of a query that a test should notice: a bound moved, a comparison turned, an exclusion forgotten.

A change is named by the place of its node among those that can be changed, so that the same change can be made to every
compilation of one model: they differ in literals and table names, never in shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlglot import exp

TWINS: dict[type[exp.Expression], type[exp.Expression]] = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE,
                                                           exp.GTE: exp.GT}
OPPOSITES: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.LT: exp.GTE, exp.LTE: exp.GT, exp.GT: exp.LTE, exp.GTE: exp.LT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}
SWAPS: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.Min: exp.Max, exp.Max: exp.Min, exp.Greatest: exp.Least, exp.Least: exp.Greatest, exp.Add: exp.Sub,
    exp.Sub: exp.Add, exp.Mul: exp.Div, exp.Div: exp.Mul}
FIXTURE = "__dbt__cte__"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one query."""

    place: int
    """Which of the query's nodes, in the order of walking."""
    way: int
    """Which of that node's changes."""
    says: str
    """What it does, for people: `a < b → a <= b`."""


def changes(query: exp.Expression) -> list[Change]:
    """All changes of a query."""
    found = []
    for place, node in enumerate(_nodes(query)):
        for way, (says, _) in enumerate(_ways(node)):
            found.append(Change(place, way, says))
    return found


def mutate(query: exp.Expression, change: Change) -> exp.Expression:
    """A copy of the query with that change."""
    copy = query.copy()
    for place, node in enumerate(_nodes(copy)):
        if place == change.place:
            _, make = list(_ways(node))[change.way]
            make()
            return copy
    raise LookupError(f"the query has no place {change.place}: {change.says}")


def _nodes(query: exp.Expression) -> Iterator[exp.Expression]:
    """The nodes that can be changed; what they hold of tables does not count, for fixtures stand in for those."""
    for node in list(query.walk(bfs=False, prune=lambda node: isinstance(node, exp.Table))):
        if next(_ways(node), None):
            yield node


Way = tuple[str, Callable[[], object]]


def _ways(node: exp.Expression) -> Iterator[Way]:
    kind = type(node)
    for table in (TWINS, OPPOSITES, SWAPS):
        if kind in table:
            yield _replace(node, _as(node, table[kind]))
    if isinstance(node, exp.Between):
        yield from _bounds(node)
    if isinstance(node, exp.Not):
        yield _replace(node, node.this.copy())
    elif isinstance(node, exp.Is | exp.In | exp.Exists) and not isinstance(node.parent, exp.Not):
        yield _replace(node, exp.Not(this=exp.paren(node.copy())))
    if isinstance(node, exp.In) and len(node.expressions) > 1:
        for value in node.expressions:
            yield f"{value.sql()} taken out of {_text(node)}", value.pop
    if isinstance(node.parent, exp.And | exp.Or) and not isinstance(node, type(node.parent)):
        other = node.parent.right if node is node.parent.left else node.parent.left
        yield f"dropped: {_text(node)}", lambda: node.parent.replace(other.copy())
    if isinstance(node, exp.Where | exp.Having):
        yield f"dropped: {_text(node)}", node.pop
    if isinstance(node, exp.Case) and len(node.args["ifs"]) > 1:
        for arm in node.args["ifs"]:
            yield f"dropped: when {_text(arm.this)}", arm.pop
    if isinstance(node, exp.Join) and node.side == "LEFT":
        yield f"{_text(node)} → inner", lambda: node.set("side", None)
    elif isinstance(node, exp.Join) and node.kind == "INNER" and node.this.name.endswith("_contacts"):
        yield f"{_text(node)} → left", lambda: _widen(node)  # who cannot be reached would stay
    # A median is the same from either end.
    if isinstance(node, exp.Ordered) and not isinstance(node.parent.parent, exp.WithinGroup):
        yield f"{_text(node)} the other way", lambda: node.set("desc", not node.args.get("desc"))
    if isinstance(node, exp.Select) and node.args.get("distinct"):
        yield "not distinct", lambda: node.set("distinct", None)
    if isinstance(node, exp.Union) and node.right.args.get("from_"):
        yield f"dropped: {_text(node.left)}", lambda: _keep(node, node.right)
        yield f"dropped: {_text(node.right)}", lambda: _keep(node, node.left)
    yield from _shifts(node)


def _bounds(node: exp.Between) -> Iterator[Way]:
    value, low, high = node.this, node.args["low"], node.args["high"]
    yield _replace(node, exp.paren(exp.and_(exp.GT(this=value.copy(), expression=low.copy()),
                                            exp.LTE(this=value.copy(), expression=high.copy()))))
    yield _replace(node, exp.paren(exp.and_(exp.GTE(this=value.copy(), expression=low.copy()),
                                            exp.LT(this=value.copy(), expression=high.copy()))))


def _shifts(node: exp.Expression) -> Iterator[Way]:
    """A limit moved by a little: an hour, a day, one, a tenth."""
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        for written in _moved(node.this.name, node.to.sql().lower()):
            yield f"{node.this.name} → {written}", lambda w=written: node.set("this", exp.Literal.string(w))
    elif isinstance(node, exp.Literal) and not node.is_string and node.find_ancestor(exp.Predicate):
        number = float(node.name)
        for other in ([number + 1, number - 1] if number.is_integer() else [number * 1.1, number * 0.9]):
            written = f"{other:g}"
            yield f"{node.name} → {written} in {_text(node.find_ancestor(exp.Predicate))}", (
                lambda w=written: node.replace(exp.Literal.number(w)))


def _moved(text: str, kind: str) -> list[str]:
    if kind.startswith("timestamp"):
        moment = datetime.fromisoformat(text)
        return [(moment + timedelta(hours=1)).isoformat(sep=" ")]
    if kind == "date":
        return [(date.fromisoformat(text) + timedelta(days=by)).isoformat() for by in (1, -1)]
    return []


def _as(node: exp.Expression, kind: type[exp.Expression]) -> exp.Expression:
    return kind(**{name: value.copy() if isinstance(value, exp.Expression) else value
                   for name, value in node.args.items()})


def _replace(node: exp.Expression, other: exp.Expression) -> Way:
    return f"{_text(node)} → {_text(other)}", lambda: node.replace(other)


def _widen(join: exp.Join) -> None:
    join.set("kind", None)
    join.set("side", "LEFT")


def _keep(union: exp.Union, side: exp.Expression) -> None:
    side = side.copy()
    if union.args.get("with_"):
        side.set("with_", union.args["with_"].copy())
    union.replace(side)


def _text(node: exp.Expression) -> str:
    said = " ".join(node.sql(dialect="duckdb", normalize_functions="lower", comments=False).lower().split())
    return said if len(said) <= 90 else f"{said[:87]}…"
