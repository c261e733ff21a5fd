"""What the commands share: options, the checked project, the session, and how rows are shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from abspark.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from abspark.config import Environment, Project
    from abspark.report.data import ReportData

_NEEDED_SOON: Final = ("scipy.stats", "pyarrow.dataset", "deltalake")
"""Large modules that import neither pyspark nor abspark, so that no import can wait for another in a circle."""
Format = Literal["table", "json", "csv", "markdown"]

CONF = click.option(
    "--conf",
    type=click.Path(path_type=Path),
    default=Path("conf"),
    show_default=True,
    help="Configuration directory.",
)
ENV = click.option("--env", required=True, help="Environment: conf/environments/NAME.yaml.")
EXPERIMENTS = click.option(
    "--experiment", "experiments", multiple=True, help="Experiment id; may be repeated. Default: all."
)
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
)
QUIET = click.option("--quiet", is_flag=True, help="No progress on stderr.")


class Instant(click.ParamType[datetime]):
    """An ISO 8601 time with offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware datetime, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time; write e.g. 2026-10-15T00:00:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} states no offset; write e.g. {instant.isoformat()}Z", param, ctx)
        return instant.astimezone(UTC)


class OutPath(click.Path):
    """A place to write to; the empty text, which a path would take for the current folder, is none."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("an empty path; write . for the current folder", param, ctx)
        return super().convert(value, param, ctx)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Within it files are written below `path`.

    Raises:
        UsageError: That can't be.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise UsageError(
            f"{path} can't be written: {where}: {error.strerror}",
            advice="name another folder, or one that may be made",
        ) from None


AS_OF = click.option(
    "--as-of", type=Instant(), help="Cut of event time, e.g. 2026-10-15T00:00:00Z. Default: now."
)


def load(conf: Path, env: str) -> Project:
    """The checked project, for one environment of a command that needs Spark.

    Raises:
        ConfigError: The configuration has faults.
        UsageError: pyspark is not installed.
    """
    from abspark.config import load_project

    project = load_project(conf, env)
    require_pyspark()
    return project


def local_session(
    stage: Callable[[str], Any] | None = None, *, keep_classes: bool = False
) -> AbstractContextManager[SparkSession]:
    """A session of our own on this machine, with Delta; see `open_session`."""
    from abspark.config import Environment

    local = Environment.model_validate(
        {"name": "local", "lake": {"path": "lake"}, "spark": {"master": "local[*]"}}
    )
    return session(local, stage, keep_classes=keep_classes)


@contextmanager
def session(
    environment: Environment | None,
    stage: Callable[[str], Any] | None = None,
    *,
    reads: Project | None = None,
    keep_classes: bool = False,
) -> Iterator[SparkSession]:
    """The environment's session, its time zone UTC meanwhile; `stage` times its start.

    `reads` is the project whose logs are going to be read; without one, little is.

    Raises:
        UsageError: pyspark is not installed.
        AbsparkError: Java is missing, or Spark does not start.
    """
    require_pyspark()
    from contextlib import ExitStack

    from abspark.storage import bytes_at, open_session, run_settings

    if environment is None:
        raise UsageError("no environment was chosen", advice="name one with --env")
    logs = [*reads.exposures.values(), *reads.events.values()] if reads else []
    threading.Thread(target=_import_ahead, daemon=True).start()
    opened = open_session(
        environment, input_bytes=bytes_at(source.path for source in logs), keep_classes=keep_classes
    )
    with ExitStack() as stack:
        if stage is None:
            spark = stack.enter_context(opened)
        else:
            with stage("start Spark"):
                spark = stack.enter_context(opened)
        stack.enter_context(run_settings(spark))
        yield spark


def _import_ahead() -> None:
    """Import what a run needs while Java starts; what is not installed is missed where it is needed."""
    for name in _NEEDED_SOON:
        with suppress(ImportError):
            import_module(name)


def require_pyspark() -> None:
    """Pyspark is installed.

    Raises:
        UsageError: It is not.
    """
    from importlib.util import find_spec

    if find_spec("pyspark") is None:
        raise UsageError(
            "this command needs Spark, and pyspark is not installed here",
            advice="on one machine: pip install 'abspark[local]'; on a cluster use spark-submit with jobs/run.py",
        )


def readings(
    project: Project,
    results: Sequence[Mapping[str, Any]],
    *,
    looks: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
) -> dict[str, ReportData]:
    """By experiment, what a table of results by day is read with: as the experiment's page reads it."""
    from abspark.report.data import ReportData
    from abspark.report.terminal import grouped

    now = datetime.now(UTC)
    own, seen = (
        {name: mine for (name,), mine in grouped(rows, "experiment_id")} for rows in (results, looks)
    )
    return {
        name: ReportData(
            experiment,
            project.metrics,
            now,
            results=own.get(name, []),
            looks=seen.get(name, []),
            decision=next((row for row in decisions if row["experiment_id"] == name), None),
        )
        for name, experiment in project.experiments.items()
    }


def show(
    table: str,
    rows: list[dict[str, Any]],
    form: Format,
    *,
    committed: bool = False,
    **more: Any,
) -> None:
    """Rows of a table on stdout: for people, with more that their table needs, or as JSON, CSV or Markdown alone.

    `committed` is whether a run has committed anything, were there no rows of this table all the same.
    """
    from abspark.report.tables import SHOW
    from abspark.report.written import as_csv, as_json, as_markdown
    from abspark.schemas import TABLES

    if form == "json":
        click.echo(as_json(rows))
    elif form == "csv":
        click.echo(as_csv(rows, TABLES[table].names), nl=False)
    elif form == "markdown":
        click.echo(as_markdown(rows, TABLES[table].names), nl=False)
    elif rows:
        SHOW[table](rows, sys.stdout, **more)
    elif committed:
        click.echo(f"the committed runs have no rows of {table}", err=True)
    else:
        click.echo("nothing to show yet: no run has committed a configured experiment; abspark run", err=True)
