"""A list that somebody deletes in the channel: the terminal asks, and `approve` has it made anew and filled again."""

from __future__ import annotations

from urllib.request import Request, urlopen

from .conftest import Club


def test_a_list_deleted_in_the_channel_is_asked_about_and_refilled_when_approved(club: Club) -> None:
    club.people("p1,a@x.example,true", "p2,b@x.example,true", "p3,c@x.example,false")
    assert club.tailrace("sync", "--to", "letters").code == 0
    [old] = club.box.truth()["channels"]["klaviyo"]["audiences"]
    login = {"Authorization": f"Klaviyo-API-Key {club.box.environment()['KLAVIYO_API_KEY']}", "revision": "2026-07-15",
             "Accept": "application/vnd.api+json"}
    with urlopen(Request(f"{club.box.base_url('klaviyo')}/api/lists/{old}", method="DELETE", headers=login)):
        club.sql("insert into fans select 'p4', 'd@x.example'")

    asked = (f"Klaviyo knows no list {old}: correct list_id in connections.yml, or leave it out to have the list found "
             "or created by name: recreate and refill (3 rows)?")
    ran = club.tailrace("sync", "--no-build", "--to", "letters", "--json").document("sync")
    assert [(entry["status"], entry["reason"]) for entry in ran["syncs"]] == [("held", asked)]
    assert club.tailrace("sync", "--no-build", "--to", "letters").code == 0
    assert (club.held("klaviyo", "fans"), asked in club.tailrace("status").out) == ([], True)
    [held] = club.tailrace("approve", "--json").document("approve")["holds"]
    assert (held["add"], held["objections"]) == (3, [{"guard": "gone", "message": asked}])

    signed = ("--by", "Ada", "--reason", "deleted by mistake")
    assert club.tailrace("approve", held["plan_id"], *signed).code == 0
    assert club.tailrace("sync", "--no-build", "--to", "letters").code == 0
    assert club.held("klaviyo", "fans") == ["p1", "p2", "p4"]
    assert list(club.box.truth()["channels"]["klaviyo"]["audiences"]) != [old]
    assert club.tailrace("plan", "--no-build", "--to", "letters").code == 0
