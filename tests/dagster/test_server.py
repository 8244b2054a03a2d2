"""The web server as a user starts it, in the folder that holds the project."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pipelines.defs
from tests.dagster.corner import copy

ROOT = Path(__file__).parents[2]
QUERY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } } assetGroups { groupName } } } } }"""
PATIENCE = 180


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server on a free port, over a project that dbt has never seen; ended with all its processes."""
    project = copy(tmp_path)
    (tmp_path / "home").mkdir()
    shutil.copy(Path(pipelines.defs.__file__).with_name("dagster.yaml"), tmp_path / "home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", "pipelines.definitions", "-p", str(port)]
    environ = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=project, env=environ, start_new_session=True, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def ask(address: str, query: str) -> dict[str, Any]:
    """Answer of the server, which is waited for."""
    request = urllib.request.Request(f"{address}/graphql", json.dumps({"query": query}).encode(),
                                     {"Content-Type": "application/json"})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.slow
def test_the_web_server_shows_a_project_that_was_never_parsed(address: str) -> None:
    [repository] = ask(address, QUERY)["repositoriesOrError"]["nodes"]
    assert {schedule["name"]: schedule["scheduleState"]["status"] for schedule in repository["schedules"]} == {
        "daily_06_00": "STOPPED", "every_15_minutes": "STOPPED", "hourly": "STOPPED"}
    assert sorted(group["groupName"] for group in repository["assetGroups"]) == [
        "audiences", "crm", "hook", "people", "seeds", "snapshots", "suppressions"]
