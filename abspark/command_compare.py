"""`abspark compare`: two files, one column, no configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abspark.command_common import FORMAT, Format, show
from abspark.errors import DataError, UsageError

if TYPE_CHECKING:
    from abspark.analysis.two_samples import Compared, Direction, Sample

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
    out: Path | None,
    form: Format,
) -> None:
    """Compare a column of two CSV (or Parquet) files, a row per unit: the first is the control."""
    from abspark.analysis.two_samples import cleaned, two_samples
    from abspark.storage import read_values

    for name, value, allowed in (("--alpha", alpha, 0.5), ("--share", share, 1)):
        if value is not None and not 0 < value < allowed:
            raise UsageError(f"{name} = {value} is out of range", allowed=f"above 0 and below {allowed}")
    samples = [cleaned(read_values(path, metric)) for path in (control, treatment)]
    for path, sample in zip((control, treatment), samples, strict=True):
        _require_numbers(path, sample, metric)
    found = two_samples(
        *samples, metric=metric, alpha=alpha, direction=better, share=share, now=datetime.now(UTC)
    )
    for path, sample in zip((control, treatment), samples, strict=True):
        for reason, rows in sample.left_out.items():
            click.echo(f"{path}: {rows:,} of {sample.rows:,} rows left out: {reason}", err=True)
    show("results", found.results, form)
    if form == "table":
        click.echo(" ".join(found.decision["reasons"]))
    if out is not None:
        _write_report(out, (control, treatment), samples, found)


def _require_numbers(path: Path, sample: Sample, metric: str) -> None:
    """An arm without a number has no result, so it is no comparison either.

    Raises:
        DataError: The column has none.
    """
    if len(sample.values):
        return
    from abspark.storage import read_values

    seen = next((value for value in read_values(path, metric) if value is not None), None)
    raise DataError(
        f"{path}: none of its {sample.rows:,} rows has a number in column {metric}"
        + ("" if seen is None else f"; the first has {str(seen)[:60]!r}"),
        allowed="numbers, or true and false, yes and no",
    )


def _write_report(out: Path, paths: tuple[Path, Path], samples: list[Sample], found: Compared) -> None:
    from abspark.analysis.two_samples import FILES
    from abspark.command_report import write_page
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
    data = ReportData(
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
    for page in write_page(data, out):
        click.echo(f"written: {page}", err=True)
