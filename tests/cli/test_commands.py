"""The command as it is met in a shell: help, exit codes, what goes to which stream, and the sandbox beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from destinations.sandbox.server import Sandbox
from pipelines.cli import app

from .conftest import Club
from .terminal import Terminal

GROUP = get_command(app)
COMMANDS = [*([name] for name in GROUP.commands if name != "new"),
            *(["new", name] for name in GROUP.commands["new"].commands)]
SHELL = [sys.executable, "-c", "from pipelines.cli import main; main()"]
DBT = {"--project-dir", "--profiles-dir", "--target", "--vars"}
OURS = {"--connections", "--state-dir", "--as-of"}


def shell(folder: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    done = subprocess.run([*SHELL, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environ})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(words: list[str], tailrace: Terminal) -> None:
    ran = tailrace(*words, "--help")
    assert ran.said == (0, "") and "Usage: tailrace " + " ".join(words) in ran.out
    command = GROUP
    for word in words:
        command = command.commands[word]
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []


def test_dbts_flags_and_ours_are_the_same_wherever_a_project_is_read() -> None:
    options = {name: {flag for option in GROUP.commands[name].params for flag in option.opts}
               for name in ("check", "build", "plan", "sync", "status")}
    assert {name: sorted((DBT | OURS) - flags) for name, flags in options.items()} == {name: [] for name in options}
    assert {name for name, flags in options.items() if "--select" in flags} == {"build", "plan", "sync", "status"}
    assert {name for name, flags in options.items() if "--json" in flags} == {"check", "plan", "sync", "status"}


def test_a_shell_sees_the_exit_codes_and_clean_streams(club: Club) -> None:
    environ = club.box.environment()
    assert shell(club.folder, "check", **environ) == (0, "2 audiences and 3 syncs are well declared.\n", "")
    code, out, err = shell(club.folder, "plan", **environ)
    assert (code, err) == (2, "") and out.startswith("Built 3 nodes in ")
    code, out, err = shell(club.folder, "sync", **environ)
    assert (code, err, len(re.findall(r"^ok  ", out, re.MULTILINE))) == (0, "", 3)
    assert shell(club.folder, "plan", "--no-build", **environ)[0] == 0
    assert shell(club.folder, "plan", "fanz", **environ)[::2] == (
        1, "fanz: there is no audience fanz (did you mean fans?); declared are: fans, others\n")


def test_a_state_folder_and_a_connections_file_elsewhere_are_used(club: Club, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.yml"
    (club.folder / "connections.yml").rename(accounts)
    elsewhere = ["--connections", str(accounts), "--state-dir", str(tmp_path / "state")]
    assert club.tailrace("sync", *elsewhere).code == 0
    assert sorted(path.name for path in (tmp_path / "state" / "journals").glob("*.db")) == [
        "fans__hook.db", "fans__letters.db", "others__hook.db"]
    assert not (club.folder / ".tailrace").exists()
    assert club.tailrace("status", "fans", *elsewhere).out.count("2 members · ok") == 2


def test_vars_and_as_of_reach_the_models(club: Club) -> None:
    club.edit("models/fans.sql", "where fan", "where fan and '{{ var('as_of') }}' >= '2026-04-01' "
                                               "and person_id <> '{{ var('but') }}'")
    club.edit("dbt_project.yml", 'as_of: "2026-03-01"', 'as_of: "2026-03-01", but: ""')
    def planned(*words: str) -> tuple[str, int]:
        document = club.tailrace("plan", "--json", "fans", "--to", "hook", *words).document("plan")
        return document["as_of"], document["syncs"][0]["add"]

    assert planned() == ("2026-03-01T00:00:00Z", 0)
    assert planned("--as-of", "2026-04-01T02:00:00+02:00") == ("2026-04-01T00:00:00Z", 2)
    assert planned("--as-of", "2026-04-02", "--vars", "{but: p1}") == ("2026-04-02T00:00:00Z", 1)


def test_the_sandboxs_environment_is_what_connections_need(club: Club) -> None:
    ran = club.tailrace("sandbox", "--env", "--port", "8123")
    lines = dict(line.split("=", 1) for line in ran.out.splitlines())
    assert ran.said == (0, "")
    assert lines == Sandbox(8123).environment("http://127.0.0.1:8123")
    assert not [value for value in lines.values() if set(value) & set(" '\"$`\n")]


def test_a_port_that_is_taken_is_said_with_the_way_out(tailrace: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, err = tailrace("sandbox", "--port", str(port)).said
    assert code == 1
    assert re.fullmatch(rf"port {port} of this machine is taken \(.*\); choose another with --port\n", err)


def test_a_state_file_of_something_else_is_refused_and_left_alone(tailrace: Terminal) -> None:
    mine = tailrace.folder / "mine.json"
    mine.write_text('{"mine": true}')
    code, err = tailrace("sandbox", "--port", "0", "--state-file", "mine.json").said
    assert code == 1 and "is not a state file of the sandbox" in err
    assert mine.read_text() == '{"mine": true}'


def test_the_sandbox_serves_until_it_is_interrupted_and_keeps_what_it_holds(club: Club, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    for ended in ("ok", "nothing"):
        process = subprocess.Popen([*SHELL, "sandbox", "--port", "0", "--state-file", str(kept)], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("inbox: ").strip().rstrip("/")
            assert "export $(tailrace sandbox --env --port" in process.stdout.readline()
            club.tailrace.environ.update(Sandbox().environment(url))
            synced = club.tailrace("sync", "fans", "--json")
            assert (synced.said, {entry["status"] for entry in synced.document("sync")["syncs"]}) == ((0, ""), {ended})
        finally:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert sorted(json.loads(kept.read_text())["channels"]["webhook"]["audiences"]["fans"]) == ["p1", "p2"]
