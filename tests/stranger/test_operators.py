"""Those who operate somebody else's project: a held plan, one guest's story, and a guest who wants to be forgotten."""

from __future__ import annotations

from .conftest import Bakery

CHANNELS = ("meta_ads", "klaviyo", "customerio")
SIGNED = ("--by", "Bea", "--reason", "asked in writing")


def guards(bakery: Bakery, words: str) -> None:
    declaration = bakery.folder / "models" / "guests" / "Regular_Guests.yml"
    text = declaration.read_text()
    declaration.write_text(text.replace("        audience:\n", f"        audience:\n          guards: {{{words}}}\n"))


def test_a_held_plan_is_approved_a_guest_is_explained_and_then_forgotten(bakery: Bakery) -> None:
    guards(bakery, "removal: 30%")
    assert bakery.tailrace("sync").code == 0
    bakery.sql("update till.guests set visits = 0 where guest_no <> 1")
    held = bakery.tailrace("sync", "Regular_Guests", "--to", "mails")
    [entry] = bakery.tailrace("approve", "--json").document("approve")["holds"]
    assert (held.code, f"tailrace approve {entry['plan_id']} --by NAME" in held.out, entry["remove"]) == (0, True, 2)
    assert bakery.tailrace("approve", entry["plan_id"], *SIGNED).code == 0
    assert bakery.tailrace("sync", "Regular_Guests", "--to", "mails", "--no-build").code == 0
    before = [len(bakery.held(channel, "Regular_Guests")) for channel in CHANNELS]
    assert before == [2, 2, 1]

    story = bakery.tailrace("explain", "1")
    assert (story.code, "ada@example.com" in story.out, "Regular_Guests__ads: the channel has them" in story.out) == (
        0, False, True)
    forgotten = bakery.tailrace("forget", "1", *SIGNED, "--rewrite-file")
    assert (forgotten.code, forgotten.out.count(": removed")) == (0, 3)
    assert [len(bakery.held(channel, "Regular_Guests")) for channel in CHANNELS] == [1, 1, 0]
    planned = bakery.tailrace("plan", "Regular_Guests", "--json").document("plan")["syncs"]
    assert [(entry["segment"], entry["add"]) for entry in planned] == [(0, 0)] * 3
    kept = {table: rows for table, rows in bakery.state().items() if table != "files"}
    assert [table for table, rows in kept.items() for row in rows if "ada@example.com" in str(row)] == []
    assert bakery.tailrace("status").code == bakery.tailrace("rejects").code == bakery.tailrace("unresolved").code == 0


def test_a_channel_that_lost_members_is_told_again_by_resync(bakery: Bakery) -> None:
    bakery.tailrace("sync")
    lists = bakery.box.channels["webhook"].state["audiences"]
    before = {name: dict(members) for name, members in lists.items()}
    for members in lists.values():
        members.clear()
    assert bakery.tailrace("sync", "--no-build").code == 0
    assert all(not members for members in lists.values())
    assert bakery.tailrace("resync").code == 0
    assert {name: dict(members) for name, members in lists.items()} == before
