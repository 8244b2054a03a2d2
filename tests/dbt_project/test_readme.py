"""The audience that the README adds, added as it says."""

import re
from pathlib import Path

from tests.dbt_project.shop import PROJECT, Shop, copy_project


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_audience_of_the_readme_builds_and_passes_its_tests(tmp_path: Path) -> None:
    shop: Shop = copy_project(tmp_path)
    folder = shop.folder / "models" / "audiences" / "lifecycle"
    (folder / "regulars.sql").write_text(blocks("sql")[0])
    (folder / "regulars.yml").write_text(blocks("yaml")[0])
    built = shop.dbt("build", "--select", "+regulars", "--exclude", "resource_type:unit_test")
    assert [result.message for result in built.result if result.status not in ("success", "pass")] == []
    assert shop.query("select count(*) > 0, min(orders_count) from audiences.regulars") == [(True, 2)]
