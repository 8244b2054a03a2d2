"""The shop's dbt project, built for real and in process, once a session, in a copy that no other test meets."""

import pytest

from tests.dbt_project.shop import Shop, copy_project


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The project with its seeds loaded and no model built."""
    made = copy_project(tmp_path_factory.mktemp("shop"))
    assert made.dbt("seed").success
    return made
