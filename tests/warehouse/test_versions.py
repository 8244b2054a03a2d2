"""Tables by versions: what is committed is there, and of two writers one goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import LeaseHeld
from pipelines.warehouse.versions import KEPT, Table, Version, Versions

CART = {"cart": Table({"person_id": "string"}, ("one", "two"))}


def test_a_version_comes_back_as_it_was_committed(tmp_path: Path) -> None:
    done = Versions(tmp_path).commit(Version(0, CART, {"all": "select 1"}))
    assert Versions(tmp_path).newest() == done == Version(1, CART, {"all": "select 1"})


def test_of_two_writers_who_go_on_from_one_version_the_second_is_told(tmp_path: Path) -> None:
    both = Versions(tmp_path).commit(Version(0, CART))
    first = Versions(tmp_path).commit(replace(both, views={"a": "select 1"}))
    with pytest.raises(LeaseHeld, match="another run wrote in the same instant"):
        Versions(tmp_path).commit(replace(both, views={"b": "select 2"}))
    assert Versions(tmp_path).newest() == first
    assert [file.name for file in (tmp_path / "log").iterdir() if file.name.startswith(".")] == []


def test_old_versions_go_and_the_newest_stay(tmp_path: Path) -> None:
    version = Version()
    for _ in range(KEPT + 5):
        version = Versions(tmp_path).commit(version)
    assert (version.number, len(list((tmp_path / "log").iterdir()))) == (KEPT + 5, KEPT)
