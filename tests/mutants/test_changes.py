"""The changes themselves: what is tried of a query."""

import sqlglot

from tests.mutants.changes import changes, mutate

QUERY = """
select a.id, row_number() over (partition by a.id order by a.t desc) as n
from a left join b using (id)
where a.t >= cast('2026-10-20 06:00:00' as timestamp) and b.id is null and a.x between 1 and 3
"""


def test_bounds_comparisons_exclusions_and_orders_are_changed_one_at_a_time() -> None:
    query = sqlglot.parse_one(QUERY, dialect="duckdb")
    says = {change.says for change in changes(query)}
    assert {
        "a.t >= cast('2026-10-20 06:00:00' as timestamp) → a.t > cast('2026-10-20 06:00:00' as timestamp)",
        "a.t >= cast('2026-10-20 06:00:00' as timestamp) → a.t < cast('2026-10-20 06:00:00' as timestamp)",
        "2026-10-20 06:00:00 → 2026-10-20 07:00:00",
        "dropped: b.id is null",
        "b.id is null → not (b.id is null)",
        "a.x between 1 and 3 → (a.x > 1 and a.x <= 3)",
        "a.x between 1 and 3 → (a.x >= 1 and a.x < 3)",
        "a.t desc the other way",
        "1 → 2 in a.x between 1 and 3",
        "left join b using (id) → inner",
    } <= says


def test_a_change_leaves_the_query_alone_and_each_gives_another_one() -> None:
    query = sqlglot.parse_one(QUERY, dialect="duckdb")
    before = query.sql()
    mutants = [mutate(query, change).sql() for change in changes(query)]
    assert query.sql() == before
    assert before not in mutants
    assert len(set(mutants)) == len(mutants) == 16
