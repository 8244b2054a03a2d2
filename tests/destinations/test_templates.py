"""Texts of messages: what a template can say, what it cannot reach, and why one could not be filled."""

import pytest

from destinations.protocol import Batch, Member, Operation
from destinations.slack_text import escape
from destinations.tables import read_csv, write_csv
from destinations.templates import Unfilled, checked, fill, values_of

VALUES = {"name": "Ada <b>", "ltv": 12.5, "none": None, "cart": {"items": ["x", "y"]}}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{ name }}", "Hi Ada <b>"),
        ("{{ '%.2f' | format(ltv) }}", "12.50"),
        ("{{ none or 'there' }}{% if none is none %}!{% endif %}", "there!"),
        ("{% for item in cart['items'] %}{{ item }} {% endfor %}", "x y "),
        ("{{ name | urlencode }}", "Ada%20%3Cb%3E"),
    ],
)
def test_a_template_is_filled_with_the_columns_of_its_row(template: str, text: str) -> None:
    assert fill(checked(template), VALUES) == text


def test_in_html_values_are_escaped() -> None:
    assert fill("<p>{{ name }}</p>", VALUES, html=True) == "<p>Ada &lt;b&gt;</p>"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ nmae }}", "the template cannot be filled: no column nmae is sent"),
        ("{{ none }}", "the template prints a column that is null for this member"),
        ("{{ cart.total }}", "the template cannot be filled: a part of a column is missing"),
        ("{{ 1 / 0 }}", "the template cannot be filled: ZeroDivisionError"),
        ("{{ name + 1 }}", "the template cannot be filled: TypeError"),
        ("{{ range(10 ** 9) | list }}", "the template cannot be filled: OverflowError"),
        ("{{ ''.__class__.__mro__ }}", "the template cannot be filled: SecurityError"),
        ("{{ cart.clear() }}", "the template cannot be filled: SecurityError"),
    ],
)
def test_why_a_template_could_not_be_filled_repeats_no_value(template: str, reason: str) -> None:
    with pytest.raises(Unfilled) as told:
        fill(template, VALUES)
    assert str(told.value) == reason


def test_a_template_that_is_none_is_told_by_its_line() -> None:
    with pytest.raises(ValueError, match="line 2 of the template: "):
        checked("Hi\n{{ name }")


def test_a_template_can_name_the_person_and_the_event_and_values_are_escaped_at_any_depth() -> None:
    member = Member("op1", "u<1>", {}, {"list": ["<"], "map": {"a": "&"}, "n": 1})
    batch = Batch(Operation.TRIGGER, (member,), "vip", None, "won")
    assert values_of(batch, member, escape) == {
        "person_id": "u&lt;1&gt;", "audience": "vip", "event": "won", "list": ["&lt;"], "map": {"a": "&amp;"}, "n": 1}


@pytest.mark.parametrize("cell", ["plain", "a,b", 'say "hi"', "two\nlines", "a\rb", "a\r\nb", "", "ü", " x "])
def test_a_cell_is_read_as_it_was_written(cell: str) -> None:
    rows = [{"id": "1", "cell": cell}, {"id": "2", "cell": "x"}]
    assert read_csv(write_csv(rows)) == (["id", "cell"], rows)


@pytest.mark.parametrize("body", [b"", b"\xff", b'a\n"x' + b"y" * 140_000])
def test_what_is_no_table_is_read_as_none(body: bytes) -> None:
    assert read_csv(body) is None


def test_a_row_that_was_cut_off_is_not_read() -> None:
    assert read_csv(b"a,b\n1,2\n3\n4,5,6\n") == (["a", "b"], [{"a": "1", "b": "2"}])
