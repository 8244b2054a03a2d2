"""Templates: an audience is one .sql and one .yml, a destination one .py and one case file. Nothing to register."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.errors import TailraceError

AUDIENCE_SQL = """\
-- Who is in: one row a person. Read from models of your own (in the example shop `marketing_contacts` holds whoever may
-- be told something), end every window at the var as_of, and read no clock.
with contacts as (
  select person_id, email from {{{{ ref('people') }}}}
)

select person_id, email
from contacts
where email is not null
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

from pydantic import Field, SecretStr

from destinations.answers import unaccepted
from destinations.http import send_json
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Settings,
    Verdict,
    every,
)

ROOT = "https://api.example.com"
ROWS = Limits(rows=100, rates=((10, 1.0),))


class {title}Settings(Settings):
    """What a connection of this kind says in connections.yml."""

    api_key: SecretStr = Field(description="API key of the account")


class {title}(Destination):
    """Puts people on a list by e-mail and takes them off it."""

    settings_type = {title}Settings
    capabilities = Capabilities(
        operations={{Operation.ADD: ROWS, Operation.REMOVE: ROWS}}, identifiers=("email",), attributes=False
    )

    def deliver(self, batch: Batch) -> Exchange:
        verb = "remove" if batch.operation is Operation.REMOVE else "add"
        login = {{"Authorization": f"Bearer {{self.settings.api_key.get_secret_value()}}"}}
        body = {{"list": batch.audience, "emails": [member.identifiers["email"] for member in batch.members]}}
        response = yield send_json("POST", f"{{self.settings.root(ROOT)}}/lists/{{verb}}", body, login)
        if response.ok and response.get("done") is True:
            return every(batch, Verdict.ACCEPTED)
        return unaccepted(batch, response)
'''

DESTINATION_CASES = """\
# Each case: what is delivered, which requests must follow, what the channel answers, and how each member ends.
settings: {{api_key: made-up-key}}
cases:
  - name: members are added in one request
    deliver: add
    audience: vip
    members:
      - {{id: op1, person: p1, identifiers: {{email: ada@example.com}}}}
      - {{id: op2, person: p2, identifiers: {{email: bob@example.com}}}}
    exchange:
      - expect:
          method: POST
          url: https://api.example.com/lists/add
          headers: {{Authorization: Bearer made-up-key}}
          json: {{list: vip, emails: [ada@example.com, bob@example.com]}}
        answer: {{status: 200, json: {{done: true}}}}
    outcomes:
      - {{id: op1, verdict: accepted}}
      - {{id: op2, verdict: accepted}}

  - name: what the channel refuses is a reason for each member
    deliver: remove
    audience: vip
    members:
      - {{id: op1, person: p1, identifiers: {{email: ada@example.com}}}}
    exchange:
      - expect:
          method: POST
          url: https://api.example.com/lists/remove
          json: {{list: vip, emails: [ada@example.com]}}
        answer: {{status: 422, json: {{done: false}}}}
    outcomes:
      - {{id: op1, verdict: rejected, reason: HTTP 422}}

  - name: a key that is refused stops the sync, and what the operator reads says so
    deliver: add
    audience: vip
    members: [{{id: op1, person: p1, identifiers: {{email: ada@example.com}}}}]
    exchange:
      - expect:
          method: POST
          url: https://api.example.com/lists/add
          json: {{list: vip, emails: [ada@example.com]}}
        answer: {{status: 401}}
    refused: refused the credentials (HTTP 401)
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
    module, cases = folder / f"{name}.py", folder / f"{name}.yaml"
    _write({module: DESTINATION_PY.format(title=title), cases: DESTINATION_CASES.format()})
    return [f"Wrote {module.name} and {cases.name} in {folder.absolute()}.",
            f"Prove it there:  python -m destinations.testing {name}:{title} {cases.name}",
            f'Name it in connections.yml:  {name}: {{destination: "{name}:{title}", '
            f'api_key: "${{{name.upper()}_API_KEY}}"}}',
            "It is found in the folder that tailrace is run in, or wherever Python imports from (PYTHONPATH)."]


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
