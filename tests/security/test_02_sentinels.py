"""2, 4 and 7 · A sentinel secret and a sentinel person pass every failure and are found only where they belong."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from destinations.webhook import Webhook, WebhookSettings
from pipelines.delivery import exchange
from pipelines.delivery.http import HttpTransport
from pipelines.errors import TailraceError
from pipelines.run import Ports
from tests.cli.conftest import Club, club  # noqa: F401 - a fixture
from tests.engine.world import World
from tests.sockets import acts
from tests.sockets.raw import Act, Raw, Talk

SECRET = "whsec_c2VudGluZWwtc2VjcmV0LTQ3MTEtdGhhdC1pcy1sb25n"
TOKEN = "sentinel-token-4711"
PERSON = ("sentinel.person@example.com", "+16505550147", "Sentinella Personova")
SENTINELS = (SECRET, SECRET.removeprefix("whsec_"), "sentinel-secret-4711", TOKEN, *PERSON)
OPEN = ("receipt", "receipts", "run_log", "runs", "hold", "decision", "unresolved", "undelivered", "sync_control",
        "snapshot", "membership")
"""Tables and views that hold keys, counts and reasons; an address is in plans and ledgers, where it is needed."""


def echo(status: str) -> Act:
    """A channel that says back all it was told, in its body and its headers."""
    def act(talk: Talk) -> None:
        told = json.dumps({"error": " ".join(SENTINELS), "code": " ".join(SENTINELS), "echo": talk.body.decode()})
        talk.answer(told.encode(), status, f"Location: http://127.0.0.1/{TOKEN}", f"X-Error: {' '.join(PERSON[:2])}")

    return act


FAILURES: dict[str, Act] = {
    **{status.split()[0]: echo(status) for status in (
        "200 OK", "301 Moved", "400 Bad", "401 Who", "403 No", "404 Not", "409 Then", "410 Gone", "413 Large",
        "422 Bad", "429 Later", "500 Oh", "503 Busy")},
    "reset": acts.reset_at_once, "bomb": acts.gzip_bomb, "short": acts.shorter_than_said, "line": acts.no_status_line,
}


class Watched(World):
    """A world with a real transport."""

    @property
    def ports(self) -> Ports:
        return replace(super().ports, transport=lambda: HttpTransport(deadline=20))


@pytest.fixture
def everything_said(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """All that was printed or logged, of any logger and level; a test adds what it was answered."""
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield said
    printed = capfd.readouterr()
    said += [printed.out, printed.err, caplog.text]
    assert [word for word in SENTINELS if any(word in text for text in said)] == []


@pytest.mark.parametrize("kind", FAILURES)
def test_02_no_failure_of_a_channel_shows_a_secret_or_a_person(
    tmp_path: Path, kind: str, everything_said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TRIES", 2)
    with Raw(FAILURES[kind]) as server:
        settings = WebhookSettings(url=f"https://hooks.example.com/x?token={TOKEN}", base_url=server.url, secret=SECRET)
        world = Watched(tmp_path, trigger={"when": "enters", "event": "welcome", "send": ["note"]}, send=["note"],
                        first_sync="live")
        world.destination = Webhook(settings)
        world.sql("create or replace table cart as select 'p1' as person_id, ? as email, ? as note",
                  [PERSON[0], json.dumps(PERSON)])
        try:
            everything_said += [repr(world.run()), repr(world.run(0.01)), repr(world.tasks)]
        except (TailraceError, Exception) as error:
            everything_said += [str(error), repr(error), "".join(traceback.format_exception(error))]
        assert server.heard
    names = {name for (name,) in world.sql(
        "select table_name from information_schema.tables where table_schema = 'activation'")}
    for table in sorted(names & {*OPEN}):
        everything_said.append(str(world.sql(f"from activation.{table}")))
    everything_said += [path.read_bytes().decode("latin-1") for path in tmp_path.glob("*.journal*")]


@pytest.mark.slow
def test_04_no_command_names_a_person_whatever_fails(
    club: Club, everything_said: list[str]  # noqa: F811
) -> None:
    club.people(f"p1,{PERSON[0]},true", "p2,bob@example.com,true", f"p3,{PERSON[0]} {PERSON[1]},true")
    for words in (["sync"], ["plan", "--no-build"], ["status"], ["rejects"], ["unresolved"], ["explain", "p1"]):
        for fault in ({"kind": "error", "status": 422}, {"kind": "garbage"}, {"kind": "token_expired"})[:
                      3 if words == ["sync"] else 1]:
            for channel in ("webhook", "klaviyo"):
                club.box.fault(channel, times=9, **fault)
            ran = club.tailrace(*words, *(["--no-build"] if words == ["sync"] and club.file.exists() else []))
            everything_said += [ran.out, ran.err]
    club.sql("create or replace table fans as select 'p1' as person_id, ? as email, 1 as broken", [PERSON[0]])
    for words in (["plan", "--no-build", "fans"], ["sync", "--no-build", "fans"]):
        ran = club.tailrace(*words)
        everything_said += [ran.out, ran.err]
    everything_said += [path.read_bytes().decode("latin-1") for path in (club.folder / ".tailrace").rglob("*")
                        if path.is_file()]
