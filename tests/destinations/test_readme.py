"""The README's example works as it stands there."""

import re
import sys
from pathlib import Path

import pytest

import destinations

README = Path(destinations.__file__).parent / "README.md"


def test_the_destination_of_the_readme_passes_its_case_and_keeps_the_laws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, cases, run = re.findall(r"```(?:python|yaml)\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (tmp_path / "my_pigeons.py").write_text(module, "utf-8")
    (tmp_path / "my_pigeons.yaml").write_text(cases, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_pigeons", raising=False)
    exec(compile(run, "README.md", "exec"), {})


def test_every_destination_stands_in_the_readmes_table() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", README.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == destinations.names()
