"""What could have been detected? The effect that this many units show with a power of 80 %."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.figures import ACCENT, LINE, figure, height_of, hover, rows_layout, value_range
from abspark.report.views import Cell, Figure, Heading, Section, TableView
from abspark.stats.power import Design, detectable_mean

_POWER: Final = 0.8
_PLOTTED: Final = 40
_HEADINGS: Final = (
    Heading("Metric", "metric"),
    Heading("Treatment", "treatment"),
    Heading("Units", "", numeric=True),
    Heading("Standard error", "std_error", numeric=True),
    Heading("Smallest effect", "", numeric=True),
    Heading("Smallest relative effect", "", numeric=True),
    Heading("Seen", "relative_effect", numeric=True),
)


def power(data: ReportData) -> Section:
    """Per comparison the smallest effect that would probably have been significant."""
    rows = [row for row in data.headlines() if row["std_error"] and row["alpha"]]
    smallest = detectable(rows, sides=data.experiment.analysis.sides)
    table = TableView(
        "power-table", "Smallest detectable effects", _HEADINGS,
        [_cells(row, size) for row, size in zip(rows, smallest, strict=True)],
    )  # fmt: skip
    plotted = [
        (row, size / row["mean_control"])
        for row, size in zip(rows, smallest, strict=True)
        if size is not None and (row["mean_control"] or 0) > 0 and row["relative_effect"] is not None
    ]
    figures = {"power": _figure(plotted[:_PLOTTED], several=len(data.treatments) > 1)} if plotted else {}
    context = {"table": table if rows else None, "more": max(0, len(plotted) - _PLOTTED), "plotted": _PLOTTED}
    return Section("power", "What could have been detected?", "Power", "power.html", context, figures)


def detectable(rows: Sequence[Row], *, sides: int) -> list[float | None]:
    """Smallest absolute effects with a power of 80 % at each row's standard error, alpha and units.

    Both arms are given the standard deviation that yields the row's standard error with units split evenly,
    sd = SE sqrt(n) / 2, so that adjustment and unequal arms are in it.
    """
    found: list[float | None] = [None] * len(rows)
    for alpha in sorted({row["alpha"] for row in rows}):
        places = [place for place, row in enumerate(rows) if row["alpha"] == alpha]
        units = np.array([rows[place]["n_control"] + rows[place]["n_treatment"] for place in places], float)
        sd = np.array([rows[place]["std_error"] for place in places]) * np.sqrt(units) / 2
        design = Design(alpha=alpha, sides=sides)
        sizes = detectable_mean(units, _POWER, sd_control=sd, sd_treatment=sd, design=design)
        for place, size in zip(places, sizes, strict=True):
            found[place] = None if np.isnan(size) else float(size)
    return found


def _figure(plotted: Sequence[tuple[Row, float]], *, several: bool) -> Figure:
    names = [f"{row['metric']}, {row['treatment']}" if several else row["metric"] for row, _ in plotted]
    sizes = [size for _, size in plotted]
    seen = [row["relative_effect"] for row, _ in plotted]
    ends = value_range([*sizes, *(-size for size in sizes), *seen])
    places = list(range(len(names)))
    told = [
        hover(name, f"smallest detectable: ±{size:.2%}", f"seen: {numbers.percent(row['relative_effect'])}")
        for name, (row, size) in zip(names, plotted, strict=True)
    ]
    hovered: dict[str, Any] = {"customdata": told, "hovertemplate": "%{customdata}<extra></extra>"}
    traces: list[dict[str, Any]] = [
        {
            "type": "bar", "orientation": "h", "y": places, "x": [2 * size for size in sizes],
            "base": [-size for size in sizes], "width": 0.5, "marker": {"color": LINE},
        } | hovered,
        {
            "type": "scatter", "mode": "markers", "x": seen, "y": places, "marker": {"color": ACCENT, "size": 10},
        } | hovered,
    ]  # fmt: skip
    alt = "Smallest detectable relative effects: " + "; ".join(
        f"{name} ±{size:.2%}" for name, size in zip(names[:8], sizes, strict=False)
    )
    layout = rows_layout(names, ends, tickformat=".1~%")
    return figure(traces, layout, alt=alt, height=height_of(len(names)))


def _cells(row: Row, size: float | None) -> list[Cell]:
    units = row["n_control"] + row["n_treatment"]
    positive = size is not None and (row["mean_control"] or 0) > 0
    relative = size / row["mean_control"] if size is not None and positive else None
    return [
        Cell(row["metric"]),
        Cell(row["treatment"]),
        Cell(numbers.count(units), units),
        Cell(numbers.number(row["std_error"]), row["std_error"]),
        Cell(numbers.number(size), size),
        Cell(numbers.UNDEFINED if relative is None else f"{relative:.2%}", relative),
        Cell(numbers.percent(row["relative_effect"]), row["relative_effect"]),
    ]
