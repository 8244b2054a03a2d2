"""Pace: never more starts in any window than the channel allows, whoever asks, and no fewer than it could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from destinations.webhook import Webhook, WebhookSettings
from pipelines.delivery.pace import LocalPace, Pace, SharedPace, credential_of

RATES = ((3, 1.0), (5, 10.0))


@pytest.fixture(params=["local", "shared"])
def pace(request: pytest.FixtureRequest, tmp_path: Path) -> Pace:
    return LocalPace() if request.param == "local" else SharedPace(tmp_path / "pace.db")


def starts(paces: list[Pace], rates, count: int) -> list[float]:
    now, taken = 1_000.0, []
    while len(taken) < count:
        if (wait := paces[len(taken) % len(paces)].delay("key/class", rates, now)) > 0:
            now += wait
        else:
            taken.append(now)
    return taken


def test_no_window_ever_holds_more_starts_than_allowed_and_none_waits_longer_than_it_must(pace: Pace) -> None:
    taken = starts([pace], RATES, 12)
    for n, seconds in RATES:
        assert all(later - earlier >= seconds for earlier, later in zip(taken, taken[n:], strict=False))
    assert [round(at - 1_000, 2) for at in taken[:6]] == [0, 0, 0, 1.02, 1.02, 10.2]


def test_another_class_or_key_does_not_wait(pace: Pace) -> None:
    starts([pace], RATES, 3)
    assert pace.delay("key/other", RATES, 1_000.0) == 0


def test_what_the_channel_asked_for_is_waited_for_even_without_windows(pace: Pace) -> None:
    pace.hold("key/class", 1_030.0)
    pace.hold("key/class", 1_010.0)
    assert (pace.delay("key/class", (), 1_000.0), pace.delay("key/class", (), 1_031.0)) == (30.0, 0.0)


def test_processes_that_share_a_file_share_the_windows(tmp_path: Path) -> None:
    first, second = SharedPace(tmp_path / "pace.db"), SharedPace(tmp_path / "pace.db")
    taken = starts([first, second], ((2, 1.0),), 4)
    assert [round(at - 1_000, 2) for at in taken] == [0, 0, 1.02, 1.02]


def test_a_clock_that_was_set_back_stops_nobody(tmp_path: Path) -> None:
    pace = SharedPace(tmp_path / "pace.db")
    starts([pace], ((1, 1.0),), 1)
    assert pace.delay("key/class", ((1, 1.0),), 100.0) == 0


def test_connections_share_their_windows_where_the_channel_sees_one_credential() -> None:
    roots = ("https://a.example.com", "https://b.example.com")
    keys = [f"whsec_{word * 4}" for word in ("c2VjcmV0", "a2V5a2V5")]

    def seen_as(root: str, key: str, path: str = "/x") -> str:
        return credential_of(Webhook(WebhookSettings(url=root + path, base_url=root, secret=key)))

    of = {(root, key): seen_as(root, key) for root in roots for key in keys}
    again = seen_as(roots[0], keys[0], "/y")
    assert (len({*of.values()}), again == of[roots[0], keys[0]], keys[0][6:] in again) == (4, True, False)
