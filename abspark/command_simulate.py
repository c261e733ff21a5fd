"""`abspark simulate` and `abspark demo`: raw logs with known truth, and what the main job makes of them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

from abspark.command_common import OutPath, load, local_session, readings, require_pyspark, show, writing_to
from abspark.errors import UsageError

if TYPE_CHECKING:
    from abspark.config import Project
    from abspark.simulate import LogFormat


@click.command()
@click.option("--out", type=OutPath(), required=True, help="Directory for the logs and their project.")
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
    require_pyspark()
    from abspark.simulate import Simulation, write

    simulation = Simulation(**sizes)
    _require_writable(out)
    with local_session() as spark:
        write(spark, simulation.clean() if clean else simulation, out, format=form)
    click.echo(f"written to {out}; next: abspark run --conf {out / 'conf'} --env local")


@click.command()
@click.option("--out", type=OutPath(), default=Path("build/demo"), show_default=True)
@click.option("--units", type=int, default=20_000, show_default=True, help="Units that exist.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other rows.")
def demo(out: Path, units: int, seed: int) -> None:
    """Simulate raw logs, run the main job on local Spark and Delta, print the results and write a report."""
    require_pyspark()
    from abspark import queries, runner
    from abspark.progress import on_stderr
    from abspark.simulate import Simulation, write

    simulation = Simulation(units=units, seed=seed, experiments=2, effect=0.25)
    _require_writable(out)
    progress = on_stderr()
    with local_session(progress.stage, keep_classes=True) as spark:
        with progress.stage("simulate raw logs"):
            write(spark, simulation, out, format="delta")
        project = load(out / "conf", "local")
        outcome = runner.run(spark, project, progress=progress)
        wanted = ("drops", "health", "results", "looks", "decisions")
        found = {name: queries.rows(spark, project, name) for name in wanted}
    everyone = {
        name: [row for row in rows if row.get("segment_name") is None and row.get("exposure_day") is None]
        for name, rows in found.items()
    }
    show("drops", everyone["drops"], "table")
    show("health", everyone["health"], "table")
    read_with = readings(
        project, everyone["results"], looks=everyone["looks"], decisions=everyone["decisions"]
    )
    show("results", everyone["results"], "table", readings=read_with)
    click.echo(f"run {outcome.run_id}; logs, truth, configuration and lake are in {out}")
    click.echo(f"next: abspark results --conf {out / 'conf'} --env local")
    _tell_report(project, out / "report")


def _require_writable(folder: Path) -> None:
    """Before Spark starts, whose own words for it are a stack trace."""
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()


def _tell_report(project: Project, folder: Path) -> None:
    """Write the report, and name what to open; without its packages, what to install."""
    from abspark.command_report import gather, write_all
    from abspark.command_tables import open_tables

    try:
        with open_tables(project) as tables:
            [index, *_] = write_all(gather(tables, project, list(project.experiments)), folder)
    except UsageError as error:
        click.echo(f"no report: {error.message}; {error.advice}")
    else:
        click.echo(f"report: {index}")
