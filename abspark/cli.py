"""The command line. Commands import what they need when they run, so that `validate` and `--help` start no Java."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from abspark.errors import AbsparkError, HealthError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from abspark.config import Environment, Project
    from abspark.simulate import LogFormat

Format = Literal["table", "json", "csv"]

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
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
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
            self.fail(f"{value!r} states no offset; write e.g. {value}Z", param, ctx)
        return instant.astimezone(UTC)


AS_OF = click.option(
    "--as-of", type=Instant(), help="Cut of event time, e.g. 2026-10-15T00:00:00Z. Default: now."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
@click.version_option(package_name="abspark")
def cli() -> None:
    """Analyse A/B tests from raw event logs on Spark."""


@cli.command()
@CONF
@click.option("--env", help="Environment to check as well.")
def validate(conf: Path, env: str | None) -> None:
    """Check the configuration; starts no Java."""
    from abspark.config import load_project

    project = load_project(conf, env)
    counts = (
        f"{len(project.experiments)} experiments, {len(project.metrics)} metrics, "
        f"{len(project.exposures)} exposure and {len(project.events)} event sources"
    )
    click.echo(f"{conf}: {counts}: no faults")


@cli.command()
@CONF
@ENV
@EXPERIMENTS
@AS_OF
@QUIET
@click.option("--fail-on-health", is_flag=True, help="Exit 4 when a check of severity fail does not pass.")
def run(
    conf: Path,
    env: str,
    experiments: tuple[str, ...],
    as_of: datetime | None,
    *,
    quiet: bool,
    fail_on_health: bool,
) -> None:
    """Run everything: raw logs to committed results tables."""
    project = load(conf, env)
    from abspark import runner
    from abspark.progress import Progress, on_stderr

    progress = Progress() if quiet else on_stderr()
    with session(project.environment, progress.stage, reads=project) as spark:
        outcome = runner.run(spark, project, experiments=experiments, as_of=as_of, progress=progress)
        click.echo(f"run {outcome.run_id} committed: {', '.join(sorted(outcome.experiments))}", err=True)
        if fail_on_health:
            _require_health(spark, project, tuple(outcome.experiments))


def _reader(table: str, help_text: str) -> None:
    @cli.command(name=table, help=help_text)
    @CONF
    @ENV
    @EXPERIMENTS
    @FORMAT
    def command(conf: Path, env: str, experiments: tuple[str, ...], form: Format) -> None:
        project = load(conf, env)
        from abspark import queries

        with session(project.environment) as spark:
            rows = queries.rows(spark, project, table, experiments=experiments)
        _show(table, rows, form)


_reader("results", "Show the committed results.")
_reader("health", "Show the checks that say whether to believe the results.")
_reader("drops", "Show how many rows were left out, and why.")


@cli.command()
@CONF
@ENV
@FORMAT
def runs(conf: Path, env: str, form: Format) -> None:
    """Show all runs, newest first."""
    project = load(conf, env)
    from abspark import queries

    with session(project.environment) as spark:
        rows = queries.runs(spark, project)
    _show("runs", rows, form)


@cli.command()
@CONF
@ENV
@click.option("--keep", type=int, default=7, show_default=True, help="Runs to keep per experiment.")
def prune(conf: Path, env: str, keep: int) -> None:
    """Remove the rows of runs that no longer count."""
    project = load(conf, env)
    from abspark import runner

    with session(project.environment) as spark:
        pruned = runner.lake_of(spark, project).prune(keep)
    count = len(pruned.run_ids)
    click.echo("\n  ".join([f"{count} run{'' if count == 1 else 's'} removed", *pruned.run_ids]))


@cli.command()
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Directory for the logs and their project."
)
@click.option(
    "--format", "form", type=click.Choice(["delta", "parquet", "csv"]), default="parquet", show_default=True
)
@click.option("--units", type=int, default=10_000, show_default=True, help="Units that exist.")
@click.option("--experiments", type=int, default=4, show_default=True, help="Experiments at once.")
@click.option("--days", type=int, default=14, show_default=True, help="Length of the experiments.")
@click.option(
    "--share", type=float, default=0.5, show_default=True, help="Share of units in each experiment."
)
@click.option(
    "--exposures-per-unit", type=float, default=3.0, show_default=True, help="Exposure rows per unit."
)
@click.option("--events-per-unit", type=float, default=20.0, show_default=True, help="Event rows per unit.")
@click.option(
    "--effect", type=float, default=0.1, show_default=True, help="True relative effect of odd experiments."
)
@click.option("--variants", type=int, default=2, show_default=True, help="Variants of each experiment.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other rows.")
@click.option("--carry-variant", is_flag=True, help="Events carry experiment and variant.")
@click.option("--clean", is_flag=True, help="No faults in the logs.")
def simulate(out: Path, form: LogFormat, *, clean: bool, **sizes: Any) -> None:
    """Write seeded raw logs with stated truth, and a project that analyses them."""
    from abspark.simulate import Simulation, write

    simulation = Simulation(**sizes)
    with local_session() as spark:
        write(spark, simulation.clean() if clean else simulation, out, format=form)
    click.echo(f"written to {out}; next: abspark run --conf {out / 'conf'} --env local")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True)
@click.option("--units", type=int, default=20_000, show_default=True, help="Units that exist.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other rows.")
def demo(out: Path, units: int, seed: int) -> None:
    """Simulate raw logs, run the main job on local Spark and Delta, and print the results."""
    from abspark import queries, runner
    from abspark.progress import on_stderr
    from abspark.simulate import Simulation, write

    progress = on_stderr()
    with local_session(progress.stage) as spark:
        with progress.stage("simulate raw logs"):
            write(spark, Simulation(units=units, seed=seed, experiments=2, effect=0.25), out, format="delta")
        project = load(out / "conf", "local")
        outcome = runner.run(spark, project, progress=progress)
        shown = {name: queries.rows(spark, project, name) for name in ("drops", "health", "results")}
    for name, rows in shown.items():
        everyone = [row for row in rows if row.get("segment_name") is None]
        _show(name, everyone, "table")
    click.echo(f"run {outcome.run_id}; logs, truth, configuration and lake are in {out}")
    click.echo(f"next: abspark results --conf {out / 'conf'} --env local")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Write a commented starter project into DIRECTORY."""
    from abspark.config.starter import write_starter

    write_starter(directory)
    click.echo(f"written to {directory}; next: abspark validate --conf {directory / 'conf'}")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Directory for the schemas.")
