"""Templates: an audience is one .sql and one .yml, a destination one .py and one case file. Nothing to register."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.errors import TailraceError

AUDIENCE_SQL = """\
-- Who is in: one row a person. Every window is half-open and ends at as_of; no model reads a clock.
with people as (
    select person_id, email from {{{{ ref('people') }}}}
)

select person_id, email
from people
"""

AUDIENCE_YML = """\
models:
  - name: {name}
    description: Say in one sentence who is in this audience, and why they are told something.
    config:
      meta:
        audience:
          holdout: 10%
          syncs:
            - {{to: {to}, every: 1h}}
    columns:
      - name: person_id
        data_type: varchar
        constraints: [{{type: not_null}}]
        config: {{meta: {{identifier: person}}}}
        data_tests: [unique]
      - {{name: email, data_type: varchar, config: {{meta: {{identifier: email}}}}}}
"""

DESTINATION_PY = '''\
"""{title}: say in one line what kind of channel this is, and name the vendor's page for each fact below."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field, SecretStr

from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Request,
    Settings,
    Verdict,
)


class {title}Settings(Settings):
    """What a connection of this kind says in connections.yml."""

    api_key: SecretStr = Field(description="API key of the account.")


class {title}(Destination):
    """Adds and removes members of a list by e-mail."""

    settings_type = {title}Settings
    capabilities = Capabilities(
        operations={{Operation.ADD: Limits(rows=100), Operation.REMOVE: Limits(rows=100)}},
        identifiers=("email",),
    )

    def deliver(self, batch: Batch) -> Exchange:
        body: dict[str, Any] = {{"list": batch.audience, "emails": [m.identifiers["email"] for m in batch.members]}}
        path = "remove" if batch.operation is Operation.REMOVE else "add"
        response = yield Request(
            "POST",
            f"{{self.settings.root('https://api.example.com')}}/lists/{{path}}",
            {{"Authorization": f"Bearer {{self.settings.api_key.get_secret_value()}}", "Content-Type": "application/json"}},
            json.dumps(body).encode(),
        )
        verdict = Verdict.ACCEPTED if response.ok else Verdict.REJECTED
        return [Outcome(m.id, verdict, "" if response.ok else f"HTTP {{response.status}}") for m in batch.members]
'''

DESTINATION_CASES = """\
# Each case: what is delivered, which requests are expected, what the channel answers, and how each member ends.
settings: {{api_key: secret, base_url: https://channel.test}}
cases:
  - name: members are added in one request
    batch: {{operation: add, audience: vip, members: [{{id: op1, person: p1, identifiers: {{email: ada@example.com}}}}]}}
    exchange:
      - expect:
          method: POST
          url: https://channel.test/lists/add
          json: {{list: vip, emails: [ada@example.com]}}
        answer: {{status: 200, json: {{}}}}
    outcomes: {{op1: accepted}}
"""


def new_audience(project_dir: Path, folder: Path, name: str, to: str) -> list[str]:
    """Write the two files of an audience; answers what to do next."""
    _check(name)
    inside = project_dir / "dbt_project"
    project = inside if not (project_dir / "dbt_project.yml").exists() and inside.exists() else project_dir
    if not (project / "dbt_project.yml").exists():
        raise TailraceError(f"{project}: there is no dbt_project.yml here; give --project-dir")
    sql, yml = (project / folder / f"{name}.{kind}" for kind in ("sql", "yml"))
    _write({sql: AUDIENCE_SQL.format(), yml: AUDIENCE_YML.format(name=name, to=to)})
    return [f"Wrote {sql.name} and {yml.name} in {sql.parent}.", f"Next: edit both, then  tailrace plan {name}"]


def new_destination(folder: Path, name: str) -> list[str]:
    """Write a module and a case file; answers what to do next."""
    _check(name)
    title = "".join(part.capitalize() for part in name.split("_"))
    module, cases = folder / f"{name}.py", folder / f"{name}.cases.yaml"
    _write({module: DESTINATION_PY.format(title=title), cases: DESTINATION_CASES.format()})
    return [f"Wrote {module.name} and {cases.name} in {folder.absolute()}.",
            f"Name it in connections.yml:  {{destination: {name}:{title}, api_key: ${{{name.upper()}_API_KEY}}}}",
            f"Prove it:  python -m destinations.testing {module.name} {cases.name}"]


def _check(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise TailraceError(f"{name!r} cannot be a name here: write lower-case letters, digits and _, a letter first")


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise TailraceError(f"{path} exists already; choose another name, or remove it first")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
