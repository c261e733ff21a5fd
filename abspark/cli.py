"""The command line. Commands import what they need when they run, so that `validate` and `--help` start no Java."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abspark.command_assign import command_assign
from abspark.command_common import (
    AS_OF,
    CONF,
    ENV,
    EXPERIMENTS,
    FORMAT,
    QUIET,
    Format,
    OutPath,
    load,
    readings,
    session,
    show,
    writing_to,
)
from abspark.command_compare import compare
from abspark.command_power import power
from abspark.command_report import report
from abspark.command_simulate import demo, simulate
from abspark.errors import AbsparkError, HealthError
from abspark.whole_tables import require_looks

if TYPE_CHECKING:
    from abspark.config import Project

FAIL_ON_HEALTH = click.option(
    "--fail-on-health",
    is_flag=True,
    help="Exit 4 when a check of severity fail does not pass, or nothing is committed.",
)


@click.group(
    name="abspark", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
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
    from abspark.naming import plural

    project = load_project(conf, env)
    counts = (
        f"{plural(len(project.experiments), 'experiment')}, {plural(len(project.metrics), 'metric')}, "
        f"{plural(len(project.exposures), 'exposure source')} and {plural(len(project.events), 'event source')}"
    )
    click.echo(f"{conf}: {counts}: no faults")
    for experiment in project.experiments.values():
        for doubt in experiment.doubts:
            click.echo(f"  {experiment.id}: {doubt}: is that meant?")


@cli.command()
@CONF
@ENV
@EXPERIMENTS
@AS_OF
@QUIET
@FAIL_ON_HEALTH
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
    from abspark.config import chosen_experiments
    from abspark.progress import Progress, on_stderr

    chosen_experiments(project, experiments)
    progress = Progress() if quiet else on_stderr()
    with session(project.environment, progress.stage, reads=project) as spark:
        from abspark import runner

        outcome = runner.run(spark, project, experiments=experiments, as_of=as_of, progress=progress)
        click.echo(f"run {outcome.run_id} committed: {', '.join(sorted(outcome.experiments))}", err=True)
        if fail_on_health:
            from abspark import queries

            heads = dict.fromkeys(outcome.experiments, outcome.run_id)
            require_health(queries.rows_of(runner.lake_of(spark, project), project, "health", heads))


def _reader(table: str, help_text: str) -> None:
    @cli.command(name=table, help=help_text)
    @CONF
    @ENV
    @EXPERIMENTS
    @FORMAT
    def command(conf: Path, env: str, experiments: tuple[str, ...], form: Format) -> None:
        rows, checks = _committed(_project(conf, env), experiments, table, "health")
        show(table, rows, form, committed=bool(checks))


def _project(conf: Path, env: str) -> Project:
    from abspark.config import load_project

    return load_project(conf, env)


def _committed(
    project: Project, experiments: tuple[str, ...], *names: str
) -> tuple[list[dict[str, Any]], ...]:
    """The committed rows of some tables, of the experiments that are named, else of all that are configured."""
    from abspark.command_tables import committed_experiments, open_tables

    with open_tables(project) as tables:
        chosen = committed_experiments(tables, project, experiments)
        rows = {name: tables.rows(name, chosen) for name in names}
        if "looks" in rows:
            require_looks(rows["results"], rows["looks"], tables.location)
    return tuple(rows.values())


_reader("drops", "Show how many rows were left out, and why.")


@cli.command()
@CONF
@ENV
@EXPERIMENTS
@FORMAT
@click.option(
    "--days",
    type=click.Choice(["last", "all", "exposure"]),
    default="last",
    show_default=True,
    help="Days that json, csv and markdown have; the table shows the last and draws the others. "
    "exposure: days since exposure, of experiments with series: {since_exposure: true}.",
)
def results(conf: Path, env: str, experiments: tuple[str, ...], form: Format, days: str) -> None:
    """Show the committed results."""
    from abspark.report.order import by_day, on_last_days, since_exposure

    project = _project(conf, env)
    others = ("decisions", "looks", "health") if form == "table" else ()
    found, *beside = _committed(project, experiments, "results", *others)
    rows = since_exposure(found) if days == "exposure" else by_day(found)
    if found and not rows:
        told = "no rows by days since exposure: experiments with series: {since_exposure: true} have them"
        click.echo(told, err=True)
        if form == "table":
            return
    if form != "table":
        show("results", on_last_days(rows) if days == "last" else rows, form)
        return
    decisions, looks, checks = beside
    if days == "exposure":
        decisions = []  # they are not made of these rows
    read_with = readings(project, by_day(found), looks=looks, decisions=decisions)
    show("results", rows, form, readings=read_with)
    for line in (*_without_units(rows), *_doubts(checks)):
        click.echo(line, err=True)


@cli.command()
@CONF
@ENV
@EXPERIMENTS
@FORMAT
@FAIL_ON_HEALTH
def health(conf: Path, env: str, experiments: tuple[str, ...], form: Format, *, fail_on_health: bool) -> None:
    """Show the checks that say whether to believe the results."""
    (rows,) = _committed(_project(conf, env), experiments, "health")
    show("health", rows, form)
    if fail_on_health:
        require_health(rows)


@cli.command()
@CONF
@ENV
@FORMAT
def runs(conf: Path, env: str, form: Format) -> None:
    """Show all runs, newest first."""
    from abspark.command_tables import open_tables
    from abspark.config import load_project

    with open_tables(load_project(conf, env)) as tables:
        heads = {name: row["run_id"] for name, row in tables.commits().items()}
        rows = tables.runs()
    show("runs", rows, form, heads=heads)


@cli.command()
@CONF
@ENV
@click.option("--keep", type=int, default=7, show_default=True, help="Runs to keep per experiment.")
def prune(conf: Path, env: str, keep: int) -> None:
    """Remove the rows of runs that no longer count."""
    project = load(conf, env)
    from abspark import runner
    from abspark.storage import require_kept_runs

    require_kept_runs(keep)
    with session(project.environment) as spark:
        pruned = runner.prune(spark, project, keep=keep)
    count = len(pruned)
    click.echo("\n  ".join([f"{count} run{'' if count == 1 else 's'} removed", *pruned]))


@cli.command()
@click.argument("directory", type=OutPath())
def init(directory: Path) -> None:
    """Write a commented starter project into DIRECTORY."""
    from abspark.config.starter import write_starter

    with writing_to(directory):
        write_starter(directory)
    click.echo(f"written to {directory}; next: abspark validate --conf {directory / 'conf'}")


@cli.command()
@click.option("--out", type=OutPath(), required=True, help="Directory for the schemas.")
def schema(out: Path) -> None:
    """Write JSON Schemas of the configuration files, for editors."""
    from abspark.config.json_schema import write_schemas

    with writing_to(out):
        write_schemas(out)
    click.echo(f"written to {out}")


for command in (command_assign, compare, power, report, simulate, demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with the code that the outcome asks for."""
    # characters that it can't show are escaped, as on stderr
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(invoke(cli))


