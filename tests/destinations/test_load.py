"""A destination is found by its name or by an import path; anything else is told with what would be right."""

import inspect
import re
import sys
from pathlib import Path

import pytest

import destinations
from destinations.klaviyo import Klaviyo
from destinations.protocol import Destination

OUTSIDE = """
from destinations.protocol import Capabilities, Destination

class Pigeon(Destination):
    capabilities = Capabilities(operations={}, identifiers=("person",))

    def deliver(self, batch):
        return []
        yield

class Unfinished(Destination):
    pass
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pigeons.py").write_text(OUTSIDE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pigeons", raising=False)
    return "pigeons"


def test_a_name_is_the_name_of_a_module() -> None:
    assert destinations.load("klaviyo") is Klaviyo


def test_modules_that_are_no_destinations_are_not_listed() -> None:
    assert {"webhook", "customerio", "klaviyo", "meta_ads"} <= set(destinations.names())
    assert not {"protocol", "http", "identifiers", "testing", "laws", "answers", "sandbox"} & set(destinations.names())


@pytest.mark.parametrize("name", destinations.names())
def test_a_destination_is_told_in_150_lines_in_the_order_of_the_protocol(name: str) -> None:
    kind = destinations.load(name)
    source = inspect.getsource(inspect.getmodule(kind) or kind)
    story = [method for method in vars(Destination) if method in vars(kind) and not method.startswith("_")]
    assert [method for method in vars(kind) if method in story] == story
    assert re.match(r'"""[A-Z][\w. -]+: [^\n]+\.\n\nSources: ', source)
    assert len(source.splitlines()) <= 150


def test_a_misspelt_name_is_told_with_the_right_one() -> None:
    with pytest.raises(LookupError, match=r"no destination klavio \(did you mean klaviyo\?\); known are: .*webhook"):
        destinations.load("klavio")


@pytest.mark.parametrize("name", ["protocol", "sandbox", "", ".", "os", "../klaviyo"])
def test_what_is_no_destination_is_told_with_the_list(name: str) -> None:
    with pytest.raises(LookupError, match="known are: "):
        destinations.load(name)


def test_one_outside_the_package_is_loaded_by_its_import_path(outside: str) -> None:
    assert destinations.load(f"{outside}:Pigeon").__name__ == "Pigeon"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("pigeons:Dove", "pigeons has no class Dove; write package.module:Class"),
        ("pigeons:Unfinished", "pigeons has Unfinished, which is no complete Destination"),
        ("no_such_module:Dove", "cannot import no_such_module: No module named 'no_such_module'"),
        (":Dove", "cannot import nothing"),
    ],
)
def test_a_wrong_import_path_is_told_with_what_is_wrong(outside: str, path: str, problem: str) -> None:
    with pytest.raises(LookupError, match=problem):
        destinations.load(path)
