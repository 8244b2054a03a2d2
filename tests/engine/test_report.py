"""The page about an audience: its numbers as text, one file that asks nobody for anything, and no person on it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from pipelines.errors import StateError
from pipelines.report import charts, figures, render
from tests.engine.world import RawMail, World

VOID = {"meta", "br", "hr", "img", "input", "link"}
TRIGGER = {"when": "enters", "event": "welcome", "max_age": "48h"}


class Page(HTMLParser):
    """A page's text by element, its attributes, and whether each element is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.words.append(" ".join(data.split()))


@pytest.fixture
def world(make_world) -> World:
    """Five enter, one of them without an address; then two leave, two enter, one is spared, and an answer is lost."""
    world = make_world(RawMail, send=["value"], trigger=TRIGGER)
    world.people(*((name, f"{name}@x.io", 1) for name in ("ada", "ben", "cleo", "dan")), ("zoe", "nowhere", 1))
    world.run()
    world.spare("cleo")
    world.people(*((name, f"{name}@x.io", 1) for name in ("ada", "cleo", "dan", "fay", "gil")))
    world.channel.refuse = {"gil@x.io"}
    world.run(1)
    return world


def page(world: World) -> str:
    with world.warehouse() as warehouse:
        return render(figures.read(warehouse, world.audience))


def test_the_page_has_the_figures(world: World) -> None:
    words = Page(page(world)).words
    assert words[1:4] == ["Audience", "cart", "Nobody is held out."]
    assert words[4:12] == ["in the segment", "5", "to be sent", "4", "held out", "0", "suppressed", "1"]
    funnel = words.index("mail")
    assert words[funnel + 1:funnel + 11] == [
        "in the segment", "7", "to be sent", "7", "sent", "6", "accepted", "5", "held now", "3"]
    table = words.index("channel")
    assert words[table:table + 10] == [
        "channel", "ok", "rejected", "messages", "unresolved", "mail", "8", "2", "1", "0"]
    assert words[words.index("Lift") + 1] == "Nobody is held out, so nothing can be compared."


def test_the_page_is_well_formed_and_asks_nobody_for_anything(world: World) -> None:
    text = page(world)
    found = Page(text)
    assert (found.wrong, found.open) == ([], [])
    assert re.findall(r"https?:|//|<script|<link|url\(|@import", text) == []
    assert [name for name, _ in found.attributes if name in ("src", "href", "srcset") or name.startswith("on")] == []


def test_nobody_is_on_the_page(world: World) -> None:
    text = page(world)
    assert [name for name in ("ada", "ben", "cleo", "dan", "zoe", "fay", "gil", "x.io") if name in text] == []


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.01, 0.05, "More than chance explains."), (-0.01, 0.05, "Chance alone could explain it."),
    (-0.05, -0.01, "Less than chance explains.")])
def test_lift_is_told_with_its_interval(world: World, low: float, high: float, verdict: str) -> None:
    world.sql("create schema measurement")
    world.sql("create table measurement.lifts as select 'conversion' as metric, 'cart' as audience, 900 as n_sent,"
              " 100 as n_held, 0.1::float8 as mean_sent, 0.08::float8 as mean_held, 0.02::float8 as effect,"
              f" {low}::float8 as effect_low, {high}::float8 as effect_high, 0.021::float8 as adjusted_effect,"
              " 0.003::float8 as adjusted_low, 0.039::float8 as adjusted_high, -0.1::float8 as always_low,"
              " 0.14::float8 as always_high, 0.03::float8 as detectable, true as arms_fit")
    text = " ".join(Page(page(world)).words).replace("−", "-")
    assert f"Conversion: +2.0 pp , 95 % interval {low * 100:+.1f} pp to {high * 100:+.1f} pp. {verdict}" in text
    assert "(CUPED): +2.1 pp, +0.3 pp to +3.9 pp." in text
    assert "each day: -10.0 pp to +14.0 pp. 900 were sent, 100 held out." in text


def test_arms_of_other_sizes_than_were_drawn_prove_nothing() -> None:
    lift = figures.Lift("conversion", 900, 300, 0.1, 0.08, 0.02, 0.01, 0.03, 0.02, 0.01, 0.03, 0, 0.1, 0.03,
                        arms_fit=False)
    assert lift.verdict.startswith("The arms have not the sizes that were drawn")


def test_an_audience_that_was_never_synced_has_no_page(make_world) -> None:
    world = make_world()
    with world.warehouse() as warehouse, pytest.raises(StateError, match="nothing is recorded yet; sync it"):
        figures.read(warehouse, world.audience)


@pytest.mark.parametrize(("low", "high", "whole", "expected"), [
    (0, 132, True, [0, 50, 100, 150]), (0, 1, True, [0, 1]), (-3, 6, True, [-5, 0, 5, 10]),
    (-0.6, 1.7, False, [-1, 0, 1, 2]), (0, 4_100_000, True, [0, 2_000_000, 4_000_000, 6_000_000])])
def test_ticks_are_round_and_enclose_the_numbers(
    low: float, high: float, whole: bool, expected: list[float]
) -> None:
    assert charts.ticks(low, high, 4, whole) == expected
