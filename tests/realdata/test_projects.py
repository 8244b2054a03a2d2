"""What the projects do around their audiences: land raw data when it is absent, complain clearly, declare syncs."""

from pathlib import Path

import pytest
import yaml

from .projects import HERE, NAMES, copy, models
from .test_edges import write_parquet

CHANNELS = {"customerio", "klaviyo", "meta_ads", "webhook"}


def test_one_audience_alone_is_built_on_an_empty_warehouse(tmp_path: Path) -> None:
    project = copy("cdnow", tmp_path, write_parquet(HERE / "edges" / "cdnow.sql", tmp_path / "parquet"))
    assert project.build("1997-12-31", "--select", "lapsed_repeat_buyer").complaints == ""
    assert project.members() == {"lapsed_repeat_buyer": ["00060", "00180", "back tomorrow"]}


def test_an_audience_rebuilt_alone_sees_what_is_known_on_its_own_day(tmp_path: Path) -> None:
    project = copy("cdnow", tmp_path, write_parquet(HERE / "edges" / "cdnow.sql", tmp_path / "parquet"))
    assert project.build("1997-12-31").ok
    assert project.build("1998-02-28", "--select", "lapsed_repeat_buyer").ok
    assert project.members() == {"lapsed_repeat_buyer": ["00059", "00060"]}


def test_raw_data_that_is_landed_is_not_asked_for_again(tmp_path: Path) -> None:
    folder = write_parquet(HERE / "edges" / "messages.sql", tmp_path / "parquet")
    project = copy("messages", tmp_path, folder)
    assert project.build("2004-05-31").ok
    before = project.members()
    folder.rename(tmp_path / "gone")
    assert project.build("2004-05-31").complaints == ""
    assert project.members() == before


@pytest.mark.parametrize("name", NAMES)
def test_absent_raw_data_is_named_with_its_place_and_the_way_out(name: str, tmp_path: Path) -> None:
    built = copy(name, tmp_path, tmp_path / "nowhere").build("2011-06-30")
    assert not built.ok
    files = sorted(table["config"]["meta"]["parquet"] for source in sources(name) for table in source["tables"])
    assert (
        f"the raw data is not there: no {', '.join(files)} in {tmp_path / 'nowhere'}; "
        "set TAILRACE_REALDATA to the folder that holds the parquet files" in built.complaints
    )


@pytest.mark.parametrize("as_of", ["yesterday", "30.06.2011", "2011-06", "20110630"])
def test_an_as_of_that_is_no_date_is_refused(as_of: str, tmp_path: Path) -> None:
    built = copy("cdnow", tmp_path, tmp_path).build(as_of)
    assert not built.ok
    assert f"the var as_of is '{as_of}'; it must begin with a date, as in 2011-06-30" in built.complaints


@pytest.mark.parametrize("name", NAMES)
def test_every_audience_goes_to_channels_that_its_project_connects(name: str) -> None:
    connections = yaml.safe_load((HERE / name / "connections.yml").read_text())
    assert {label: connection["destination"] for label, connection in connections.items()} == {
        channel: channel for channel in CHANNELS
    }
    for model in models(name).values():
        audience = model["config"]["meta"]["audience"]
        assert audience["holdout"] == 0
        assert audience["syncs"] and {sync["to"] for sync in audience["syncs"]} <= CHANNELS


def test_winback_goes_to_all_four_channels() -> None:
    syncs = models("online_retail")["winback_45_120"]["config"]["meta"]["audience"]["syncs"]
    assert {sync["to"] for sync in syncs} == CHANNELS


def sources(name: str) -> list[dict]:
    return yaml.safe_load((HERE / name / "models" / "staging" / "_sources.yml").read_text())["sources"]
