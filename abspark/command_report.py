"""`abspark report`: pages and pictures from committed tables, without Spark where that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abspark.command_common import CONF, ENV
from abspark.errors import UsageError
from abspark.schemas import NO_EXPERIMENT
from abspark.whole_tables import require_looks

if TYPE_CHECKING:
    from abspark.command_tables import LakeTables
    from abspark.config import Project
    from abspark.report.data import ReportData
    from abspark.report.pictures import PictureFormat

_TABLES = ("results", "health", "drops", "decisions", "looks", "quantiles")


@click.command()
@CONF
@ENV
@click.option("--experiment", help="Experiment id.")
@click.option("--all", "everything", is_flag=True, help="All experiments, with an index page.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The page; with --all a directory. Default: report/."
)
@click.option("--png", is_flag=True, help="Also pictures of scorecard and series, beside the page.")
@click.option("--svg", is_flag=True, help="The same as SVG.")
def report(
    conf: Path, env: str, experiment: str | None, *, everything: bool, out: Path | None, png: bool, svg: bool
) -> None:
    """Write a self-contained HTML report of an experiment, or of all."""
    from abspark.command_tables import open_tables
    from abspark.config import load_project

    project = load_project(conf, env)
    chosen = _chosen(project, experiment, everything=everything)
    wanted: tuple[tuple[PictureFormat, bool], ...] = (("png", png), ("svg", svg))
    forms = [form for form, is_wanted in wanted if is_wanted]
    with open_tables(project) as tables:
        found = gather(tables, project, chosen)
    if everything:
        pages = write_all(found, out or Path("report"), forms)
    else:
        from abspark.report.index import page_name

        pages = write_page(found[0], out or Path("report") / page_name(chosen[0]), forms)
    for page in pages:
        click.echo(f"written: {page}")


def gather(tables: LakeTables, project: Project, experiments: Sequence[str]) -> list[ReportData]:
    """What the lake holds of some experiments; each table is read once."""
    from abspark.report.data import ReportData
    from abspark.report.order import by_day, since_exposure

    commits = tables.commits()
    committed = [name for name in experiments if name in commits]
    rows = {name: tables.rows(name, committed) for name in _TABLES}
    require_looks(rows["results"], rows["looks"], tables.location)
    runs = {run["run_id"]: run for run in tables.runs()}
    run_of = {name: runs.get(commits[name]["run_id"]) for name in committed}
    now = datetime.now(UTC)

    def own(table: str, name: str) -> list[dict[str, Any]]:
        run = commits[name]["run_id"] if name in commits else None
        return [r for r in rows[table] if r["experiment_id"] in (name, NO_EXPERIMENT) and r["run_id"] == run]

    return [
        ReportData(
            project.experiments[name],
            project.metrics,
            now,
            results=by_day(own("results", name)),
            since_exposure=since_exposure(own("results", name)),
            health=own("health", name),
            drops=own("drops", name),
            looks=own("looks", name),
            quantiles=own("quantiles", name),
            exposures=tables.first_exposures(name) if name in commits else [],
            decision=next(iter(own("decisions", name)), None),
            run=run_of.get(name),
            commit=commits.get(name),
            lake=tables.location,
            configuration_changed=_has_changed(project, run_of.get(name)),
        )
        for name in experiments
    ]


def _has_changed(project: Project, run: Mapping[str, Any] | None) -> bool:
    """Whether the run's experiments are configured otherwise by now; not where the run doesn't say how they were."""
    if run is None or run.get("configuration_hash") is None:
        return False
    try:
        return bool(project.configuration_hash(run["experiments"]) != run["configuration_hash"])
    except UsageError:
        return True


def write_page(data: ReportData, out: Path, forms: Sequence[PictureFormat] = ()) -> list[Path]:
    """The page of an experiment and its pictures; the paths written, the page first.

    Raises:
        UsageError: The path can't be written, or a package of the extra `report` is missing.
    """
    from abspark.report.page import experiment_page

    page = experiment_page(data)
    _write(out, page)
    if not forms:
        return [out]
    from abspark.report.pictures import write_pictures

    return [out, *(path for form in forms for path in write_pictures(data, out.with_suffix(""), form))]


def write_all(reports: Sequence[ReportData], folder: Path, forms: Sequence[PictureFormat] = ()) -> list[Path]:
    """A page per experiment and the index over them; the paths written, the index first."""
    from abspark.report.index import index_page, page_name

    named = [(data, folder / page_name(data.experiment.id)) for data in reports]
    pages = [path for data, page in named for path in write_page(data, page, forms)]
    index = folder / "index.html"
    _write(index, index_page(reports, made_at=datetime.now(UTC)))
    return [index, *pages]


def _chosen(project: Project, experiment: str | None, *, everything: bool) -> list[str]:
    if everything == (experiment is not None):
        raise UsageError("name one experiment with --experiment, or take --all", allowed=_known(project))
    if experiment is None:
        return list(project.experiments)
    if experiment not in project.experiments:
        raise UsageError(f"there is no experiment {experiment!r}", allowed=_known(project))
    return [experiment]


def _known(project: Project) -> str:
    return ", ".join(project.experiments) or "none"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
