"""The statements for engines that have no module of their own yet: rendered, tested as text, and ready for a driver.

sqlglot renders what all engines have. The rules here are for what it leaves to its caller: a fingerprint, a bucket,
time that passes, the newest of several values, comparisons of rows, and how a table is made and changed. Temporary
relations stand in a schema of their own, `activation_scratch`, since several of these engines have no temporary views.

Spark is among them and has a module as well (`spark.py`); README.md beside this says which engine runs what in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlglot
from sqlglot import exp

from pipelines.warehouse.dialect import INTERVALS, Columns, name_subquery, spell_stars

SCRATCH = "activation_scratch"
"""The schema of temporary relations."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is particular about one engine; texts are its own SQL."""

    name: str
    """As sqlglot calls it."""
    fingerprint: str
    """A BIGINT that changes when one of `{columns}` does."""
    from_hex: str
    """The number that `{digits}` write in hexadecimal."""
    entries: str | None
    """(name, value) for each entry of the JSON objects in `{column}` of `{query}`; None: not written yet."""
    newest: str | None = None
    """`{value}` at the greatest `{key}` (a text); None: the engine has max_by over rows."""
    filters: bool = True
    """Has `filter (where …)`, or sqlglot says it otherwise."""
    compares_nulls: bool = True
    """Has `is distinct from`."""
    primary_keys: bool = False
    """Takes a primary key in `create table`, if only as a remark."""


_SPARK = Dialect("spark", "xxhash64({columns})", "cast(conv({digits}, 16, 10) as bigint)",
                 "select explode(from_json({column}, 'map<string, string>')) as (name, value) from ({query}) as q")
DIALECTS: Mapping[str, Dialect] = {
    "snowflake": Dialect(
        "snowflake", "hash({columns})", "to_number({digits}, 'XXXXXXXX')",
        "select e.key as name, cast(e.value as varchar) as value from ({query}) as q, lateral flatten(input => "
        "parse_json(q.{column})) as e", newest="max_by({value}, {key})", primary_keys=True),
    "bigquery": Dialect(
        "bigquery", "farm_fingerprint(to_json_string(struct({columns})))", "cast(concat('0x', {digits}) as int64)",
        None, newest="max_by({value}, {key})"),
    "databricks": replace(_SPARK, name="databricks"),
    "redshift": Dialect(
        "redshift", "farmfingerprint64({texts})", "strtol({digits}, 16)", None,
        newest="split_part(listagg({value}, chr(1)) within group (order by {key} desc), chr(1), 1)",
        filters=False, compares_nulls=False, primary_keys=True),
    "trino": Dialect(
        "trino", "from_big_endian_64(xxhash64(to_utf8(json_format(cast(row({columns}) as json)))))",
        "from_base({digits}, 16)",
        "select e.name, e.value from ({query}) as q cross join unnest(cast(json_parse(q.{column}) as map(varchar, "
        "varchar))) as e (name, value)"),
    "clickhouse": Dialect(
        "clickhouse", "reinterpretAsInt64(cityHash64(tuple({columns})))",
        "reinterpretAsInt64(reverse(unhex({digits})))",
        "select pair.1 as name, pair.2 as value from (select arrayJoin(JSONExtractKeysAndValues(ifNull({column}, ''), "
        "'String')) as pair from ({query}) as q) as pairs"),
    "spark": _SPARK,
}


def render(sql: str, name: str, columns_of: Columns, parameters: Mapping[str, Any] | None = None) -> str:
    """A statement of ours for the engine `name`; parameters as `:name` and `?`, or as what is given for them."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    spell_stars(tree, "duckdb", columns_of)
    return write(tree, name, parameters)


def write(tree: exp.Expr, name: str, parameters: Mapping[str, Any] | None = None) -> str:
    """The same for a statement that is parsed already."""
    dialect = DIALECTS[name]
    holes = dict(_fill(tree, parameters))
    for node in reversed(list(tree.walk())):  # what is inside is rewritten before what is around it
        for rule in _RULES:
            if (written := rule(node, dialect)) is not None and written is not node:
                node.replace(written)
                break
    text = _change(tree, name) if name == "clickhouse" else tree.sql(name)
    for hole, word in holes.items():
        text = text.replace(hole, word)
    return text


def _fill(tree: exp.Expr, parameters: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Put values in place of parameters, or columns that stand for them until the text is written."""
    for place, mark in enumerate(list(tree.find_all(exp.Placeholder, bfs=False))):
        word = str(mark.args.get("this") or "")
        if parameters is not None:
            mark.replace(_literal(parameters[word or str(place)]))
        else:
            mark.replace(exp.column(f"hole_{place}_"))
            yield f"hole_{place}_", f":{word}" if word else "?"


