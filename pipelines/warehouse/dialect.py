"""SQL is written once, in the DuckDB dialect; here it becomes the text of another engine, by sqlglot and a few rules.

The rules cover what sqlglot leaves to its caller: temporary relations stand in a schema of their own name, `* exclude`
is spelled out, a subquery has a name, and DuckDB's functions of time, JSON and choice become the engine's own. A
statement is translated once and remembered by its text; one that names the columns of a table by a star is not, since
a table may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlglot
from sqlglot import exp

Columns = Callable[[str], Mapping[str, str] | None]
"""Finds the columns of a relation by its text in the engine's dialect."""
INTERVALS = {"TO_SECONDS": "1 second", "TO_MINUTES": "1 minute", "TO_HOURS": "1 hour", "TO_DAYS": "1 day"}
"""DuckDB's functions that make an interval → the interval they count."""


class Translator:
    """Renders DuckDB's SQL for one engine."""

    def __init__(self, dialect: str, temporary: str | None) -> None:
        self._dialect, self._temporary = dialect, temporary
        self._known: dict[str, str] = {}

    def __call__(self, sql: str, columns_of: Columns) -> str:
        """The statement for the engine, placeholders as psycopg writes them (`%s`, `%(name)s`; `%` is doubled)."""
        if (known := self._known.get(sql)) is None:
            tree = sqlglot.parse_one(sql, dialect="duckdb")
            asked = spell_stars(tree, self._dialect, lambda name: columns_of(self._placed(name)))
            known = self._write(tree)
            if not asked:
                self._known[sql] = known
        return known

    def _placed(self, relation: str) -> str:
        """A relation's text with the engine's schema of temporary relations."""
        if self._temporary and relation.startswith("temp."):
            return f"{self._temporary}.{relation.removeprefix('temp.')}"
        return relation

    def _write(self, tree: exp.Expr) -> str:
        names: list[str] = []
        for node in reversed(list(tree.walk())):  # what is inside is rewritten before what is around it
            if isinstance(node, exp.Table) and node.db == "temp":
                node.set("db", exp.to_identifier(self._temporary) if self._temporary else None)
            elif (written := _rewrite(node)) is not node:
                node.replace(written)
        for placeholder in list(tree.find_all(exp.Placeholder)):
            name = placeholder.args.get("this")
            names.append(f"%({name})s" if name else "%s")
            placeholder.replace(exp.Var(this=f"\x00{len(names) - 1}\x00"))
        text = tree.sql(self._dialect).replace("%", "%%")
        for place, name in enumerate(names):
            text = text.replace(f"\x00{place}\x00", name)
        return text


def name_subquery(node: exp.Expr) -> exp.Expr:
    """A subquery that is read from has a name, if nobody uses it."""
    if isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join) and not node.alias:
        node.set("alias", exp.TableAlias(this=exp.to_identifier("_rows")))
    return node


def _rewrite(node: exp.Expr) -> exp.Expr:
    node = name_subquery(node)
    if isinstance(node, exp.Anonymous) and (unit := INTERVALS.get(node.name.upper())):
        interval = exp.cast(exp.Literal.string(unit), "interval")
        return exp.Mul(this=exp.Paren(this=node.expressions[0]), expression=interval)
    if isinstance(node, exp.JSONExtractScalar):
        node.set("this", exp.cast(node.this, "json"))
    if isinstance(node, exp.Filter) and isinstance(node.this, exp.ArgMax):
        return _arg_max(node.this, node.expression.this)
    if isinstance(node, exp.ArgMax) and not isinstance(node.parent, exp.Filter):
        return _arg_max(node, None)
    return node


def _arg_max(node: exp.ArgMax, condition: exp.Expr | None) -> exp.Expr:
    """`arg_max(value, (a, b))`: the first of the values in falling order of the keys; absent values do not count."""
    keys = node.expression.expressions if isinstance(node.expression, exp.Tuple) else [node.expression]
    ordered = exp.Order(this=node.this.copy(), expressions=[
        exp.Ordered(this=key.copy(), desc=True, nulls_first=False) for key in keys])
    present = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    where = exp.and_(present, condition.copy()) if condition else present
    values = exp.Filter(this=exp.ArrayAgg(this=ordered), expression=exp.Where(this=where))
    return exp.Bracket(this=exp.Paren(this=values), expressions=[exp.Literal.number(1)], offset=1, safe=False)


def spell_stars(tree: exp.Expr, dialect: str, columns_of: Columns) -> list[str]:
    """Spell out each `* exclude (…)`, which few engines have; answers the tables that were asked for their columns."""
    asked: list[str] = []
    for select in list(tree.find_all(exp.Select)):
        select.set("expressions", [
            item for old in select.expressions for item in _spelled(old, select, dialect, columns_of, asked)])
    return asked


def _spelled(
    item: exp.Expr, select: exp.Select, dialect: str, columns_of: Columns, asked: list[str]
) -> list[exp.Expr]:
    left_out = {column.name for column in item.args.get("except_") or ()} if isinstance(item, exp.Star) else set()
    if not left_out:
        return [item]
    names = _names(select.args["from_"].this, select, dialect, columns_of, asked)
    return [exp.column(name, quoted=True) for name in names if name not in left_out]


def _names(
    source: exp.Expr, scope: exp.Expr | None, dialect: str, columns_of: Columns, asked: list[str]
) -> list[str]:
    query = source.this if isinstance(source, exp.Subquery) else None
    while query is None and scope is not None:
        query = next((cte.this for cte in scope.find_all(exp.CTE) if cte.alias == source.name), None)
        scope = scope.parent
    if query is None:
        bare = source.copy()
        bare.set("alias", None)
        asked.append(bare.sql(dialect))
        return list(columns_of(asked[-1]) or ())
    first, names = query.find(exp.Select), list[str]()
    for item in first.expressions:
        star = isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))
        names += (_names(first.args["from_"].this, first, dialect, columns_of, asked) if star
                  else [item.alias_or_name])
    return names
