"""Every destination against its case file: the requests it must make and what it must say of each member."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import destinations
from destinations.protocol import Request, Response
from destinations.testing import Case, Wire, read_cases, run_case
from pipelines.delivery.http import HttpTransport
from tests.destinations.wire import TRANSPORT, Capture, Sent

FOLDER = Path(__file__).parent / "cases"
CASES = [(file.stem, case) for file in sorted(FOLDER.glob("*.yaml")) for case in read_cases(file)]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case.name}" for name, case in CASES])
def test_a_destination_says_and_reads_what_its_case_file_says(name: str, case: Case) -> None:
    run_case(destinations.load(name), case)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """One server that plays every channel, and the transport of a run; what arrives is compared with what was sent."""
    transport = HttpTransport(width=1)
    with Capture() as server:

        def send(request: Request, answer: Response) -> Response:
            where = urlsplit(request.url)
            url = f"{server.url}{where.path}" + (f"?{where.query}" if where.query else "")
            server.expect(answer)
            transport.start(1, replace(request, url=url, allow_hosts=frozenset({"127.0.0.1"})))
            found = transport.wait(20)
            assert found is not None and isinstance(found[1], Response), found
            assert_arrived(server.sent[-1], request)
            return found[1]

        yield send
    transport.close()


def assert_arrived(sent: Sent, request: Request) -> None:
    where, body = urlsplit(request.url), request.body.decode() if request.body else None
    assert (sent.method, sent.path, sent.raw) == (request.method, unquote(where.path), body)
    own = {name.lower(): value for name, value in request.headers.items() if name.lower() not in TRANSPORT}
    assert own.items() <= sent.headers.items()


LIVE = [(name, case) for name, case in CASES if case.said.get("exchange") and name not in ("email", "table", "files")]


@pytest.mark.parametrize(("name", "case"), LIVE, ids=[f"{name}: {case.name}" for name, case in LIVE])
def test_a_case_holds_over_a_socket_as_in_a_rehearsal(name: str, case: Case, wire: Wire) -> None:
    assert run_case(destinations.load(name), case, wire) == run_case(destinations.load(name), case)


@pytest.mark.parametrize("name", destinations.names())
def test_all_that_a_destination_declares_stands_in_a_case(name: str) -> None:
    can, own = destinations.load(name).capabilities, [case.said for other, case in CASES if other == name]
    wanted = {"prepare": can.needs_target, "read": can.readback, "cut_off": can.cutoff, "identify": can.hashed,
              "replace": can.replace is not None,
              "settle": any("job" in outcome for said in own for outcome in said.get("outcomes", []))}  # fmt: skip
    assert {str(operation) for operation in can.operations} == {said["deliver"] for said in own if "deliver" in said}
    assert [verb for verb, there in wanted.items() if there and not any(verb in said for said in own)] == []
    if can.silent:
        assert any(said.get("silent") for said in own)


@pytest.mark.parametrize("name", [name for name in destinations.names() if name != "webhook"])
def test_a_connection_can_be_checked_and_tells_what_is_wrong_with_it(name: str) -> None:
    """A webhook has nothing that could be asked without sending a message."""
    checks = [case.said for other, case in CASES if other == name and "check" in case.said]
    assert [said for said in checks if "refused" not in said] and [said for said in checks if "refused" in said]


def test_a_case_file_that_is_wrong_in_one_word_fails(tmp_path: Path) -> None:
    text = (FOLDER / "klaviyo.yaml").read_text("utf-8").replace("external_id: u2}}", "external_id: u9}}", 1)
    (tmp_path / "klaviyo.yaml").write_text(text, "utf-8")
    case = read_cases(tmp_path / "klaviyo.yaml")[0]
    with pytest.raises(AssertionError, match=f"^{case.name}: request 1: body"):
        run_case(destinations.load("klaviyo"), case)
