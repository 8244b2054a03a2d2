"""Files of an audience in a real folder: whole or not there, with a manifest that fits."""

import csv
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from destinations.files import Files, FilesSettings
from destinations.protocol import Batch, Exchange, Member, Operation, Refused, Request, Response
from pipelines.delivery.files import Carrier
from pipelines.delivery.ports import Answer, Lost

Carry = Callable[[Request], Answer]
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def open_(folder: Path, **more: str) -> Files:
    return Files(FilesSettings.model_validate({"folder": str(folder), **more}))


def talk(exchange: Exchange, carry: Carry) -> Any:
    try:
        request = next(exchange)
        while True:
            answer = carry(request)
            assert isinstance(answer, Response), answer
            request = exchange.send(answer)
    except StopIteration as done:
        return done.value


def deliver(to: Files, carry: Carry, operation: Operation, *members: Member) -> set[tuple[str, str]]:
    outcomes = talk(to.deliver(Batch(operation, members, "vip", at=AT)), carry)
    assert [outcome.id for outcome in outcomes] == [member.id for member in members]
    return {(str(outcome.verdict), outcome.reason) for outcome in outcomes}


def member(key: str, **attributes: Any) -> Member:
    return Member(f"op-{key}", key, {"person": key, "email": f"{key}@example.com", "phone": "+16505551212"}, attributes)


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def checked(folder: Path, suffix: str) -> list[Path]:
    """The data files of a folder, each with a manifest that fits, and nothing else in it."""
    data = sorted(folder.glob(f"*.{suffix}"))
    for path in data:
        manifest = json.loads(path.with_name(f"{path.name}.manifest.json").read_text("utf-8"))
        body = path.read_bytes()
        assert (manifest["file"], manifest["bytes"], manifest["sha256"], manifest["rows"]) == (
            path.name, len(body), hashlib.sha256(body).hexdigest(), len(rows(path)))
    assert len(list(folder.iterdir())) == 2 * len(data)
    return data


def test_changes_are_a_file_a_batch(tmp_path: Path, carry: Carry) -> None:
    to = open_(tmp_path)
    talk(to.check(), carry)
    for operation, who in ((Operation.ADD, member("u1", ltv=12.5, vip=True, note=None, tags=["a"])),
                           (Operation.UPDATE, member("u1", ltv=13)), (Operation.REMOVE, member("u1", ltv=13))):
        for _ in range(2):  # the same batch again is the same file
            assert deliver(to, carry, operation, who) == {("accepted", "")}
    added, removed, updated = checked(tmp_path, "csv")
    assert [path.name.rpartition("-")[0] for path in (added, removed, updated)] == [
        f"vip-20260301T120000000000Z-{word}" for word in ("add", "remove", "update")]
    person = {"person_id": "u1", "email": "u1@example.com", "phone": "+16505551212"}
    assert rows(added) == [
        {"operation": "add", **person, "ltv": "12.5", "vip": "true", "note": "", "tags": '["a"]'}]
    assert rows(removed) == [{"operation": "remove", **person}]
    assert rows(updated) == [{"operation": "update", **person, "ltv": "13"}]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_one_file_holds_everybody(tmp_path: Path, carry: Carry, suffix: str) -> None:
    to = open_(tmp_path, format=suffix, mode="everybody")
    assert deliver(to, carry, Operation.ADD, member("u1", ltv=1), member("u2", ltv=2.5)) == {("accepted", "")}
    assert deliver(to, carry, Operation.UPDATE, member("u2", ltv=3, plan="pro")) == {("accepted", "")}
    assert deliver(to, carry, Operation.REMOVE, member("u1"), member("gone")) == {("accepted", "")}
    [path] = checked(tmp_path, suffix)
    value = 3 if suffix == "parquet" else "3"
    assert (path.name, rows(path)) == (f"vip.{suffix}", [
        {"person_id": "u2", "email": "u2@example.com", "phone": "+16505551212", "ltv": value, "plan": "pro"}])
    deliver(to, carry, Operation.REMOVE, member("u2"))
    assert rows(checked(tmp_path, suffix)[0]) == []


