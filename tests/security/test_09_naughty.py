"""9, 10 and 12 · Names and values from outside stay names and values: in SQL, in paths, in addresses and in headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import destinations
from destinations.protocol import Batch, Member, Operation, Response
from destinations.testing import read_cases
from pipelines.audiences import Audience, Block, SuppressionModel, Sync
from pipelines.sync import Task, run_to_end, walk
from pipelines.warehouse.protocol import literal, quote
from tests.engine.world import START, World

OWN = ["\"; drop table spared; --", "'; drop schema activation cascade; --", "a\"b", "a'b", "select", "x\ny", "\t",
       "Ω≈ç", "田中", "a" * 300, "../../etc/passwd", "%s%s%n", "${X}", "{{7*7}}", "$$", "?", "$person", ":1",
       "\u202etest\u202e", "🏳️‍🌈",
       "`id`", "a\\", "a--b", "/* */", "null", "NaN", "0x41"]
LIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "identifiers" / "blns.json"
NAUGHTY = list(dict.fromkeys([*OWN, *(json.loads(LIST.read_text("utf-8")) if LIST.exists() else [])]))
WORDS = [word for word in NAUGHTY if word and "\x00" not in word and word == word.encode("utf-8", "replace").decode()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("naughty"))


@pytest.mark.parametrize("start", range(0, len(WORDS), 64))
def test_09_every_naughty_string_is_a_name_and_a_value_of_sql(world: World, start: int) -> None:
    words = WORDS[start:start + 64]
    names = list({word.casefold(): word for word in words}.values())
    columns = ", ".join(f"{literal(word)} as {quote(word)}" for word in names)
    with world.warehouse() as warehouse:
        warehouse.execute(f"create or replace table naughty as select {columns}")
        assert list(warehouse.columns("naughty") or ()) == names
        assert warehouse.query(f"select {', '.join(map(quote, names))} from naughty") == [tuple(names)]


def test_09_a_walk_whose_every_name_and_value_is_naughty_delivers_them_as_they_are(tmp_path: Path) -> None:
    world = World(tmp_path)
    columns = list({word.casefold(): word for word in OWN if len(word) < 100}.values())
    rows = ", ".join(
        f"({literal(word)}, {literal(f'p{n}@x.io')}, {', '.join(literal(f'{word}{n}') for _ in columns)})"
        for n, word in enumerate(OWN))
    names = ", ".join(map(quote, ["the \"key\"; --", "mail'", *columns]))
    world.sql(f"create schema {quote(OWN[0])}")
    relation = f"{quote(OWN[0])}.{quote(OWN[1])}"
    world.sql(f"create table {relation} as select * from (values {rows}) as t ({names})")
    sync = Sync.model_validate({"to": "mail", "every": "1h", "send": columns})
    audience = Audience(name=OWN[0], relation=relation, key="the \"key\"; --", syncs=(sync,),
                        identifiers={"person": "the \"key\"; --", "email": "mail'"})
    spared = (SuppressionModel(OWN[1], "main.spared", "person_id"),)
    steps = walk(audience, [Task("naughty__mail", sync, world.destination)], spared, world.ports, START)
    [result] = run_to_end(steps)
    assert (result.status, result.accepted) == ("ok", len(OWN))
    assert world.channel.members == {
        f"p{n}@x.io": dict.fromkeys(columns, f"{word}{n}") for n, word in enumerate(OWN)}
    assert world.sql("select count(*) from spared") == [(0,)]


@pytest.mark.parametrize("name", ["a-b", "a.b", "a/b", "../a", "a b", "a;b", "a\"b", "ä", "", "1a", "a\nb"])
def test_09_a_connections_name_is_letters_digits_and_underscores(tmp_path: Path, name: str) -> None:
    from pipelines import connections

    (tmp_path / "connections.yml").write_text(json.dumps({name: {"destination": "klaviyo"}}))
    found = connections.load(tmp_path / "connections.yml", {}).check()
    assert any("write letters, digits and _ only" in complaint.message for complaint in found)


def test_10_no_declaration_takes_an_expression_of_sql() -> None:
    """Conditions are dbt models, which dbt runs with the team's own rights; what is declared is names and numbers."""
    def fields(kind: Any, found: set[str]) -> set[str]:
        for name, field in kind.model_fields.items():
            found.add(name)
            for part in [field.annotation, *getattr(field.annotation, "__args__", ())]:
                for inner in [part, *getattr(part, "__args__", ())]:
                    if hasattr(inner, "model_fields") and inner.__name__ not in found:
                        fields(inner, found | {inner.__name__})
        return found

    known = fields(Block, set()) | fields(Sync, set())
    assert known & {"where", "sql", "query", "expression", "filter", "condition"} == set()


PATHS = ("braze", "customerio", "google_ads", "hubspot", "iterable", "klaviyo", "meta_ads", "mixpanel", "onesignal",
         "salesforce", "tiktok_ads", "webhook")
HOSTILE = ["a\r\nX-Injected: yes", "../../admin", "a?b=c#d", "a/b", "%2e%2e/", "a b", "ä@\u2028", "\x7f"]


def first_request(name: str, word: str) -> Any:
    kind = destinations.load(name)
    [case, *_] = read_cases(Path(__file__).parents[1] / "destinations" / "cases" / f"{name}.yaml")
    to = kind(kind.settings_type.model_validate(case.settings))
    member = Member(f"op{word}", word, {"person": word, "email": f"{word}@x.io", "phone": word}, {"name": word}, word)
    exchange = to.deliver(Batch(Operation.REMOVE, (member,), word, word))
    try:
        request = next(exchange)
    except StopIteration:
        return None
    return request.finish(request, 1_614_265_330) if request.finish else request


@pytest.mark.parametrize("name", PATHS)
def test_12_no_value_makes_another_path_or_another_header(name: str) -> None:
    plain = first_request(name, "plain")
    for word in HOSTILE:
        request = first_request(name, word)
        if plain is None or request is None:
            assert (plain is None) == (request is None)
            continue
        here, there = urlsplit(request.url), urlsplit(plain.url)
        assert (here.netloc, here.path.count("/"), here.fragment) == (there.netloc, there.path.count("/"), ""), word
        assert not any(part in ("..", ".") for part in here.path.split("/")), word
        assert request.url.isascii() and request.url.isprintable() and " " not in request.url, word
        assert {*request.headers} == {*plain.headers}, word
        # What is sent as a header cannot be split: the transport refuses a line break before anything leaves.


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_12_a_header_with_a_line_break_never_leaves(text: str) -> None:
    import requests

    broken = f"a\r\n{text}"
    with pytest.raises(requests.exceptions.InvalidHeader):
        requests.Request("GET", "https://example.com", headers={"x": broken}).prepare()


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda part: st.lists(part, max_size=3)),
       st.text())
@settings(max_examples=100, deadline=None)
def test_18_reading_an_answer_never_raises(body: Any, text: str) -> None:
    for raw in (json.dumps(body).encode(), text.encode("utf-8", "surrogatepass"), b"[" * 100_000, b"{\"a\":" * 50_000):
        Response(200, {"retry-after": text}, raw).get("a", 0, default=None)
        assert Response(200, {"retry-after": text}).retry_after is None or text.strip()
