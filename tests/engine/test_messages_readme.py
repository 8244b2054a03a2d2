"""The page about messages: what it declares is accepted, and its series goes as it says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import yaml

from pipelines import blocks, planning
from pipelines.state.candidates import REASONS
from tests.engine.test_candidates import ADA, buys, written_to
from tests.engine.world import ForgettingMail

PAGE = Path(planning.__file__).with_name("README.md").read_text("utf-8")
[DECLARED] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LINES = re.findall(r"^day (\d+) (\d\d):00 +(\w+) +(\w+) +(\w+)$", PAGE, re.MULTILINE)


def test_its_series_goes_as_it_says(make_world) -> None:
    parts = blocks.read(yaml.safe_load(DECLARED))
    assert parts.flaws == ()
    world = make_world(ForgettingMail)
    world.messages = parts.block.messages
    world.sync, *world.others = (sync for _, sync in parts.syncs)
    written_to(world, ("ada", "ada@x.io", True, None))
    buys(world)
    world.run()
    for day, hour, does, code, event in LINES:
        days = int(day) + (int(hour) - 6) / 24
        if does == "buys":
            buys(world, ("ada", days - timedelta(minutes=5) / timedelta(days=1)))
        world.people(ADA)
        world.run(days)
        decided = world.sql("""select code, coalesce(nullif(step, ''), 'cart_abandoned') from activation.candidate
            where decided_at <= ? order by nth""", [world.clock.at])
        assert {event: code for code, event in decided}[event] == code
    assert len(LINES) == 4
    assert world.sql("select distinct connection from activation.candidates") == [("push",)]


def test_it_names_every_code() -> None:
    named = set(re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## One reason")[2], re.MULTILINE))
    assert named == {code for code, _ in REASONS.values()}
