"""`tailrace publish`: what BI may rely on, in a file of its own."""

from __future__ import annotations

import duckdb


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
        "undelivered", "unresolved", "drift", "holds"}
