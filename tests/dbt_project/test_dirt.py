"""Staging and identity on the dirt that the seeds carry: what is repeated, late, mistyped, shared or no id at all."""

import pytest

from tests.dbt_project.shop import Shop

LAST_DAY = "2026-11-04T06:00:00Z"


@pytest.fixture(scope="module")
def last_day(shop: Shop) -> Shop:
    shop.run(LAST_DAY)
    return shop


def number(shop: Shop, sql: str) -> int:
    return shop.query(sql)[0][0]


@pytest.mark.parametrize(
    ("source", "table", "key"),
    [
        ("web", "events", "event_id"),
        ("shop", "orders", "order_id"),
        ("billing", "payments", "payment_id"),
        ("messaging", "consents", "consent_id"),
    ],
)
def test_rows_loaded_twice_count_once(last_day: Shop, source: str, table: str, key: str) -> None:
    usable = (
        f"select {key} from raw.raw_{table} where {key} <> '' except select row_key from quarantine.quarantine_{source}"
    )
    assert last_day.query(f"select {key} from staging.stg_{table} order by 1") == last_day.query(f"{usable} order by 1")


def test_the_seeds_do_repeat_rows_and_give_one_event_to_two_users(last_day: Shop) -> None:
    repeated = "select event_id from raw.raw_events group by event_id having count(*) > 1"
    assert number(last_day, f"select count(*) from ({repeated})") > 0
    assert number(last_day, f"select count(*) from ({repeated} and count(distinct user_id) > 1)") > 0


def test_ids_as_float_text_find_their_person(last_day: Shop) -> None:
    floats = "select event_id from raw.raw_events where user_id like '%.0'"
    assert number(last_day, f"select count(distinct event_id) from ({floats})") > 0
    lost = f"{floats} except select event_id from identity.person_events"
    assert last_day.query(lost) == []


def test_a_template_token_is_nobody_and_brings_no_strangers_together(last_day: Shop) -> None:
    tokens = "select event_id, anonymous_id from raw.raw_events where user_id like '%{{%'"
    assert number(last_day, f"select count(*) from ({tokens})") > 0
    owners = f"select person_id from identity.person_events inner join ({tokens}) using (event_id)"
    assert number(last_day, f"select count(*) from ({owners})") <= number(
        last_day,
        f"select count(*) from ({tokens}) inner join identity.anonymous_persons using (anonymous_id)",
    )
    assert last_day.query("select * from identity.person_refs where person_ref like '%{{%'") == []


def test_no_address_carries_a_token_of_a_person(last_day: Shop) -> None:
    assert number(last_day, "select count(*) from raw.raw_events where url like '%token%'") > 0
    assert last_day.query("select url from staging.stg_events where url like '%token%'") == []


def test_events_that_land_days_late_are_not_seen_before(shop: Shop) -> None:
    as_of = "2026-10-28 06:00:00"
    on_their_way = f"select event_id from raw.raw_events where occurred_at < '{as_of}' and loaded_at >= '{as_of}'"
    shop.run(as_of)
    assert number(shop, f"select count(*) from ({on_their_way})") > 0
    assert shop.query(f"{on_their_way} intersect select event_id from staging.stg_events") == []


def test_every_phone_is_international_and_every_email_an_address(last_day: Shop) -> None:
    phones = last_day.column("select value from identity.person_identifiers where kind = 'phone'")
    emails = last_day.column("select value from identity.person_identifiers where kind = 'email'")
    assert [phone for phone in phones if not (phone[0] == "+" and phone[1:].isdigit() and phone[1] != "0")] == []
    assert [email for email in emails if email != email.strip().lower() or email.count("@") != 1] == []
    dropped = "from staging.stg_identities anti join identity.person_identifiers using (identity_id)"
    assert number(last_day, f"select count(*) {dropped}") > 0


def test_people_merge_and_a_shared_mailbox_merges_nobody(last_day: Shop) -> None:
    sharers = """
        select value, count(distinct person_ref) as refs, count(distinct person_id) as people
        from identity.person_identifiers inner join identity.person_refs using (person_ref)
        where kind = 'email' and verified group by value having count(distinct person_ref) > 1
    """
    assert number(last_day, f"select count(*) from ({sharers}) where refs <= 3 and people = 1") > 0
    assert number(last_day, f"select count(*) from ({sharers}) where refs > 3") > 0
    assert last_day.query(f"select value from ({sharers}) where refs > 3 and people < refs") == []
