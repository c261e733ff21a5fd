"""Checks on when rows arrived: late ones, and ones from the future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from abspark.analysis.health_row import HealthRow, Row, graded, percentage, skipped
from abspark.config import Experiment
from abspark.stats.delays import reporting_delays

_QUANTILES: Final = (0.5, 0.9, 0.99)
_CELL: Final = 3_600
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_LATE_ADVICE: Final = (
    "Wait before you read the last days, or give the source a complete_until of at least the longest lag, so that "
    "windows count as complete only once their rows are there."
)
_CLOCK_ADVICE: Final = (
    "Find the clocks that run ahead, or times that were read in the wrong zone or unit. "
    "Events that are dated wrongly may miss their windows."
)


class Arrivals(NamedTuple):
    """What is known of a source's rows and clocks.

    `cells` are rows as `abspark.pipeline.arrivals` counts them, None where no ingestion time is mapped; `lags` the
    edges of their classes in seconds. `future` are rows after as_of where that was now, else None; `read` all rows.
    """

    source: str
    read: int | None
    future: int | None
    cells: Sequence[Row] | None
    lags: Sequence[int] = ()


def arrival_checks(sources: Sequence[Arrivals], experiment: Experiment) -> list[HealthRow]:
    """Late rows and clocks of each source that the experiment reads."""
    return [row for source in sources for row in (_late(source, experiment), _clock(source, experiment))]


def _where(source: Arrivals) -> dict[str, str]:
    return {"slice_name": "source", "slice_value": source.source}


def _late(source: Arrivals, experiment: Experiment) -> HealthRow:
    check = "late_rows"
    if source.cells is None:
        why = f"{source.source} maps no ingestion time (columns.ingested)."
        return skipped(experiment, check, why, **_where(source))
    if not source.cells:
        return skipped(experiment, check, f"{source.source} has no rows with both times.", **_where(source))
    cells = sorted({row["cell"] for row in source.cells})
    counts = np.zeros((len(cells), len(source.lags) + 1))
    for row in source.cells:
        counts[cells.index(row["cell"]), row["lag"]] += row["rows"]
    newest = max(row["newest"] for row in source.cells)
    ages = newest - np.array(cells, dtype=np.float64) - _CELL
    found = reporting_delays(counts, ages, np.array([*source.lags, np.inf]))
    share = found.to_come / (found.to_come + counts.sum())
    lags = ", ".join(f"{q:.0%} {_within(found.distribution, source.lags, q)}" for q in _QUANTILES)
    return graded(
        experiment,
        check,
        experiment.health.late_rows,
        share,
        advice=_LATE_ADVICE,
        observed=f"of the rows arrive: {lags}",
        expected="nothing still to come",
        message=f"An estimated {share:.2%} of the rows in {source.source} are still to come ({found.to_come:,.0f}).",
        **_where(source),
    )


def _within(distribution: np.ndarray, lags: Sequence[int], quantile: float) -> str:
    place = int(np.searchsorted(distribution, quantile * (1 - 1e-12)))
    return f"within {_span(lags[place])}" if place < len(lags) else f"after {_span(lags[-1])}"


def _span(seconds: int) -> str:
    size, unit = next(u for u in _UNITS if seconds >= u[0])
    return f"{seconds // size} {unit}"


def _clock(source: Arrivals, experiment: Experiment) -> HealthRow:
    check = "clock"
    if source.cells:
        total, ahead = sum(row["rows"] for row in source.cells), sum(row["ahead"] for row in source.cells)
        what = "are dated after they reached the log"
    elif source.future is None or not source.read:
        why = f"{source.source} has no ingestion time, and as_of is past: what came after it is no fault."
        return skipped(
            experiment, check, why if source.read else f"{source.source} has no rows.", **_where(source)
        )
    else:
        total, ahead, what = source.read, source.future, "are dated after the run began"
    share = ahead / total
    return graded(
        experiment,
        check,
        experiment.health.clock,
        share,
        advice=_CLOCK_ADVICE,
        observed=f"{ahead:,} of {total:,} rows ({percentage(share)})",
        expected="none",
        message=f"{percentage(share)} of the rows in {source.source} {what}.",
        **_where(source),
    )
