"""How Spark is reached: the session that dbt's profile means, started once a process, and where the state lies."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import WarehouseError, first_line
from pipelines.warehouse.spark import Spark
from pipelines.warehouse.versions import Versions


class SparkSession:
    """Opens a session, and keeps it: starting one takes seconds. The state lies in `folder`."""

    def __init__(self, folder: Path, remote: str | None = None, master: str = "local[*]",
                 settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.place = folder, remote or master
        self._remote, self._master, self._settings = remote, master, dict(settings or {})
        self._session: Any = None

    def __str__(self) -> str:
        return self.place

    @contextmanager
    def __call__(self) -> Iterator[Spark]:
        session = self.session()
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=_made(self.folder)))
        try:
            warehouse = Spark(session, Versions(self.folder), scratch)
            try:
                yield warehouse
            finally:
                warehouse.close()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def session(self) -> Any:
        """The session. Raises WarehouseError when PySpark, an extra, is missing, or the server does not answer."""
        if self._session is None:
            try:
                with warnings.catch_warnings(action="ignore"):  # of pandas, which is not used here
                    from pyspark.sql import SparkSession as Builder
            except ImportError:
                raise WarehouseError("Spark needs an extra: pip install 'tailrace[spark]'") from None
            builder = Builder.builder.remote(self._remote) if self._remote else Builder.builder.master(self._master)
            settings = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", **self._settings}
            for name, value in settings.items():
                builder = builder if self._remote and not name.startswith("spark.sql.") else builder.config(name, value)
            try:
                with warnings.catch_warnings(action="ignore"):
                    self._session = builder.getOrCreate()
                    self._session.sql("select 1").toArrow()
            except Exception as error:
                raise WarehouseError(f"Spark at {self.place}: {first_line(error)}; is the server up?") from None
        return self._session


def session_of(settings: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> SparkSession:
    """The session of a dbt-spark profile (`method: session`); `SPARK_REMOTE` is a Spark Connect server, as for dbt.

    `server_side_parameters` are Spark's settings, and one of ours: `spark.tailrace.state`, the folder of the state
    where several machines run (else it is `folder`). Raises WarehouseError for another method.
    """
    if (method := settings.get("method")) != "session":
        raise WarehouseError(f"a spark target with method {method}: tables and state need a session of Spark itself; "
                             "write method: session, and set SPARK_REMOTE for a Spark Connect server")
    given = {str(name): str(value) for name, value in (settings.get("server_side_parameters") or {}).items()}
    state = given.pop("spark.tailrace.state", None)
    return SparkSession(Path(state) if state else folder, environ.get("SPARK_REMOTE"),
                        given.pop("spark.master", environ.get("MASTER", "local[*]")), given)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
