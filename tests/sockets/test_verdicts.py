"""What the engine records of each act, by the real transport and a whole walk: nothing that may have arrived is sent
twice unless that is safe, and nothing that was never sent is forgotten.
"""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import destinations
from destinations.protocol import Dedupe, Destination
from destinations.webhook import Webhook, WebhookSettings
from pipelines.delivery import deliver, exchange
from pipelines.delivery.http import HttpTransport
from pipelines.run import Ports
from tests.delivery.conftest import certificate
from tests.engine.world import World
from tests.sockets import acts
from tests.sockets.raw import Act, Raw

ADA = ("ada", "ada@x.io", 1)
WELCOME = {"when": "enters", "event": "welcome", "max_age": "48h"}


class Once(Webhook):
    """A receiver that does not know a repeated message."""

    capabilities = replace(Webhook.capabilities, dedupe=Dedupe.NONE)


class Wired(World):
    """The same world in front of a real server."""

    def __init__(self, folder: Path, to: Destination, **sync: object) -> None:
        super().__init__(folder, **sync)
        self.destination = to
        self.deadline = 20.0

    @property
    def ports(self) -> Ports:
        return replace(super().ports, transport=lambda: HttpTransport(deadline=self.deadline))


def message(folder: Path, kind: type[Webhook], url: str) -> Wired:
    """A world whose next entry is told once, to somebody who entered now."""
    world = Wired(folder, kind(WebhookSettings(base_url=url)), trigger=WELCOME, members=False)
    world.run()
    world.people(ADA)
    return world


IN_DOUBT = {act.__name__: act for act in (
    acts.reset_in_the_middle, acts.reset_at_once, acts.half_closed, acts.shorter_than_said, acts.no_status_line,
    acts.broken_chunks, acts.endless_header, acts.gzip_bomb, acts.ten_megabytes, acts.early_hints_first,
    acts.a_byte_now_and_then, acts.no_answer)} | {"unavailable": acts.says(b"", "503 Service Unavailable")}
"""Acts after which nobody knows whether the message was taken."""
ANSWERED: dict[str, tuple[Act, str]] = {
    "fine": (acts.fine, "ok"),
    "continue": (acts.continue_first, "ok"),
    "longer": (acts.longer_than_said, "ok"),
    "closes": (acts.closes_after_each, "ok"),
    "multi": (acts.says(b'{"a": 1}', "207 Multi-Status"), "ok"),
    "bad": (acts.says(b"", "400 Bad Request"), "rejected"),
}
"""Name → act, and what its answer means."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on however many requests fail in a row: here nearly all do."""
    monkeypatch.setattr(exchange, "BREAKER", 10_000)


def crowd(world: World, names: Iterable[str]) -> None:
    world.people(*((name, f"{name}@x.io", 1) for name in names))


def told(world: World) -> dict[str, set[str]]:
    """Person → how their attempts ended."""
    found: dict[str, set[str]] = {}
    for person, outcome in world.sql("""select o.person_key, r.outcome from activation.receipt as r
            inner join activation.op as o using (sync_id, epoch, op_id)"""):
        found.setdefault(str(person), set()).add(str(outcome))
    return found


def counted(server: Raw) -> Counter[str]:
    """Person → requests about them that arrived."""
    return Counter(json.loads(body)["data"]["person_id"] for body in server.bodies)


def test_a_message_in_doubt_is_never_sent_again_where_repeats_are_not_ignored(tmp_path: Path) -> None:
    with Raw(acts.one_of({**IN_DOUBT, **{name: act for name, (act, _) in ANSWERED.items()}})) as server:
        world = message(tmp_path, Once, server.url)
        crowd(world, [*IN_DOUBT, *ANSWERED])
        world.deadline = 3.0
        world.run(0.01)
        world.run(0.02)
        assert told(world) == {**{name: {"unknown"} for name in IN_DOUBT},
                               **{name: {outcome} for name, (_, outcome) in ANSWERED.items()}}
        assert counted(server) == dict.fromkeys([*IN_DOUBT, *ANSWERED], 1)
        assert {person for (person,) in world.sql("select person_key from activation.unresolved")} == set(IN_DOUBT)


def test_a_message_in_doubt_is_sent_again_under_its_id_where_repeats_are_ignored(tmp_path: Path) -> None:
    with Raw(acts.one_of(IN_DOUBT)) as server:
        world = message(tmp_path, Webhook, server.url)
        crowd(world, IN_DOUBT)
        world.deadline = 0.4
        assert world.run(0.01).unknown == len(IN_DOUBT)
        assert (told(world), counted(server)) == ({name: {"unknown"} for name in IN_DOUBT}, dict.fromkeys(IN_DOUBT, 4))
        assert world.plan(0.02)["trigger"] == len(IN_DOUBT)
    world.deadline = 20.0
    with Raw(acts.fine) as server:
        before = {*world.sql("select distinct op_id from activation.op")}
        world.destination = Webhook(WebhookSettings(base_url=server.url))
        assert world.run(0.02).accepted == len(IN_DOUBT)
        assert {*world.sql("select distinct op_id from activation.op")} == before


