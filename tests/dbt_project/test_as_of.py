"""The var as_of in every form a person or a program writes it."""

import pytest

from tests.dbt_project.shop import Shop


def compiled(shop: Shop, sql: str, as_of: str) -> str:
    done = shop.dbt("compile", "--inline", sql, "--vars", f"as_of: {as_of}", manifest=shop.manifest)
    assert done.success, done.exception or done.result
    return done.result.results[0].node.compiled_code


@pytest.mark.parametrize(
    ("as_of", "moment"),
    [
        ("'2026-10-21T06:00:00'", "2026-10-21 06:00:00"),
        ("'2026-10-21T06:00:00Z'", "2026-10-21 06:00:00"),
        ("'2026-10-21T06:00:00+00:00'", "2026-10-21 06:00:00"),
        ("'2026-10-21T08:00:00+02:00'", "2026-10-21 06:00:00"),
        ("'2026-10-21 06:00'", "2026-10-21 06:00:00"),
        ("'2026-10-21T06:00:00.250000Z'", "2026-10-21 06:00:00.250000"),
        ("'2026-10-21'", "2026-10-21 00:00:00"),
        ("2026-10-21", "2026-10-21 00:00:00"),
        ("2026-10-21T06:00:00Z", "2026-10-21 06:00:00"),
    ],
)
def test_as_of_is_read_in_every_iso_form_as_utc(shop: Shop, as_of: str, moment: str) -> None:
    assert compiled(shop, "{{ as_of() }}", as_of) == f"cast('{moment}' as timestamp)"


def test_an_as_of_that_is_no_time_is_refused_with_what_would_be_right(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = shop.dbt("compile", "--inline", "{{ as_of() }}", "--vars", "as_of: yesterday", manifest=shop.manifest)
    said = capsys.readouterr().out
    assert not refused.success
    assert "the var as_of is 'yesterday'; write an ISO 8601 date or time, such as 2026-10-21T06:00:00Z" in said
    assert "Traceback" not in said


def test_a_window_is_half_open_and_an_age_is_too(shop: Shop) -> None:
    assert compiled(shop, "{{ within('t', hours=24) }}", "2026-10-21T06:00:00Z") == (
        "(t >= cast('2026-10-20 06:00:00' as timestamp) and t < cast('2026-10-21 06:00:00' as timestamp))"
    )
    assert compiled(shop, "{{ aged('t', 1, 24) }}", "2026-10-21T06:00:00Z") == (
        "(t > cast('2026-10-20 06:00:00' as timestamp) and t <= cast('2026-10-21 05:00:00' as timestamp))"
    )


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        ("2026-10-21T21:59:59Z", "2026-10-21"),  # Berlin is two hours ahead in summer
        ("2026-10-21T22:00:00Z", "2026-10-22"),
        ("2026-10-25T22:59:59Z", "2026-10-25"),  # and one from this day on
        ("2026-10-25T23:00:00Z", "2026-10-26"),
    ],
)
def test_the_business_day_changes_at_midnight_of_the_business_zone(shop: Shop, as_of: str, day: str) -> None:
    assert compiled(shop, "{{ business_day() }}", as_of) == f"cast('{day}' as date)"
