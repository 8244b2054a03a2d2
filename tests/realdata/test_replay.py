"""Real days through the engine into a sandbox: every day channel, ledger and audience table hold the same people."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from destinations.sandbox.server import Sandbox
from pipelines import proof, work
from pipelines.project import Options
from pipelines.project import Project as Opened

from .projects import HERE, NAMES, copy, environment
from .replay import FIRST_DAY, REPLAYED, Day, replay, replay_dates, replay_month
from .test_definitions import expected
from .test_edges import write_parquet

realdata = pytest.mark.realdata
Copy = Callable[[str], Path]
CHANNELS = ("customerio", "klaviyo", "meta_ads", "webhook")


@pytest.fixture
def copied(tmp_path: Path, shared: Path) -> Copy:
    """A fresh copy of a project in a folder of the test."""
    return lambda name: copy(name, tmp_path, shared).root


def held(box: Sandbox, channel: str, audience: str) -> list[str]:
    """The persons whom a channel names for an audience."""
    lists = box.truth()["channels"][channel]["audiences"].values()
    return sorted(person for found in lists if found["name"] == audience for person in found["keys"])


def check_month(days: int, copied: Copy, shared: Path) -> None:
    name, audience = REPLAYED
    root = copied(name).parent
    replayed = []
    with Sandbox() as box, environment(TAILRACE_REALDATA=str(shared)):
        for day in replay_month(root, box, days):
            answer = expected(name, shared, day.day)[audience]
            assert day.equal, str(day)
            assert {channel: held(box, channel, audience) for channel in CHANNELS} == dict.fromkeys(CHANNELS, answer)
            assert day.segment == len(answer)
            replayed.append(day)
    assert [day.day for day in replayed] == [FIRST_DAY + timedelta(days=number) for number in range(days)]
    assert replayed[0].entered > 0 and sum(day.left for day in replayed) > 0


@realdata
def test_each_day_people_enter_and_leave_all_four_channels_as_the_definition_says(copied: Copy, shared: Path) -> None:
    check_month(3, copied, shared)


@realdata
@pytest.mark.slow
def test_the_same_holds_for_thirty_days_in_a_row(copied: Copy, shared: Path) -> None:
    check_month(30, copied, shared)


@realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_audience_arrives_on_every_date_of_its_definition(name: str, copied: Copy, shared: Path) -> None:
    root = copied(name).parent
    with Sandbox() as box, environment(TAILRACE_REALDATA=str(shared)):
        for day in replay_dates(root, box, [name]):
            assert day.equal, str(day)


@realdata
def test_the_command_builds_one_audience_for_one_day_in_the_projects_own_file(copied: Copy, shared: Path) -> None:
    root = copied("cdnow")
    command = ["build", "--project-dir", str(root), "--profiles-dir", str(root), "--as-of", "1997-06-30",
               "--select", "lapsed_repeat_buyer"]
    done = subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", *command], cwd=root.parent, timeout=300,
        check=False, capture_output=True, text=True, env={**os.environ, "TAILRACE_REALDATA": str(shared)})
    assert (done.returncode, done.stderr) == (0, "")
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute("select person_id from audiences.lapsed_repeat_buyer order by 1").fetchall()
    assert [person for (person,) in rows] == expected("cdnow", shared, date(1997, 6, 30))["lapsed_repeat_buyer"]


class MadeUp:
    """The rows of `edges/cdnow.sql`, so that this runs without the real data."""

    def __init__(self, folder: Path, box: Sandbox) -> None:
        self.parquet = write_parquet(HERE / "edges" / "cdnow.sql", folder / "parquet")
        self.root, self.box = copy("cdnow", folder, self.parquet).root, box
        declared = self.root / "models" / "audiences" / "lapsed_repeat_buyer.yml"
        guards = "holdout: 0\n          guards: {removal: 30%}\n"
        declared.write_text(declared.read_text().replace("holdout: 0\n", guards))

    def replay(self, day: str, *, approve: bool = False) -> Day:
        with environment(TAILRACE_REALDATA=str(self.parquet)):
            return replay(self.root.parent, "cdnow", self.box, date.fromisoformat(day), approve=approve)

    def open(self, day: str) -> Opened:
        return Opened(Options(self.root, self.root, as_of=day), {**os.environ, **self.box.environment()})

    def proofs(self, day: str) -> list[proof.Proof]:
        project = self.open(day)
        [audience] = project.audiences()
        with project.warehouse() as warehouse:
            return [proof.compare(warehouse, audience, task, (), self.box.truth())
                    for task in project.tasks(audience)[0]]


@pytest.fixture
def made_up(tmp_path: Path):
    with Sandbox() as box:
        yield MadeUp(tmp_path, box)


def test_a_day_on_made_up_rows_is_told_whole_and_then_there_is_nothing_to_do(made_up: MadeUp) -> None:
    first, stopped, second = (made_up.replay(day, approve=approve) for day, approve in (
        ("1997-12-31", False), ("1998-02-28", False), ("1998-02-28", True)))
    # The id `back tomorrow` makes no e-mail address, so the ad platform cannot be told of that person.
    assert first.problems == ("lapsed_repeat_buyer__meta_ads: 1 unusable",)
    assert [(all(each.equal for each in day.proofs), day.segment, day.entered, day.left)
            for day in (first, second)] == [(True, 3, 5, 0), (True, 2, 2, 3)]
    # Two of three leave at once, which a guard holds until a person has looked at it.
    assert [line.partition(" (")[0] for line in stopped.problems] == [
        f"lapsed_repeat_buyer__{channel}: held: 2 of 3 left at once" for channel in ("meta_ads", "webhook")]
    assert (first.equal, stopped.equal, second.equal) == (False, False, True)
    assert held(made_up.box, "webhook", "lapsed_repeat_buyer") == ["00059", "00060"]
    requests = len(made_up.box.requests)
    again = work.sync(made_up.open("1998-02-28"))
    assert [result.status for result in again.results] == ["nothing", "nothing"]
    assert len(made_up.box.requests) == requests


def test_the_proof_sees_a_person_whom_the_channel_lost_and_one_it_should_not_have(made_up: MadeUp) -> None:
    made_up.replay("1997-12-31")
    equal = {each.sync: each for each in made_up.proofs("1997-12-31")}
    members = made_up.box.channels["webhook"].state["audiences"]["lapsed_repeat_buyer"]
    members["stranger"] = members.pop("00060")
    sync = "lapsed_repeat_buyer__webhook"
    found = {each.sync: each for each in made_up.proofs("1997-12-31")}
    assert found == {**equal, sync: replace(equal[sync], missing=1, stray=1)}
    assert {name: each.equal for name, each in found.items()} == {**dict.fromkeys(equal, True), sync: False}


def test_the_proof_sees_a_ledger_that_is_wrong(made_up: MadeUp) -> None:
    made_up.replay("1997-12-31")
    equal = made_up.proofs("1997-12-31")
    with duckdb.connect(str(made_up.root / "warehouse.duckdb")) as warehouse:
        warehouse.execute("delete from activation.ledger_base where dest_key = 'person:00060'")
    assert made_up.proofs("1997-12-31") == [
        each if each.sync.endswith("meta_ads") else replace(each, recorded=2, misrecorded=1) for each in equal]
