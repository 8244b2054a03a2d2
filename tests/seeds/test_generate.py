"""The generator: the same bytes each time, rows that stay where they are, and files of the promised size."""

import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as parquet
import pytest

from tests.seeds.people import FOLDER, Raw

UNSCALED = {"raw_products", "raw_stock_changes", "raw_price_changes", "raw_ad_spend", "raw_incidents"}


def lines(files: dict[str, str]) -> Counter[str]:
    return Counter(f"{name}:{line}" for name, text in files.items() for line in text.splitlines())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / "generate.py", *arguments], capture_output=True, text=True, check=False
    )


def test_regenerating_gives_the_committed_bytes(generate: ModuleType) -> None:
    committed = {path.name: sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.csv")}
    assert {name: sha256(text.encode()).hexdigest() for name, text in generate.files().items()} == committed


def test_the_command_finds_the_committed_files_current() -> None:
    done = run("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_each_file_that_differs(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "raw_persons.csv").write_text("person_ref\n")
    (tmp_path / "raw_bounces.csv").unlink()
    assert generate.main(["--check"]) == 1
    advice = "is not what the generator writes; run: python seeds/generate.py\n"
    assert sorted(capsys.readouterr().err.splitlines(True)) == [
        f"seeds/raw_bounces.csv {advice}",
        f"seeds/raw_persons.csv {advice}",
    ]


def test_the_tables_are_as_large_as_promised(tables: dict[str, list[Raw]]) -> None:
    kinds = Counter(row["kind"] for row in tables["raw_accounts"])
    assert sum(path.stat().st_size for path in FOLDER.glob("raw_*.csv")) <= 3_200_000
    assert 1150 <= len(tables["raw_persons"]) <= 1250
    assert 850 <= kinds.total() <= 950
    assert 180 <= kinds["b2b"] <= 220


def test_more_filler_people_and_companies_change_no_other_row(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lines(generate.files())
    monkeypatch.setattr(generate, "PEOPLE", generate.PEOPLE + 17)
    monkeypatch.setattr(generate, "COMPANIES", generate.COMPANIES + 2)
    monkeypatch.setattr(generate, "STRANGERS", generate.STRANGERS + 1)
    after = lines(generate.files())
    assert before - after == Counter()
    assert sum(line.startswith("raw_persons.csv:") for line in (after - before).elements()) == 17


def test_one_more_story_changes_no_other_row(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import cast

    before = lines(generate.files())
    newcomer = cast.STORIES[0].__class__(number=499, facts=cast.STORIES[0].facts, spans=cast.STORIES[0].spans)
    monkeypatch.setattr(cast, "STORIES", (newcomer, *cast.STORIES))
    after = lines(generate.files())
    assert before - after == Counter()
    assert sum(line.startswith("raw_persons.csv:") for line in (after - before).elements()) == 1


def test_no_two_people_of_the_cast_share_a_ref(generate: ModuleType) -> None:
    import cast
    import stories

    refs = [stories.ref_of(story) for story in cast.STORIES]
    twins = [stories.twin_ref(ref, twin) for story, ref in zip(cast.STORIES, refs, strict=True) for twin in story.twins]
    numbers = [story.number for story in cast.STORIES] + [twin.number for story in cast.STORIES for twin in story.twins]
    assert [ref for ref, count in Counter(refs + twins).items() if count > 1] == []
    assert [number for number, count in Counter(numbers).items() if count > 1 or not 1 <= number <= 499] == []


def test_scale_writes_parquet_with_so_many_times_the_rows(tmp_path: Path, tables: dict[str, list[Raw]]) -> None:
    done = run("--scale", "3", "--out", str(tmp_path / "big"))
    assert (done.returncode, done.stderr) == (0, "")
    rows = {path.stem: parquet.read_metadata(path).num_rows for path in (tmp_path / "big").glob("*.parquet")}
    assert rows["raw_persons"] == 3 * len(tables["raw_persons"])
    assert rows.keys() == tables.keys()
    assert {table: rows[table] for table in UNSCALED} == {table: len(tables[table]) for table in UNSCALED}
    large = {table for table in rows.keys() - UNSCALED if len(tables[table]) >= 20}  # luck rules the smaller ones
    ratios = {table: rows[table] / len(tables[table]) for table in large}
    assert {table: ratio for table, ratio in ratios.items() if not 2 <= ratio <= 5} == {}
    people = parquet.read_table(tmp_path / "big" / "raw_persons.parquet")["person_ref"].to_pylist()
    assert len(set(people)) == len(people)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scale", "0", "--out", "x"], "argument --scale: 0 is not 1 or more"),
        (["--scale", "2"], "--scale N and --out DIR go together"),
        (["--out", "x"], "--scale N and --out DIR go together"),
    ],
)
def test_a_wrong_option_is_refused(arguments: list[str], complaint: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(complaint)
