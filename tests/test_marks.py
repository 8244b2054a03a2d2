"""YAML with the line of every value, and what it refuses."""

from itertools import pairwise

import pytest

from pipelines import marks


def read(tmp_path, text: str) -> marks.Marked:
    file = tmp_path / "some.yml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return marks.load(file, "some.yml")


def test_each_value_knows_its_line_and_a_missing_one_that_of_what_is_above_it(tmp_path):
    document = read(tmp_path, "a:\n  - b: 1\n    c: {d: 2,\n      e: 3}\n")
    assert document.value == {"a": [{"b": 1, "c": {"d": 2, "e": 3}}]}
    paths = [("a",), ("a", 0), ("a", 0, "c", "d"), ("a", 0, "c", "e"), ("a", 0, "nowhere", 7), ("z",)]
    assert [document.line(*path) for path in paths] == [1, 2, 3, 4, 2, 1]


def test_keys_are_spelt_as_in_the_manifest_of_dbt(tmp_path):
    assert read(tmp_path, "on: 1\n~: 2\n7: 3\n").value == {"true": 1, "null": 2, "7": 3}


def test_what_a_merge_brings_in_gives_way_to_what_is_written(tmp_path):
    document = read(tmp_path, "base: &base {x: 1, y: 2}\nuse:\n  <<: *base\n  y: 3\n")
    assert document.value["use"] == {"x": 1, "y": 3}
    assert (document.line("use", "x"), document.line("use", "y")) == (1, 4)


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", ["some.yml:4: b.c: the key c stands here twice, first in line 3; keep one"]),
        ("a: [1\nb: 2\n", ["some.yml:2: not YAML: expected ',' or ']', but got ':'"]),
        (
            "a: !!python/name:os.system x\n",
            ["some.yml:1: a: not readable: could not determine a constructor for the tag"],
        ),
        ("a: 2026-13-45\n", ["some.yml:1: a: not readable: month must be in 1..12"]),
        ("\udcff\udcfe", ["some.yml: cannot be read: not YAML in UTF-8"]),
        ("[" * 3000, ["some.yml: cannot be read: not YAML in UTF-8"]),
        ("a: &a\n  b: *a\n", ["some.yml:1: its aliases unfold to more than 100000 values; write them out"]),
    ],
)
def test_what_cannot_be_read_is_a_complaint(tmp_path, text, complaints):
    assert [str(complaint).split(" 'tag:")[0] for complaint in read(tmp_path, text).complaints] == complaints


@pytest.mark.parametrize("level", ["[*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]", "{<<: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]}"])
def test_aliases_of_aliases_are_capped(tmp_path, level):
    names = "abcdefgh"
    bomb = "".join(f"{y}: &{y} {level.replace('*a', f'*{x}')}\n" for x, y in pairwise(names))
    [complaint] = read(tmp_path, f"a: &a {{x: 1}}\n{bomb}").complaints
    assert str(complaint) == "some.yml:1: its aliases unfold to more than 100000 values; write them out"


def test_a_missing_file_is_a_complaint(tmp_path):
    [complaint] = marks.load(tmp_path / "nowhere.yml", "nowhere.yml").complaints
    assert str(complaint) == "nowhere.yml: cannot be read: No such file or directory"


def test_a_complaint_names_the_file_from_the_folder_of_this_process(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/x.yml").write_text("[")
    monkeypatch.chdir(tmp_path)
    assert marks.load(tmp_path / "below/x.yml").file == "below/x.yml"
    monkeypatch.chdir(tmp_path / "below")
    assert marks.load(tmp_path / "y.yml").file == str(tmp_path / "y.yml")
