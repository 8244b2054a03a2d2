"""`tailrace dashboard`: the page, as a browser shows it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import duckdb
import pytest

from tests.browser import look
from tests.postgres import running

MEASURED = """
    create schema measurement;
    create table measurement.lifts as select 'fans' as audience, 'conversion' as metric, 400 as n_sent, 50 as n_held,
        3e-1 as mean_sent, 2e-1 as mean_held, 1e-1 as effect, 42e-3 as effect_low, 158e-3 as effect_high,
        9e-2 as adjusted_effect, 5e-2 as adjusted_low, 13e-2 as adjusted_high, 1e-2 as always_low, 19e-2 as always_high,
        8e-2 as detectable, true as arms_fit;
    create table measurement.leaks as select 'fans__klaviyo' as sync_id, 'fans' as audience, 'suppressed' as standing,
        'p' as person_key;
    create table measurement.suppression_speed as select 'fans__klaviyo' as sync_id, 2 as p95_seconds;
    create table measurement.contamination (audience varchar(9));
    create table measurement.last_touches (audience varchar(9), value double precision);
    create table measurement.audience_sizes as select 'fans' as audience, 0 as returned, 3 as entered, 1 as dwell_days;
    create table measurement.conversions as select 'fans' as audience, true as is_complete, 'sent' as standing,
        current_date as converted_at, 5 as revenue"""


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[str]:
    """The dashboard of a project, on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [Path(sys.executable).with_name("tailrace"), "dashboard", "--port", str(port),
               "--project-dir", str(folder), *flags]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        while process.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
                    assert answer.read() == b"ok"
                    break
            except URLError:
                continue
        assert process.poll() is None, process.communicate()[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


FIGURES = ("audiences 2 places in segments 3 messages taken 0 unresolved sends 0 leaked 1 Sizes",
           "fans 3 4 1 3 0 0 3 · 3 +10.0 pp (+4.2 pp … +15.8 pp)", "channel ok messages taken hook 5 0 letters 5 0",
           "sync standing persons fans__klaviyo suppressed 1", "No message is in doubt.",
           "in the segment 3 to be sent 3", "Conversion: +10.0 pp, 95 % interval +4.2 pp to +15.8 pp.")
"""What the page says, whichever warehouse it reads."""


def sync_twice(club, *flags: str) -> None:
    """One of three leaves, and one comes."""
    for names in (("ada", "ben", "cleo"), ("ada", "cleo", "dan")):
        club.people(*(f"{name},{name}@example.com,true" for name in names))
        ran = club.tailrace("sync", *flags)
        assert ran.code == 0, ran.err


def shows_the_figures(address: str) -> None:
    words, picture = look(address, "Made by Tailrace")
    said = " ".join(words.split())
    assert [figure for figure in FIGURES if figure not in said] == [], said
    assert picture.startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_browser_shows_sizes_channels_lift_leaks_and_what_is_unresolved(club) -> None:
    pytest.importorskip("streamlit", reason="pip install 'tailrace[bi]' brings the dashboard")
    sync_twice(club)
    club.tailrace("publish")
    with duckdb.connect(str(club.folder / "bi" / "bi.duckdb")) as copy:
        copy.execute(MEASURED)
    with serving(club.folder) as address:
        shows_the_figures(address)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_a_postgresql_server_it_shows_the_same_without_a_copy(club) -> None:
    pytest.importorskip("streamlit", reason="pip install 'tailrace[bi]' brings the dashboard")
    import psycopg

    with running() as server:
        at = server.database()
        place = psycopg.conninfo.conninfo_to_dict(at)
        club.edit("profiles.yml", "  outputs:\n", f"""  outputs:
    postgres: {{type: postgres, host: {place["host"]}, port: 5432, user: {place["user"]}, password: "", threads: 1,
               dbname: {place["dbname"]}, schema: club}}
""")
        sync_twice(club, "--target", "postgres")
        with psycopg.connect(at, autocommit=True) as connection:
            connection.execute(MEASURED)
        with serving(club.folder, "--target", "postgres") as address:
            shows_the_figures(address)
        assert not (club.folder / "bi").exists()
