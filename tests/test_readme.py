"""The README is executed: its commands in a copy of the repository, its YAML by the readers that users' files meet."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines import blocks

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def commands(kind: str) -> list[str]:
    """Command lines of the blocks of one kind; a plain block counts when it holds commands."""
    lines = [line.partition("#")[0].strip() for found, body in BLOCKS if found == kind for line in body.splitlines()]
    return [line for line in lines if re.match(r"(pip|tailrace|export|mkdir|dagster|pytest) ", line)]


def test_it_is_short_enough_to_read() -> None:
    assert len(TEXT.splitlines()) <= 200


def test_the_two_commands_are_those_of_ci() -> None:
    assert commands("bash")[:2] == ["pip install -e . && tailrace demo", "pip install -e '.[test]' && pytest"]
    assert "pip install --quiet -e '.[test]'" in (ROOT / ".ci" / "run").read_text()


def test_the_declaration_it_shows_is_one_that_is_accepted() -> None:
    [document] = [yaml.safe_load(body) for kind, body in BLOCKS if kind == "yaml" and "models:" in body]
    [model] = document["models"]
    parts = blocks.read(model["config"]["meta"]["audience"])
    sent = {column for _, sync in parts.syncs for column in (*sync.send, *(sync.trigger.send if sync.trigger else ()))}
    assert (parts.flaws, len(parts.syncs)) == ((), 2)
    assert sent <= {column["name"] for column in model["columns"]}


def test_every_command_is_in_it() -> None:
    from typer.main import get_command

    from pipelines.cli import app

    named = set(re.findall(r"tailrace (\w+)", TEXT))
    assert set(get_command(app).commands) - {"build"} <= named  # type: ignore[attr-defined]


def test_the_rooms_of_its_map_exist() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    rooms = {room for row in rows for room in re.findall(r"`([\w./]+)`", row)}
    missing = [room for room in rooms if not (ROOT / room).exists() and not (ROOT / "pipelines" / room).exists()]
    assert missing == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_walk_can_be_walked(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("target", "logs", ".tailrace", "*.duckdb*")
    for room in ("dbt_project", "seeds"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def run(command: str) -> tuple[int, str]:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    install, demo = commands("bash")[0].split(" && ")
    assert install == "pip install -e ."
    code, said = run(demo)
    assert code == 0 and "DIFFERENT" not in said, said
    for command in commands("bash")[2:]:
        assert run(command)[0] == 0
    server, *walk = commands("")
    sandbox = subprocess.Popen(server.split(), cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None and "inbox" in sandbox.stdout.readline()
        export, *rest = [command for command in walk if not command.startswith(("dagster", "mkdir", "export DAGSTER"))]
        ended = [(command, run(f"{export} && {command}")) for command in rest]
        assert [(command, code) for command, (code, _) in ended] == list(zip(rest, [0, 2, 0, 0, 0], strict=True)), ended
    finally:
        sandbox.terminate()
        sandbox.wait(20)
