"""24 to 27 and 30 · Files are their owner's; what a run may change; licences; and no mass change by YAML alone."""

from __future__ import annotations

import re
import stat
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from dagster_webserver import cli as webserver

from pipelines.audiences import Guards
from pipelines.defs.audiences import Launch
from pipelines.defs.resources import Tailrace
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import SharedPace
from pipelines.project import Options, Project
from tests.engine.world import World

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_24_state_is_its_owners_only(tmp_path: Path) -> None:
    project = Project(Options(tmp_path, state_dir=tmp_path / ".tailrace"), {})
    assert (project.place("x").name, mode(project.state_dir)) == ("x", "0o700")
    journal, pace = Journal(project.place("journals", "a.db")), SharedPace(project.place("pace.db"))
    pace.hold("a", 1.0)
    found = {path.relative_to(project.state_dir).as_posix(): mode(path)
             for path in project.state_dir.rglob("*") if not path.name.endswith("-shm")}
    journal.close()
    pace.close()
    assert found == {"journals": "0o700", "journals/a.db": "0o600", "journals/a.db-wal": "0o600", "pace.db": "0o600",
                     "pace.db-wal": "0o600"}


def test_24_what_dbt_makes_is_its_owners_only(tmp_path: Path) -> None:
    from pipelines.dbt import _inside

    with _inside(tmp_path):
        (tmp_path / "shop.duckdb").touch()
    (tmp_path / "other").touch()
    assert (mode(tmp_path / "shop.duckdb"), mode(tmp_path / "other")) != (mode(tmp_path / "other"),) * 2
    assert mode(tmp_path / "shop.duckdb") == "0o600"


def test_25_the_web_server_listens_on_this_machine_only_unless_it_is_told_otherwise() -> None:
    [host] = [option for option in webserver.dagster_webserver.params if option.name == "host"]
    assert host.default == "127.0.0.1"
    given = yaml.safe_load((ROOT / "pipelines" / "defs" / "dagster.yaml").read_text())
    assert "host" not in str(given)


def test_26_a_launch_can_change_neither_an_address_nor_a_secret() -> None:
    settings = {*Launch.model_fields, *Tailrace.model_fields}
    assert not [name for name in settings if re.search("url|host|secret|token|key|connection|destination|path", name)]
    assert {*Tailrace.model_fields} == {"as_of"}


FREE = re.compile(
    "MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|Zlib|CC0|Public Domain", re.IGNORECASE)
KNOWN = {"text-unidecode": "Artistic License, which its user may choose"}


def licence(of: metadata.Distribution) -> str:
    info = of.metadata
    named = [line for line in info.get_all("Classifier") or () if line.startswith("License ::")]
    return " ".join([info.get("License-Expression") or "", (info.get("License") or "")[:200], *named])


def closure(name: str, seen: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key not in seen:
        try:
            seen[key] = metadata.distribution(key)
        except metadata.PackageNotFoundError:
            return seen
        for requirement in seen[key].requires or ():
            if "extra ==" not in requirement:
                closure(re.split(r"[^\w.-]", requirement, maxsplit=1)[0], seen)
    return seen


def test_27_all_that_is_installed_with_it_may_be_used_freely() -> None:
    found = closure("tailrace", {})
    assert {name: licence(of) for name, of in found.items()
            if name not in KNOWN and not FREE.search(licence(of))} == {}
    assert len(found) > 40


def test_30_no_yaml_releases_a_held_change_and_an_approval_is_recorded_with_its_name(
    tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.guards = Guards(removal="30%")
    people = [(f"p{n}", f"p{n}@x.io", n) for n in range(10)]
    world.people(*people)
    world.run()
    world.people(*people[:2])
    assert world.run(1).status == "held"
    for guards in (Guards(removal="100%"), Guards()):
        world.guards = guards
        assert (world.run(1.1).status, len(world.channel.members)) == ("held", 10)


@pytest.mark.parametrize("number", range(1, 31))
def test_every_item_of_the_security_list_is_answered_and_every_test_it_names_exists(number: int) -> None:
    page = (ROOT / "pipelines" / "README.md").read_text("utf-8")
    [row] = re.findall(rf"^\| {number} \|.*$", page, re.MULTILINE)
    paths = re.findall(r"`(tests/[\w./]+?)(?:::(\w+))?`", row)
    assert paths or "decision:" in row
    for path, name in paths:
        text = (ROOT / path).read_text("utf-8")
        assert not name or f"def {name}" in text or f"def {name}_" in text or name in text, (path, name)
