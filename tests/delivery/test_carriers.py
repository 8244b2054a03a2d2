"""A request goes to the carrier of its scheme; one that cannot be carried is told as what it is."""

import sys
import threading
from collections.abc import Callable

import pytest

from destinations.protocol import Request, Response
from destinations.sandbox.server import Sandbox
from pipelines.delivery.carriers import Carriers, is_foreign
from pipelines.delivery.ports import Answer, Lost

Carry = Callable[[Request], Answer]


@pytest.mark.parametrize(
    ("url", "foreign"),
    [("https://api.example.com", False), ("http://127.0.0.1:9", False), ("ftp://example.com", False),
     ("smtp://a", True), ("smtps://a", True), ("postgresql://a", True), ("duckdb:///a", True), ("file:///a", True)],
)
def test_what_is_not_of_http_is_known_by_its_scheme(url: str, foreign: bool) -> None:
    assert is_foreign(Request("GET", url)) is foreign


def test_one_transport_carries_http_and_files(carry: Carry, tmp_path: object) -> None:
    with Sandbox() as sandbox:
        answers = [carry(Request("GET", f"{sandbox.url}/truth.json")), carry(Request("HEAD", f"file://{tmp_path}/"))]
    assert [isinstance(answer, Response) and answer.status for answer in answers] == [200, 200]


def test_a_driver_that_is_not_installed_is_named(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    request = Request("SQL", "postgresql://a@127.0.0.1:1/b", {}, b'{"statements": []}')
    answer = carry(request)
    assert isinstance(answer, Lost) and not answer.sent
    assert answer.reason == "never sent: psycopg is not installed (pip install psycopg)"


def test_a_carrier_that_breaks_leaves_it_open_what_was_done(carry: Carry) -> None:
    before = threading.active_count()
    assert carry(Request("SQL", "duckdb:///nowhere", {}, b"no json")) == Lost("lost: JSONDecodeError", sent=True)
    assert threading.active_count() <= before + 1


def test_what_carriers_keep_open_is_closed_with_them(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    closed: list[object] = []

    def close(self: object) -> None:
        closed.append(self)

    monkeypatch.setattr("pipelines.delivery.files.Carrier.close", close)
    with Carriers() as carriers:
        carriers.carry(Request("HEAD", f"file://{tmp_path}/"))
        assert closed == []
    assert len(closed) == 1
