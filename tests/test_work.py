"""What one `tailrace sync` does, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines import work
from pipelines.audiences import Audience
from pipelines.planning.plan import Plan
from pipelines.run import Result


class Project:
    """As much of a project as a sync asks of one."""

    complaints: tuple[()] = ()

    def __init__(self, *audiences: Audience) -> None:
        self._audiences = list(audiences)

    @property
    def declarations(self) -> Project:
        return self

    def audiences(self, *_: Any) -> list[Audience]:
        return self._audiences

    def tasks(self, audience: Audience, _: str | None) -> tuple[list[str], list[str]]:
        return [audience.name], []

    def walk(self, audience: Audience, *_: Any, **__: Any) -> Iterator[Result]:
        yield Result(Plan.empty(audience.name, audience.name, "mail"), "ok", 0, 0, 0, 0, 0, 0.0)


def test_whoever_is_to_be_spared_is_told_before_anybody_is_added() -> None:
    audiences = [Audience(name=name, relation=name, key="id", identifiers={}, kind=kind) for name, kind in (
        ("cart", "marketing"), ("buyers", "suppression"), ("vip", "marketing"), ("asleep", "suppression"))]
    done = work.sync(Project(*audiences))
    assert [result.plan.sync for result in done.results] == ["buyers", "asleep", "cart", "vip"]
