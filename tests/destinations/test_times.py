"""Times as numbers, for channels to which nothing else is a time."""

from typing import Any

import pytest

from destinations.times import unix


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("2026-03-01T12:00:00Z", 1772366400),
        ("2026-03-01T12:00:00.999999Z", 1772366400),
        ("2026-03-01T13:00:00+01:00", 1772366400),
        ("2026-03-01T13:00+0100", 1772366400),
        ("2026-03-01T12:00:00", 1772366400),
        ("2026-03-01", 1772323200),
        ("1969-12-31T23:59:59.5Z", -1),
        ({"at": ["2026-03-01", "soon"]}, {"at": [1772323200, "soon"]}),
    ],
)
def test_a_date_or_time_is_seconds_since_1970(written: Any, wanted: Any) -> None:
    assert unix(written) == wanted


@pytest.mark.parametrize("value", [
    "", "2026", "2026-03", "20260301", "2026-02-30", "2026-03-01T25:00Z", "on 2026-03-01", "2026-03-01 12:00", 2026,
    True, None, 1.5,
])  # fmt: skip
def test_what_is_none_stays_as_it_is(value: Any) -> None:
    assert unix(value) == value and type(unix(value)) is type(value)
