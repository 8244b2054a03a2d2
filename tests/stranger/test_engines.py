"""A cinema's dbt project on each engine, with the same answers: what is built, planned, said, and held by channels."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from destinations.sandbox.server import Sandbox

from ..cli.terminal import Terminal
from ..postgres import running
from ..spark import connected

COUNTS = ("segment", "suppressed", "wanted", "add", "update", "remove", "keep", "trigger", "unusable")
SLOW = (pytest.mark.slow, pytest.mark.timeout(900))
ENGINES = ["duckdb", *(pytest.param(name, marks=SLOW) for name in ("postgres", "spark"))]
TOLD = {
    "fay@example.com": {"name": "Fay", "born": "2001-03-04", "spent": 11, "last_visit": "2026-01-06T21:00:00Z",
                        "dear": False},
    "lei@example.com": {"name": "李雷", "born": "1999-09-09", "spent": 12.5, "last_visit": "2026-01-02T18:30:00Z",
                        "dear": True}}

STORY = [
    "m2",
    "newcomers: not in the segment now; in no snapshot so far",
    "regulars: in the segment now, suppressed by do_not_contact; suppressed since snapshot 2 (T)",
    "regulars__door: the channel holds nothing of them",
    "regulars__post: the channel holds nothing of them",
    "T  regulars: entered: sent",
    "T  regulars__door: add",
    "T  regulars__post: add",
    "T  regulars__door: add ok",
    "T  regulars__post: add ok",
    "T  regulars: is now: suppressed",
    "T  regulars__door: remove",
    "T  regulars__post: remove",
    "T  regulars__door: remove ok",
    "T  regulars__post: remove ok",
]


class Cinema:
    """The project in a folder of its own, its channels, and a terminal at one target."""

    def __init__(self, folder: Path, box: Sandbox, capfd: pytest.CaptureFixture[str], target: str,
                 environ: dict[str, str]) -> None:
        self.folder, self.box, self._target = folder, box, target
        self._terminal = Terminal(folder, capfd, {
            **environ, "CINEMA_DOOR": box.base_url("webhook"), "CINEMA_SECRET": box.credentials.webhook_secret or "",
            "CINEMA_POST": box.base_url("klaviyo"), "CINEMA_POST_KEY": box.credentials.klaviyo_api_key})

    def __call__(self, *words: str, code: int = 0) -> str:
        ran = self._terminal(*words, "--target", self._target)
        assert (ran.code, ran.err) == (code, ""), ran.out
        return ran.out

    def said(self, *words: str, names: tuple[str, ...], code: int = 0) -> dict[str, tuple[Any, ...]]:
        ran = self._terminal(*words, "--json", "--target", self._target)
        assert ran.said == (code, ""), ran.out
        return {each["sync"]: tuple(each[name] for name in names) for each in ran.document(words[0])["syncs"]}

    def approve(self) -> None:
        """Release the one plan that is held."""
        [held] = self._terminal("approve", "--json", "--target", self._target).document("approve")["holds"]
        self("approve", held["plan_id"], "--by", "Bea", "--reason", "a quiet week")

    def edit(self, seed: str, old: str, new: str) -> None:
        file = self.folder / "seeds" / f"{seed}.csv"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def held(self) -> dict[str, dict[str, list[str]]]:
        """Channel → audience → the keys that it has."""
        channels = self.box.truth()["channels"]
        return {channel: {found["name"]: sorted(found["keys"]) for found in channels[channel]["audiences"].values()}
                for channel in ("webhook", "klaviyo")}


@pytest.fixture(params=ENGINES)
def cinema(request: pytest.FixtureRequest, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Cinema]:
    folder = Path(shutil.copytree(Path(__file__).parent / "cinema", tmp_path / "cinema"))
    with Sandbox() as box, reached(request.param) as environ:
        yield Cinema(folder, box, capfd, request.param, environ)


@contextmanager
def reached(target: str) -> Iterator[dict[str, str]]:
    """The engine of a target for as long as the block lasts, as the profile asks the environment for it."""
    if target == "duckdb":
        yield {}
    elif target == "spark":
        with connected() as address:
            yield {"SPARK_REMOTE": address}
    else:
        with running() as server:
            from psycopg.conninfo import conninfo_to_dict

            place = conninfo_to_dict(server.database())
            yield {f"CINEMA_{name}": str(place[word])
                   for name, word in (("HOST", "host"), ("USER", "user"), ("DATABASE", "dbname"))}


def test_a_project_is_built_planned_synced_and_explained_alike_on_each_engine(cinema: Cinema) -> None:
    assert re.fullmatch(r"Built 9 nodes in .* s\.\n", cinema("build"))
    first = {"newcomers__door": (1, 0, 1, 0, 0, 0, 0, 0, 0), "regulars__door": (5, 1, 4, 4, 0, 0, 0, 0, 0),
             "regulars__post": (5, 1, 3, 3, 0, 0, 0, 0, 1)}
    assert cinema.said("plan", "--no-build", names=COUNTS, code=2) == first
    sent = cinema.said("sync", "--no-build", names=("status", "accepted"))
    assert sent == {"newcomers__door": ("nothing", 0), "regulars__door": ("ok", 4), "regulars__post": ("ok", 3)}
    assert cinema.held() == {"webhook": {"regulars": ["m1", "m2", "m4", "m7"]},
                             "klaviyo": {"regulars": ["m1", "m2", "m7"]}}

    cinema.edit("tickets", "13,m7", "13,m9")  # Lei came once only, and Fay for the first time; Cleo may be written to
    cinema.edit("tickets", "11,m5,2026-01-06 21:00:00,11.00", "11,m6,2026-01-06 21:00:00,11.00")
    cinema.edit("members", "Bob@", "Bobby@")
    cinema.edit("refusals", "m3", "m2")
    then = {"newcomers__door": (2, 0, 2, 0, 0, 0, 0, 2, 0), "regulars__door": (4, 1, 3, 1, 0, 2, 2, 0, 0),
            "regulars__post": (4, 1, 2, 1, 0, 2, 1, 0, 1)}
    assert cinema.said("plan", names=COUNTS, code=2) == then
    assert cinema.said("sync", "--no-build", names=("status", "accepted")) == {
        "newcomers__door": ("ok", 2), "regulars__door": ("ok", 3), "regulars__post": ("held", 1)}
    cinema.approve()
    assert cinema.said("sync", "--no-build", "--to", "post", names=("status", "accepted")) == {
        "regulars__post": ("ok", 2)}
    assert cinema.held() == {"webhook": {"regulars": ["m1", "m3", "m4"]}, "klaviyo": {"regulars": ["m1", "m3"]}}
    messages = cinema.box.truth()["channels"]["webhook"]["messages"]
    assert {each["to"]: each["properties"] for each in messages} == TOLD
    assert len(messages) == len(TOLD)

    requests = len(cinema.box.requests)
    assert cinema("plan", "--no-build").endswith("Nothing to do: 3 syncs are as the audiences say.\n")
    assert {said for said, *_ in cinema.said("sync", "--no-build", names=("status",)).values()} == {"nothing"}
    assert len(cinema.box.requests) == requests
    assert cinema.said("status", names=("members", "undelivered")) == {
        "newcomers__door": (0, {}), "regulars__door": (3, {}), "regulars__post": (2, {"unusable": 1})}
    story = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "T", cinema("explain", "m2")).splitlines()
    assert [line for line in story if "job" not in line] == STORY