def schema(out: Path) -> None:
    """Write JSON Schemas of the configuration files, for editors."""
    from abspark.config.json_schema import write_schemas

    write_schemas(out)
    click.echo(f"written to {out}")


def main() -> None:
    """Run the command line and exit with the code that the outcome asks for."""
    sys.exit(invoke(cli))


def invoke(command: click.Command, args: list[str] | None = None) -> int:
    """Run a command and return its exit code; faults are told in one screen on stderr."""
    arguments = sys.argv[1:] if args is None else args
    debug = "--debug" in arguments  # anywhere, as people append it to the command that failed
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        command.main(args=arguments, prog_name=command.name if args is None else None, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return 2
    except AbsparkError as error:
        if debug:
            raise
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        click.echo("stopped; nothing of the run counts", err=True)
        return 1
    except Exception as error:
        if debug:
            raise
        _tell_unforeseen(error)
        return 1
    return 0


def _tell_unforeseen(error: Exception) -> None:
    first = (str(error).strip().splitlines() or [""])[0][:500]
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    click.echo(
        f"error: {type(error).__name__}: {first}{notes}\n  do: run again with --debug for the traceback",
        err=True,
    )


def load(conf: Path, env: str) -> Project:
    """The checked project, for one environment of a command that needs Spark.

    Raises:
        ConfigError: The configuration has faults.
        UsageError: pyspark is not installed.
    """
    from abspark.config import load_project

    project = load_project(conf, env)
    _require_pyspark()
    return project


def local_session(stage: Callable[[str], Any] | None = None) -> AbstractContextManager[SparkSession]:
    """A session of our own on this machine, with Delta."""
    from abspark.config import Environment

    local = Environment.model_validate(
        {"name": "local", "lake": {"path": "lake"}, "spark": {"master": "local[*]"}}
    )
    return session(local, stage)


@contextmanager
def session(
    environment: Environment | None,
    stage: Callable[[str], Any] | None = None,
    *,
    reads: Project | None = None,
) -> Iterator[SparkSession]:
    """The environment's session, its time zone UTC meanwhile; `stage` times its start.

    `reads` is the project whose logs are going to be read; without one, little is.

    Raises:
        UsageError: pyspark is not installed.
        AbsparkError: Java is missing, or Spark does not start.
    """
    _require_pyspark()
    from contextlib import ExitStack

    from abspark.storage import bytes_at, open_session, utc_session

    if environment is None:
        raise UsageError("no environment was chosen", advice="name one with --env")
    logs = [*reads.exposures.values(), *reads.events.values()] if reads else []
    opened = open_session(environment, input_bytes=bytes_at(source.path for source in logs))
    with ExitStack() as stack:
        if stage is None:
            spark = stack.enter_context(opened)
        else:
            with stage("start Spark"):
                spark = stack.enter_context(opened)
        stack.enter_context(utc_session(spark))
        yield spark


def _require_pyspark() -> None:
    from importlib.util import find_spec

    if find_spec("pyspark") is None:
        raise UsageError(
            "this command needs Spark, and pyspark is not installed here",
            advice="on one machine: pip install 'abspark[local]'; on a cluster use spark-submit with jobs/run.py",
        )


def _show(table: str, rows: list[dict[str, Any]], form: Format) -> None:
    from abspark.report import tables
    from abspark.schemas import TABLES

    if form == "json":
        click.echo(tables.as_json(rows))
    elif form == "csv":
        click.echo(tables.as_csv(rows, TABLES[table].names), nl=False)
    elif rows:
        tables.SHOW[table](rows, sys.stdout)
    else:
        click.echo("nothing committed yet", err=True)


def _require_health(spark: SparkSession, project: Project, experiments: tuple[str, ...]) -> None:
    from abspark import queries

    failed = [
        r for r in queries.rows(spark, project, "health", experiments=experiments) if r["status"] == "fail"
    ]
    if failed:
        lines = [f"  {row['experiment_id']}: {row['check']}: {row['message']}" for row in failed]
        raise HealthError(
            "\n".join([f"{len(failed)} health checks failed:", *lines]), advice="abspark health"
        )


if __name__ == "__main__":
    main()
