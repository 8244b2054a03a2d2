"""Which warehouse a dbt project means, without dbt."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import profiles
from pipelines.errors import DeclarationError

PROFILE = """
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: {type: duckdb, path: "{{ env_var('SHOP_DB', 'data/shop.duckdb') }}", threads: "{{ 2 + 2 }}"}
    prod:
      type: postgres
      host: "{{ env_var('PG_HOST') }}"
      port: "{{ env_var('PG_PORT') | as_number }}"
      password: "{{ env_var('PG_PASSWORD') }}"
      sslmode: "{{ env_var('PG_SSL', 'False') | as_bool }}"
      dbname: "shop_{{ var('stage', 'live') }}"
    memory: {type: duckdb, path: ":memory:"}
    lake: {type: duckdb, path: "md:shop"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    return tmp_path


def refusal(*args) -> str:
    with pytest.raises(DeclarationError) as raised:
        profiles.read(*args)
    return str(raised.value)


def test_a_relative_path_is_relative_to_the_project(project):
    read = profiles.read(project, None, None, {})
    assert (read.type, read.name, read.profile) == ("duckdb", "dev", "shop")
    assert read.settings == {"type": "duckdb", "path": str(project / "data/shop.duckdb"), "threads": 4}
    assert read.path == project / "data/shop.duckdb"


def test_an_absolute_path_is_kept(project):
    assert profiles.read(project, None, None, {"SHOP_DB": "/data/x.duckdb"}).path == Path("/data/x.duckdb")


def test_the_target_is_the_flags_then_that_of_the_environment_then_the_profiles(project):
    named = [(None, {"SHOP_TARGET": "memory"}), (None, {"DBT_TARGET": "lake"}), ("dev", {"DBT_TARGET": "lake"})]
    assert [profiles.read(project, None, target, environ).name for target, environ in named] == [
        "memory",
        "lake",
        "dev",
    ]


def test_what_is_no_file_has_no_path(project):
    assert [profiles.read(project, None, target, {}).path for target in ("memory", "lake")] == [None, None]


def test_values_have_the_types_that_dbt_gives_them(project):
    environ = {"PG_HOST": "db", "PG_PORT": "5432", "PG_PASSWORD": "0123"}
    assert profiles.read(project, None, "prod", environ, {"stage": "test"}).settings == {
        "type": "postgres",
        "host": "db",
        "port": 5432,
        "password": "0123",
        "sslmode": False,
        "dbname": "shop_test",
    }


def test_a_password_is_not_shown(project):
    environ = {"PG_HOST": "db", "PG_PORT": "5432", "PG_PASSWORD": "s3cret"}
    assert "s3cret" not in repr(profiles.read(project, None, "prod", environ))


def test_only_the_target_in_force_needs_its_variables(project):
    assert refusal(project, None, "prod", {"PG_PORT": "1"}) == (
        "profiles.yml:8: shop.outputs.prod.host: cannot be rendered: "
        "it needs the environment variable PG_HOST, which is not set; export PG_HOST=…"
    )


def test_a_misspelt_target_is_answered_with_the_nearest(project):
    assert refusal(project, None, "prd", {}) == (
        "profiles.yml:4: shop.outputs: there is no target prd (did you mean prod?); "
        "declared are: dev, lake, memory, prod"
    )


def test_a_misspelt_profile_is_answered_with_the_nearest(project):
    (project / "dbt_project.yml").write_text("name: shop\nprofile: shp\n")
    assert refusal(project, None, None, {}) == (
        "profiles.yml:2: there is no profile shp (did you mean shop?); declared are: shop"
    )


def test_profiles_are_searched_as_dbt_does(project, tmp_path_factory):
    def folder(path: str) -> Path:
        made = tmp_path_factory.mktemp("profiles")
        (made / "profiles.yml").write_text(f"shop: {{target: t, outputs: {{t: {{type: duckdb, path: {path}}}}}}}")
        return made

    flag, variable, home = folder("flag.db"), folder("variable.db"), folder("home.db")
    (home / ".dbt").mkdir()
    (home / "profiles.yml").rename(home / ".dbt" / "profiles.yml")
    environ = {"DBT_PROFILES_DIR": str(variable), "HOME": str(home)}

    def found(given: Path | None, environ: dict[str, str]) -> str:
        return profiles.read(project, given, None, environ).path.name

    assert found(flag, environ) == "flag.db"
    assert found(None, environ) == "variable.db"
    assert found(None, {"HOME": str(home)}) == "shop.duckdb"
    (project / "profiles.yml").unlink()
    assert found(None, {"HOME": str(home)}) == "home.db"
    assert refusal(project, None, None, {"HOME": str(project)}).startswith(
        "profiles.yml: there is none; give --profiles"
    )


def test_a_folder_without_a_project_is_said_so(tmp_path):
    assert refusal(tmp_path, None, None, {}) == (
        f"{tmp_path}/dbt_project.yml: there is no dbt project here; give --project-dir"
    )


@pytest.mark.parametrize(
    "template", ["{{ ''.__class__.__mro__ }}", "{{ env_var.__globals__ }}", "{% for %}", "{{ 1 / 0 }}"]
)
def test_a_profile_runs_in_a_sandbox(project, template):
    (project / "profiles.yml").write_text(f'shop: {{target: t, outputs: {{t: {{type: duckdb, path: "{template}"}}}}}}')
    assert refusal(project, None, None, {}).startswith("profiles.yml:1: shop.outputs.t.path: cannot be rendered: ")


def test_dbt_is_not_imported(project):
    read = f"profiles.read(Path({str(project)!r}), None, None, {{}})"
    script = (
        f"import sys; from pathlib import Path; from pipelines import profiles; {read}; print('dbt' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
