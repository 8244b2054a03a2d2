"""`tailrace publish`: what BI may rely on, in a file of its own."""

from __future__ import annotations

from pathlib import Path

import duckdb

SIGNED = ("--by", "Ada", "--reason", "asked in writing")


def test_the_copy_holds_audiences_and_what_is_recorded_and_nothing_else(club) -> None:
    too_early = club.tailrace("publish")
    club.people("ada,ada@example.com,true")
    club.tailrace("sync")
    done = club.tailrace("publish")
    with duckdb.connect(str(club.folder / "bi" / "bi.duckdb"), read_only=True) as copy:
        fans = copy.execute("select person_id from fans").fetchall()
        tables = copy.execute("select table_schema, table_name from information_schema.tables").fetchall()
    assert too_early.said == (1, f"{club.file}: there is no warehouse file yet; build the models first (tailrace "
                                 "build)\n")
    assert (done.code, fans) == (0, [("ada",)])
    assert {name for _, name in tables} == {
        "fans", "others", "runs", "receipts", "ledger", "membership", "stays", "snapshots", "delivered",
        "undelivered", "unresolved", "drift", "holds", "candidates", "drawn"}


def test_who_is_forgotten_is_not_in_the_copy_either(club) -> None:
    def bytes_of(folder: Path) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())

    club.people("person-4711,ada@example.com,true", "ben,ben@example.com,true")
    club.tailrace("sync")
    club.people("ben,ben@example.com,true")
    club.tailrace("build")
    club.tailrace("publish")
    assert b"person-4711" in bytes_of(club.folder / "bi")
    forgotten = club.tailrace("forget", "person-4711", *SIGNED)
    assert (forgotten.code, "The copy for BI was published anew." in forgotten.out) == (0, True)
    with duckdb.connect(str(club.folder / "bi" / "bi.duckdb"), read_only=True) as copy:
        assert {key for (key,) in copy.execute("select person_key from activation.membership").fetchall()} == {"ben"}
    assert b"person-4711" not in bytes_of(club.folder / "bi")