def _literal(value: object) -> exp.Expr:
    return exp.cast(exp.Literal.string(str(value)), "timestamp") if isinstance(value, datetime) else exp.convert(value)


Rule = Callable[[exp.Expr, Dialect], "exp.Expr | None"]


def _parse(text: str, dialect: Dialect) -> exp.Expr:
    return sqlglot.parse_one(text, dialect=dialect.name)


def _place(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """Temporary relations, and what is told of a table when it is made."""
    if isinstance(node, exp.Table) and node.db == "temp":
        node.set("db", exp.to_identifier(SCRATCH))
    if isinstance(node, exp.TemporaryProperty):
        _scratch(node)
    if isinstance(node, exp.Create) and node.kind == "VIEW" and node.args.get("exists"):
        node.set("exists", False)
        node.set("replace", True)
    if isinstance(node, exp.Create) and dialect.name == "clickhouse" and node.kind == "TABLE":
        properties = [exp.EngineProperty(this=exp.Anonymous(this="MergeTree")),
                      exp.Order(expressions=[exp.Tuple()])]
        node.set("properties", exp.Properties(expressions=properties))
    if isinstance(node, exp.PrimaryKey | exp.PrimaryKeyColumnConstraint) and not dialect.primary_keys:
        outer = node.parent if isinstance(node, exp.PrimaryKeyColumnConstraint) else node
        if outer is not None and outer.parent is not None:
            outer.pop()
    return name_subquery(node)


def _scratch(node: exp.Expr) -> None:
    create = node.find_ancestor(exp.Create)
    table = create.find(exp.Table) if create else None
    if create and table and not table.db:
        table.set("db", exp.to_identifier(SCRATCH))
        create.set("properties", None)


def _words(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """A row's fingerprint and the number that hexadecimal digits write, as `duckdb.py` says them."""
    inner = node.this if isinstance(node, exp.Cast) else None
    if isinstance(inner, exp.BitwiseRightShift) and inner.this.name.lower() == "hash":
        columns = [each.sql(dialect.name) for each in inner.this.expressions]
        texts = " || '|' || ".join(f"coalesce(cast({each} as varchar), '-')" for each in columns)
        return _parse(dialect.fingerprint.format(columns=", ".join(columns), texts=texts), dialect)
    if isinstance(inner, exp.DPipe) and inner.this.name == "0x":
        return _parse(dialect.from_hex.format(digits=inner.expression.sql(dialect.name)), dialect)
    return None


def _time(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """`moment + to_seconds(n)`, and the same before it."""
    if not isinstance(node, exp.Add | exp.Sub) or not isinstance(node.expression, exp.Anonymous):
        return None
    if (counted := INTERVALS.get(node.expression.name.upper())) is None:
        return None
    counts = exp.cast(node.expression.expressions[0], "bigint")
    number = (exp.Neg(this=counts) if isinstance(node, exp.Sub) else counts).sql(dialect.name)
    unit, moment = counted.split()[1], node.this.sql(dialect.name)
    forms = {"bigquery": f"datetime_add({moment}, interval {number} {unit})",
             "trino": f"date_add('{unit}', {number}, {moment})",
             "clickhouse": f"add{unit.title()}s({moment}, {number})"}
    return _parse(forms.get(dialect.name, f"dateadd({unit}, {number}, {moment})"), dialect)


def _newest(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """`arg_max(value, (a, b)) filter (where …)`: values that are absent do not count."""
    if isinstance(node, exp.ArgMax) and isinstance(node.parent, exp.Filter):
        return None
    found = node.this if isinstance(node, exp.Filter) else node
    if not isinstance(found, exp.ArgMax) or found.args.get("done"):
        return None
    where = exp.Not(this=exp.Is(this=found.this.copy(), expression=exp.Null()))
    condition = exp.and_(where, node.expression.this.copy()) if isinstance(node, exp.Filter) else where
    keys = found.expression.expressions if isinstance(found.expression, exp.Tuple) else [found.expression]
    if dialect.newest is None:
        plain = exp.ArgMax(this=found.this.copy(), expression=exp.Tuple(expressions=[key.copy() for key in keys]))
        plain.set("done", True)
        return exp.Filter(this=plain, expression=exp.Where(this=condition))
    texts = [exp.cast(key.copy(), "varchar").sql(dialect.name) for key in keys]
    value = exp.Case().when(condition, found.this.copy()).sql(dialect.name)
    sorted_by = _parse(" || ".join(f"lpad({text}, 19, '0')" for text in texts), dialect)
    key = exp.Case().when(condition, sorted_by).sql(dialect.name)
    return _parse(dialect.newest.format(value=value, key=key), dialect)


def _plain(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """Comparisons of rows, aggregates with a condition and comparisons of nulls, where they are not known."""
    if isinstance(node, exp.GT) and isinstance(node.this, exp.Tuple):
        (a, b), (c, d) = node.this.expressions, node.expression.expressions
        return exp.Paren(this=exp.or_(exp.GT(this=a.copy(), expression=c.copy()), exp.and_(
            exp.EQ(this=a.copy(), expression=c.copy()), exp.GT(this=b.copy(), expression=d.copy()))))
    if isinstance(node, exp.Filter) and not dialect.filters and isinstance(node.this, exp.AggFunc):
        found = node.this.copy()
        inside = found.this if isinstance(found.this, exp.Distinct) else found
        counted = inside.expressions[0] if isinstance(inside, exp.Distinct) else inside.this
        value = exp.Literal.number(1) if isinstance(counted, exp.Star) else counted.copy()
        case = exp.Case().when(node.expression.this.copy(), value)
        inside.set(*(("expressions", [case]) if isinstance(inside, exp.Distinct) else ("this", case)))
        return found
    if isinstance(node, exp.NullSafeNEQ) and not dialect.compares_nulls:
        same = exp.EQ(this=node.this.copy(), expression=node.expression.copy())
        nulls = [exp.Is(this=side.copy(), expression=exp.Null()) for side in (node.this, node.expression)]
        return exp.Not(this=exp.Paren(this=exp.or_(
            exp.Coalesce(this=same, expressions=[exp.false()]), exp.and_(*nulls))))
    if isinstance(node, exp.Delete) and not node.args.get("where"):
        node.set("where", exp.Where(this=exp.true()))
    return None


def _clickhouse(node: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """ClickHouse names a column of three joined tables by its table too, counts in microseconds only if told, and
    strings texts together by way of an array."""
    if dialect.name != "clickhouse":
        return None
    if isinstance(node, exp.Column) and node.table and node.arg_key == "expressions" and isinstance(
            node.parent, exp.Select) and not isinstance(node.this, exp.Star):
        return exp.alias_(node.copy(), node.name)
    if isinstance(node, exp.DataType) and node.this in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ):
        return exp.DataType.build("DateTime64(6)", dialect=dialect.name)
    if isinstance(node, exp.LogicalOr):
        return exp.Max(this=node.this.copy())
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        texts, parted = node.this.this.sql(dialect.name), node.args["separator"].sql(dialect.name)
        return _parse(f"arrayStringConcat(arraySort(groupArray({texts})), {parted})", dialect)
    return None


_RULES: tuple[Rule, ...] = (_place, _words, _time, _newest, _plain, _clickhouse)


def _change(tree: exp.Expr, name: str) -> str:
    """ClickHouse changes rows by a mutation of the table."""
    if not isinstance(tree, exp.Update):
        return tree.sql(name)
    sets = ", ".join(each.sql(name) for each in tree.expressions)
    return f"ALTER TABLE {tree.this.sql(name)} UPDATE {sets} {tree.args['where'].sql(name)}"
