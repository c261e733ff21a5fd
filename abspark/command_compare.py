"""`abspark compare`: two files, one column, no configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from abspark.command_common import FORMAT, Format, show
from abspark.errors import DataError, UsageError

if TYPE_CHECKING:
    from abspark.analysis.sample_cleaning import Sample
    from abspark.analysis.two_samples import Compared, Direction
    from abspark.report.data import ReportData
    from abspark.storage import FileColumn

NO_UNIT: Final = "-"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("control", type=_FILE)
@click.argument("treatment", type=_FILE)
@click.option("--metric", required=True, help="Column to compare: 0 and 1 make a rate, other numbers a mean.")
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Level of the test.")
@click.option(
    "--better", type=click.Choice(["increase", "decrease"]), default="increase", show_default=True,
    help="Which way is better.",
)  # fmt: skip
@click.option("--share", type=float, help="Share of units meant for the treatment, to check the split.")
@click.option(
    "--unit", help="Column of the units' ids; by default one with a usual name (user_id, id, …); - for none."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the HTML report here.")
@FORMAT
def compare(
    control: Path,
    treatment: Path,
    *,
    metric: str,
    alpha: float,
    better: Direction,
    share: float | None,
    unit: str | None,
    out: Path | None,
    form: Format,
) -> None:
    """Compare a column of two CSV (or Parquet) files, a row per unit: the first is the control.

    Rows without a number, with too many or too few fields, or that say again what a row of the same unit said are left
    out and counted. Units whose rows disagree are refused, and units of both files are left out.
    """
    from abspark.analysis.two_samples import two_samples
    from abspark.reasons import drop_words

    for name, value, allowed in (("--alpha", alpha, 0.5), ("--share", share, 1)):
        if value is not None and not 0 < value < allowed:
            raise UsageError(f"{name} = {value} is out of range", allowed=f"above 0 and below {allowed}")
    paths = (control, treatment)
    if out is not None and any(out.exists() and out.samefile(path) for path in paths):
        raise UsageError(f"--out {out} is one of the files that are compared", advice="name another file")
    samples, shared = _samples(paths, metric, unit)
    found = two_samples(
        *samples,
        metric=metric,
        alpha=alpha,
        direction=better,
        share=share,
        shared=shared,
        now=datetime.now(UTC),
    )
    for path, sample in zip(paths, samples, strict=True):
        for reason, rows in sample.left_out.items():
            told = f"{reason} ({drop_words(reason)})"
            click.echo(f"{path}: {rows:,} of {sample.rows:,} rows left out: {told}", err=True)
    data = _report_data(paths, samples, found)
    show("results", found.results, form, readings={found.experiment.id: data})
    if form == "table":
        for check in found.health:
            if check["status"] == "warn":
                click.echo(f"warn: {check['message']} {check['advice'] or ''}".rstrip(), err=True)
    if out is not None:
        _write_report(out, data)


def _samples(paths: tuple[Path, Path], metric: str, unit: str | None) -> tuple[list[Sample], int | None]:
    """Both files, cleaned, and how many units they share: None where that is unknown.

    A column that is called no more than `id` and was not named may just number the rows, so that what both files share
    is only told.

    Raises:
        DataError: An arm has no number, or a unit has rows that disagree.
    """
    from abspark.analysis.sample_cleaning import Rows, cleaned, shared_units
    from abspark.storage import read_column

    named = None if unit == NO_UNIT else unit
    files = [read_column(path, metric, named, guess=unit is None) for path in paths]
    rows = [Rows(file.values, file.units, file.ragged) for file in files]
    for path, file in zip(paths, files, strict=True):
        if file.encoding == "latin-1":
            click.echo(f"{path}: not UTF-8, so read as Latin-1", err=True)
    known = all(file.unit is not None for file in files)
    shared = shared_units(*rows) if known else frozenset()
    if known and unit is None and any((file.unit or "").lower() == "id" for file in files):
        if shared:
            click.echo(
                f"{len(shared):,} ids are in both files and were kept, as a column id may just number rows: "
                "--unit id leaves them out",
                err=True,
            )
        known, shared = False, frozenset()
    samples = [cleaned(each, shared) for each in rows]
    for path, file, sample in zip(paths, files, samples, strict=True):
        _require_a_row_per_unit(path, file, sample)
        _require_numbers(path, file, sample, metric)
    return samples, len(shared) if known else None


def _require_a_row_per_unit(path: Path, file: FileColumn, sample: Sample) -> None:
    """Of several rows of a unit that disagree none can be chosen, and each of them would count as a unit.

    Raises:
        DataError: There are such rows.
    """
    if not sample.conflicting:
        return
    from abspark.naming import plural

    raise DataError(
        f"{path} has {plural(len(sample.conflicting), 'unit')} with several rows that disagree, "
        f"such as {file.unit} {sample.conflicting[0][:60]!r}",
        allowed="a row per unit",
        advice=f"sum up the rows of a unit, or name another column with --unit (--unit {NO_UNIT}: there is none)",
    )


def _require_numbers(path: Path, file: FileColumn, sample: Sample, metric: str) -> None:
    """An arm without a number has no result, so it is no comparison either.

    Raises:
        DataError: The column has none.
    """
    if len(sample.values):
        return
    from abspark.naming import plural

    if not sample.rows:
        raise DataError(f"{path} has a header and no rows", allowed="a row per unit")
    shared = sample.left_out.get("multiple_variants", 0)
    if shared:
        raise DataError(
            f"{path}: of its {plural(sample.rows, 'row')} {shared:,} are of units that the other file has as well, "
            f"and no other has a number in column {metric}",
            allowed="a file per variant, each with units of its own",
            advice=f"look whether the same file was given twice; --unit {NO_UNIT} takes the rows as they are",
        )
    seen = next((value for value in file.values if value is not None), None)
    raise DataError(
        f"{path}: none of its {sample.rows:,} rows has a number in column {metric}"
        + ("" if seen is None else f"; the first has {str(seen)[:60]!r}"),
        allowed="numbers, or true and false, yes and no",
    )


def _write_report(out: Path, data: ReportData) -> None:
    from abspark.command_report import write_page

    for page in write_page(data, out):
        click.echo(f"written: {page}", err=True)


def _report_data(paths: tuple[Path, Path], samples: list[Sample], found: Compared) -> ReportData:
    """What table and page read the comparison with."""
    from abspark.analysis.two_samples import FILES
    from abspark.report.data import ReportData
    from abspark.storage import content_hash

    named = found.experiment.model_copy(update={"name": f"{paths[1].name} against {paths[0].name}"})
    inputs = {
        "source": FILES,
        "location": ", ".join(map(str, paths)),
        "version": None,
        "list_hash": " ".join(content_hash(path)[:16] for path in paths),
        "rows": sum(sample.rows for sample in samples),
        "kept": sum(len(sample.values) for sample in samples),
    }
    return ReportData(
        named,
        {found.metric.name: found.metric},
        datetime.now(UTC),
        results=found.results,
        health=found.health,
        drops=found.drops,
        decision=found.decision,
        run={"inputs": [inputs]},
        dated=False,
    )