def test_members_in_doubt_are_asserted_again_until_the_channel_says_so(tmp_path: Path) -> None:
    with Raw(acts.one_of(IN_DOUBT)) as server:
        world = Wired(tmp_path, Webhook(WebhookSettings(base_url=server.url)))
        crowd(world, IN_DOUBT)
        world.deadline = 0.4
        assert (world.run().unknown, world.ledger()) == (len(IN_DOUBT), set())
    world.deadline = 20.0
    with Raw(acts.fine) as server:
        world.destination = Webhook(WebhookSettings(base_url=server.url))
        assert (world.run(0.01).accepted, len(world.ledger())) == (len(IN_DOUBT), len(IN_DOUBT))


def test_refused_credentials_and_a_channel_that_is_busy_leave_the_message_unsent(tmp_path: Path) -> None:
    with Raw(acts.says(b"", "401 Unauthorized")) as server:
        world = message(tmp_path, Once, server.url)
        assert (world.run(0.01).deferred, told(world), len(server.heard)) == (1, {"ada": {"void"}}, 1)
    with Raw(acts.says(b"", "429 Too Many Requests")) as server:
        world.destination = Once(WebhookSettings(base_url=server.url))
        assert (world.run(0.02).deferred, told(world), len(server.heard)) == (1, {"ada": {"void"}}, 4)


@pytest.mark.parametrize("act", [acts.redirect_to_metadata, acts.says(b"", "410 Gone")])
def test_a_receiver_that_has_moved_or_gone_stops_the_run_and_is_asked_once(tmp_path: Path, act: Act) -> None:
    with Raw(act) as server:
        world = message(tmp_path, Once, server.url)
        first, _ = world.run(0.01), world.run(0.02)
        assert (first.status, first.accepted, told(world), len(server.heard)) == ("failed", 0, {"ada": {"unknown"}}, 1)


def test_a_bad_certificate_leaves_the_message_unsent_and_the_next_run_sends_it(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, tmp_path / "key.pem")
    with Raw(acts.fine, tls) as server:
        world = message(tmp_path, Once, server.url)
        first = world.run(0.01)
        assert (first.deferred, server.heard, told(world)) == (1, [], {"ada": {"void"}})
    with Raw(acts.fine) as server:
        world.destination = Once(WebhookSettings(base_url=server.url))
        assert (world.run(0.02).accepted, len(server.heard)) == (1, 1)


def test_an_endpoint_that_is_down_leaves_the_message_unsent(tmp_path: Path) -> None:
    with Raw(acts.fine) as server:
        url = server.url
    world = message(tmp_path, Once, url)
    assert (world.run(0.01).deferred, world.sql("select distinct outcome, reason from activation.receipt")) == (
        1, [("void", "never sent: ConnectionRefusedError")])


def test_a_message_that_a_kept_connection_swallowed_is_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "WIDTH", 1)
    with Raw(acts.closes_on_the_second) as server:
        world = message(tmp_path, Once, server.url)
        crowd(world, ["ada", "ben"])
        world.run(0.01)
        world.run(0.02)
        assert (sorted(map(sorted, told(world).values())), len(server.heard)) == ([["ok"], ["unknown"]], 2)


def test_success_in_the_status_and_failure_in_the_body_is_a_failure(tmp_path: Path) -> None:
    """TikTok answers 200 and says in the body what went wrong."""
    body = b'{"code": 40002, "message": "no such audience", "request_id": "r"}'
    with Raw(acts.says(body)) as server:
        kind = destinations.load("tiktok_ads")
        to = kind(kind.settings_type(access_token="t", advertiser_id="1", audience_id="7", base_url=server.url))
        world = Wired(tmp_path, to)
        world.people(ADA)
        assert (world.run().accepted, world.ledger(), told(world)) == (0, set(), {"ada": {"rejected"}})


def test_of_a_multi_status_each_row_has_its_own_outcome(tmp_path: Path) -> None:
    """Customer.io answers 207 and names the rows that it does not take."""
    with Raw(acts.batch_then_list) as server:
        kind = destinations.load("customerio")
        to = kind(kind.settings_type(site_id="s", api_key="k", app_api_key="a", segment_id="7", base_url=server.url))
        world = Wired(tmp_path, to, send=["value"])
        crowd(world, ["ada", "ben"])
        world.run()
        assert told(world) == {"ada": {"ok"}, "ben": {"rejected"}}
