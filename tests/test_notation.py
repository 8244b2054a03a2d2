"""Durations, cadences and shares as people write them. (Those that are refused stand in `declarations/invalid`.)"""

from datetime import timedelta

import pytest

from pipelines import notation


def test_durations_are_minutes_hours_days_or_weeks():
    read = [notation.parse_duration(text) for text in ("30m", "48h", "2d", "1w")]
    assert read == [timedelta(minutes=30), timedelta(hours=48), timedelta(days=2), timedelta(weeks=1)]


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        ("1m", "* * * * *"),
        ("15m", "*/15 * * * *"),
        ("60m", "0 * * * *"),
        ("1h", "0 * * * *"),
        ("6h", "0 */6 * * *"),
        ("24h", "0 6 * * *"),
        ("1d", "0 6 * * *"),
        ("7d", "0 6 * * 1"),
        ("1w", "0 6 * * 1"),
        ("30 7  * * mon-fri", "30 7 * * mon-fri"),
    ],
)
def test_a_cadence_is_five_cron_fields(every, cron):
    assert notation.cron_of(every) == cron


@pytest.mark.parametrize("every", ["45m", "5h", "2d", "2w", "@daily", "* * * * * *", "0 0 0 0 0", ""])
def test_a_cadence_that_would_be_uneven_or_never_is_refused(every):
    with pytest.raises(ValueError, match=r"is not|does not divide"):
        notation.cron_of(every)


@pytest.mark.parametrize(
    ("written", "share"), [("10%", 0.1), (0.1, 0.1), ("0.25", 0.25), (0, 0.0), ("50%", 0.5), (0.5, 0.5)]
)
def test_a_share_is_a_percentage_or_a_fraction(written, share):
    assert notation.parse_share(written) == share


@pytest.mark.parametrize("written", [True, None, "-5%", "5e-1", "nan", "50.1%", 0.51, 1])
def test_what_is_no_share_of_at_most_a_half_is_refused(written):
    with pytest.raises(ValueError, match=r"is not a share|more than half"):
        notation.parse_share(written)
