"""Identity over time and in numbers: names stay or leave an alias, and a million links settle in so many steps."""

import pytest

from tests.dbt_project.shop import DAY_ZERO, Shop, copy_project

NAMES = "select person_ref, person_id from identity.person_refs order by 1"
ALIASES = "select old_person_id, person_id from identity.person_aliases order by 1"


@pytest.fixture
def bare(tmp_path) -> Shop:
    """The project with tables of our own where identity reads."""
    shop = copy_project(tmp_path)
    shop.query("create schema staging; create schema identity")
    return shop


def resolve(shop: Shop) -> None:
    chosen = ["person_refs", "person_aliases"]
    built = shop.dbt("build", "--select", *chosen, "--exclude", "resource_type:unit_test", manifest=shop.manifest)
    assert built.success, [result.message for result in built.result if result.status not in ("success", "pass")]


def accounts(shop: Shop, rows: str) -> None:
    shop.query(f"create or replace table staging.stg_persons as select * from ({rows}) as t(person_ref, created_at)")


def proofs(shop: Shop, rows: str) -> None:
    shop.query(
        "create or replace table identity.person_identifiers as"
        f" select kind, value, person_ref, true as verified from ({rows}) as t(kind, value, person_ref)"
    )


def test_a_merge_keeps_the_elder_name_and_a_split_gives_each_part_its_own_again(bare: Shop) -> None:
    accounts(bare, "values ('c_1', date '2026-03-01'), ('c_2', date '2026-01-01'), ('c_3', date '2026-02-01')")
    apart = "values ('email', 'a@example.org', 'c_1'), ('email', 'b@example.org', 'c_2')"
    shared = "('phone', '+491', 'c_1'), ('phone', '+491', 'c_2'), ('phone', '+492', 'c_1'), ('phone', '+492', 'c_3')"
    joined = f"{apart}, {shared}"
    proofs(bare, apart)
    resolve(bare)
    alone = [("c_1", "p_1"), ("c_2", "p_2"), ("c_3", "p_3")]
    assert (bare.query(NAMES), bare.query(ALIASES)) == (alone, [])
    proofs(bare, joined)
    for _ in range(2):  # once more changes nothing
        resolve(bare)
        assert bare.query(NAMES) == [("c_1", "p_2"), ("c_2", "p_2"), ("c_3", "p_2")]
        assert bare.query(ALIASES) == [("p_1", "p_2"), ("p_3", "p_2")]
    proofs(bare, joined.replace("('phone', '+491', 'c_2'), ", ""))
    resolve(bare)
    assert bare.query(NAMES) == [("c_1", "p_3"), ("c_2", "p_2"), ("c_3", "p_3")]
    assert bare.query(ALIASES) == [("p_1", "p_3")]


def test_no_name_is_ever_lost_without_an_alias_day_by_day(shop: Shop) -> None:
    """A person_id that stood yesterday stands today, or an alias says who it is now."""
    before: set[str] = set()
    merged = 0
    for day in (DAY_ZERO, "2026-10-26T06:00:00Z", "2026-10-27T06:00:00Z", "2026-11-04T06:00:00Z"):
        models = ["+person_aliases", "--vars", f"as_of: '{day}'"]
        assert shop.dbt("run", "--select", *models, manifest=shop.manifest).success
        names = shop.column("select person_id from identity.person_refs")
        aliases = dict(shop.query(ALIASES))
        assert before - names - aliases.keys() == set()
        assert aliases.keys() & names == set()
        assert set(aliases.values()) <= names
        merged += len(before - names)
        before = names
    assert merged > 0


@pytest.mark.slow
def test_a_million_links_settle_in_the_rounds_there_are(bare: Shop) -> None:
    """Households of 1 to 9 accounts, a chain of 20,000, and mailboxes of four that merge nobody."""
    accounts(bare, "select 'c_' || lpad(i::varchar, 7, '0'), date '2026-01-01' from range(1000000) as t(i)")
    # Account i shares one e-mail with the next account of its household, in an order that ids do not tell.
    proofs(
        bare,
        """
        with places as (
          select i, 'c_' || lpad(((i * 7919) % 1000000)::varchar, 7, '0') as person_ref from range(1000000) as t(i)
        ), households as (
          select i, person_ref, case when i < 20000 then 0 else 1 + i // (1 + i % 9 + 1) end as household from places
        ), steps as (
          select person_ref, i, lead(person_ref) over (partition by household order by i) as other from households
        )
        select 'email', 'm' || i, unnest([person_ref, other]) from steps where other is not null
        union all
        select 'phone', 'office' || (i // 4), person_ref from places where i < 400000
        """,
    )
    resolve(bare)
    links, people = bare.query(
        "select (select count(*) // 2 from identity.person_identifiers where kind = 'email'),"
        " (select count(distinct person_id) from identity.person_refs)"
    )[0]
    assert bare.query("select count(*) from identity.person_identifiers")[0][0] > 1_000_000
    # Each link of a forest joins two that were apart.
    assert people == 1_000_000 - links
    chain = "select count(*) from identity.person_refs group by person_id order by 1 desc limit 1"
    assert bare.query(chain) == [(20_000,)]