def test_parquet_keeps_types_and_makes_text_of_what_has_several(tmp_path: Path, carry: Carry) -> None:
    deliver(open_(tmp_path, format="parquet"), carry, Operation.ADD,
            member("u1", ltv=1.5, vip=True, note=None, mixed=1, tags=["=a"]),
            member("=1+1", ltv=None, vip=False, note=None, mixed="x", tags=[]))
    [path] = checked(tmp_path, "parquet")
    names = ("person_id", "ltv", "vip", "note", "mixed", "tags")
    assert [tuple(row[name] for name in names) for row in rows(path)] == [
        ("u1", 1.5, True, None, "1", '["=a"]'), ("=1+1", None, False, None, "x", "[]")]


def test_batches_that_are_merged_at_once_lose_nobody(tmp_path: Path) -> None:
    to = open_(tmp_path, mode="everybody")

    def add(number: int) -> Any:
        return deliver(to, Carrier().carry, Operation.ADD, *(member(f"u{number}-{n}") for n in range(20)))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(add, range(8))) == [{("accepted", "")}] * 8
    [path] = checked(tmp_path, "csv")
    assert {row["person_id"] for row in rows(path)} == {f"u{number}-{n}" for number in range(8) for n in range(20)}


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("+cmd|x", "'+cmd|x"), ("-1+2", "'-1+2"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"),
     ("\r=1", "'\r=1"), ("+16505551212", "+16505551212"), ("-5.25", "-5.25"), ("a=1", "a=1"), (-5, "-5"), ("", "")],
)
def test_no_cell_of_a_csv_is_run_by_a_spreadsheet(tmp_path: Path, carry: Carry, value: Any, cell: str) -> None:
    deliver(open_(tmp_path), carry, Operation.ADD, member("u1", note=value))
    assert rows(checked(tmp_path, "csv")[0])[0]["note"] == cell


def test_a_name_cannot_leave_the_folder(tmp_path: Path, carry: Carry) -> None:
    folder = tmp_path / "drop here"
    folder.mkdir()
    talk(open_(folder).deliver(Batch(Operation.ADD, (member("u1"),), "../../etc/vip")), carry)
    assert len(checked(folder, "csv")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["drop here"]


def test_a_folder_that_is_not_there_stops_the_sync(tmp_path: Path, carry: Carry) -> None:
    for mode in ("changes", "everybody"):
        to = open_(tmp_path / "gone", mode=mode)
        for exchange in (to.check(), to.deliver(Batch(Operation.ADD, (member("u1"),), "vip"))):
            with pytest.raises(Refused, match=f"there is no folder {tmp_path}/gone"):
                talk(exchange, carry)


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, carry: Carry) -> None:
    (tmp_path / "vip.csv").write_text("name,age\nAda,36\n")
    with pytest.raises(Refused, match=r"vip\.csv is no table with the column person_id: move it away"):
        deliver(open_(tmp_path, mode="everybody"), carry, Operation.ADD, member("u1"))
    assert (tmp_path / "vip.csv").read_text() == "name,age\nAda,36\n"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vip.csv").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipelines.delivery.files.os.fsync", full)
    answer = Carrier().carry(Request("PUT", f"file://{tmp_path}/vip.csv", {}, b"new"))
    assert answer == Lost("never sent: No space left on device", sent=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("vip.csv", b"old")]


def test_a_folder_without_rights_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr("pipelines.delivery.files._write", denied)
    answer = Carrier().carry(Request("PUT", f"file://{tmp_path}/vip.csv", {}, b"new"))
    assert answer == Response(403)
    assert open_(tmp_path).refused(Response(403)) == (
        f"this user may not read or write in the folder {tmp_path}: change its rights")
