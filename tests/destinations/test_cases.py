"""Every destination against its case file: the requests it must make and what it must say of each member."""

from pathlib import Path

import pytest

import destinations
from destinations.testing import Case, read_cases, run_case

FOLDER = Path(__file__).parent / "cases"
CASES = [(file.stem, case) for file in sorted(FOLDER.glob("*.yaml")) for case in read_cases(file)]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case.name}" for name, case in CASES])
def test_a_destination_says_and_reads_what_its_case_file_says(name: str, case: Case) -> None:
    run_case(destinations.load(name), case)


@pytest.mark.parametrize("name", destinations.names())
def test_every_operation_a_destination_declares_stands_in_a_case(name: str) -> None:
    delivered = {case.said.get("deliver") for other, case in CASES if other == name}
    assert {str(operation) for operation in destinations.load(name).capabilities.operations} == delivered - {None}


def test_a_case_file_that_is_wrong_in_one_word_fails(tmp_path: Path) -> None:
    text = (FOLDER / "klaviyo.yaml").read_text("utf-8").replace("external_id: u2}}", "external_id: u9}}", 1)
    (tmp_path / "klaviyo.yaml").write_text(text, "utf-8")
    case = read_cases(tmp_path / "klaviyo.yaml")[0]
    with pytest.raises(AssertionError, match=f"^{case.name}: request 1: body"):
        run_case(destinations.load("klaviyo"), case)
