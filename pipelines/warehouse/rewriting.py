"""What a delete or an update leaves, as queries: for engines that can read and write rows, and change none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

ROWS = "_rows"
"""The table's name in these queries."""


def fails(condition: exp.Expr) -> exp.Expr:
    """That a condition is not true. Spark takes a subquery in a filter only as it stands, not inside a function."""
    inner = condition.this if isinstance(condition, exp.Not) else condition
    if isinstance(inner, exp.In) and (query := inner.args.get("query")):
        looked = inner.this.copy()
        looked.set("table", exp.to_identifier(ROWS))
        rows = query.this.copy() if isinstance(query, exp.Subquery) else query.copy()
        key = exp.column(rows.selects[0].alias_or_name, table="_listed")
        there = exp.Exists(this=exp.select("1").from_(rows.subquery("_listed")).where(key.eq(looked)))
        if inner is condition:
            return exp.not_(there)
        return exp.or_(there, exp.Is(this=looked.copy(), expression=exp.Null()))
    if isinstance(inner, exp.Exists):
        return exp.not_(condition.copy())
    return exp.not_(exp.Coalesce(this=exp.Paren(this=condition.copy()), expressions=[exp.false()]))


def call(tree: exp.Delete | exp.Update, table: str) -> None:
    """Let what a statement says of its own table by name, such as in a subquery, be said of these rows."""
    if not any(source.alias_or_name == table for source in tree.find_all(exp.Table) if source is not tree.this):
        for column in tree.find_all(exp.Column):
            if column.table == table:
                column.set("table", exp.to_identifier(ROWS))


def all_of(
    name: str, conditions: Sequence[exp.Expr], kinds: Mapping[str, str], changed: Mapping[str, exp.Expr]
) -> exp.Select:
    """The table's rows for which all conditions hold, with some columns changed."""
    columns = [exp.alias_(exp.cast((changed.get(column) or exp.column(column)).copy(), kind, dialect="spark"), column,
                          quoted=True) for column, kind in kinds.items()]
    found = exp.select(*columns).from_(exp.to_table(name, alias=ROWS))
    return found.where(*(each.copy() for each in conditions)) if conditions else found