def invoke(command: click.Command, args: list[str] | None = None) -> int:
    """Run a command and return its exit code; faults are told in one screen on stderr."""
    arguments = sys.argv[1:] if args is None else args
    debug = "--debug" in arguments  # anywhere, as people append it to the command that failed
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        command.main(args=arguments, prog_name=command.name if args is None else None, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped; what was committed before still counts", err=True)
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
        click.echo("stopped; what was committed before still counts", err=True)
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


def _without_units(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each experiment that has no unit at all: what is undefined then is for one and the same reason."""
    units: dict[str, int] = {}
    for row in rows:
        name = row["experiment_id"]
        units[name] = units.get(name, 0) + (row["n_control"] or 0) + (row["n_treatment"] or 0)
    return [
        f"{name}: no units: none of the exposures that were read counts. abspark drops says why"
        for name, count in units.items()
        if not count
    ]


def _doubts(checks: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each experiment with a failing check: what is shown of it is not to be believed yet."""
    failing: dict[str, list[str]] = {}
    for row in checks:
        if row["status"] == "fail" and row["check"] not in failing.setdefault(row["experiment_id"], []):
            failing[row["experiment_id"]].append(row["check"])
    return [
        f"{name}: do not trust these numbers yet, as a health check fails: {', '.join(names)}. See abspark health"
        for name, names in failing.items()
    ]


def require_health(rows: list[dict[str, Any]]) -> None:
    """Check that no row of `health` is of severity fail.

    Raises:
        HealthError: Some are, or there are none at all.
    """
    if not rows:
        raise HealthError(
            "there is nothing to check: no run has committed a configured experiment", advice="abspark run"
        )
    failed = [row for row in rows if row["status"] == "fail"]
    if failed:
        lines = [f"  {row['experiment_id']}: {row['check']}: {row['message']}" for row in failed]
        raise HealthError(
            "\n".join([f"{len(failed)} health checks failed:", *lines]), advice="abspark health"
        )


if __name__ == "__main__":
    main()
