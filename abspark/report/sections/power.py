"""What could have been detected? The effect that this many units show with a power of 80 %."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.detectable import detectable, family_sizes
from abspark.report.figures import ACCENT, LINE, figure, height_of, hover, rows_layout, value_range
from abspark.report.views import Cell, Figure, Heading, Section, TableView

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
_SHOWN: Final = {
    "fixed": "turns out significant with a probability of 80 %",
    "group_sequential": "crosses its boundary at the latest look with a probability of 80 %; looks before add to that",
    "anytime": "turns out significant on the latest day with a probability of 80 %; days before it add to that",
}
"""Method -> what an effect of the smallest detectable size does."""


def power(data: ReportData) -> Section:
    """Per comparison the smallest effect that would probably have been significant."""
    rows = [row for row in _judged(data) if row["std_error"] and row["alpha"] and row["method"] in _SHOWN]
    families = family_sizes(row for comparison in data.comparisons for row in data.series(comparison))
    smallest = detectable(rows, data.experiment, families)
    table = TableView(
        "power-table", "Smallest detectable effects", _HEADINGS,
        [_cells(row, size) for row, size in zip(rows, smallest, strict=True)],
    )  # fmt: skip
    plotted = [
        (row, size / row["mean_control"])
        for row, size in zip(rows, smallest, strict=True)
        if size is not None and (row["mean_control"] or 0) > 0 and row["relative_effect"] is not None
    ]
    figures = {"power": _figure(data, plotted[:_PLOTTED])} if plotted else {}
    context = {
        "table": table if rows else None, "more": max(0, len(plotted) - _PLOTTED), "plotted": _PLOTTED,
        "shown": _SHOWN[rows[0]["method"]] if rows else "",
        "one_sided": any(_side(data, row) != "±" for row, _ in plotted),
        "family": any(row["p_adjusted"] is not None and families[row["day"]] > 1 for row in rows),
    }  # fmt: skip
    return Section("power", "What could have been detected?", "Power", "power.html", context, figures)


def _judged(data: ReportData) -> list[Row]:
    """The latest headline row of each comparison; with group sequential tests that of its latest look."""
    paths = [data.series(comparison) for comparison in data.comparisons]
    return [([row for row in path if row["boundary"] is not None] or path)[-1] for path in paths]


def _side(data: ReportData, row: Row) -> Literal["±", "+", "-"]:
    """The sign of effects that can turn out significant."""
    if data.experiment.analysis.sides_of(row["role"]) == 2:
        return "±"
    return "+" if data.direction(row["metric"]) > 0 else "-"


def _figure(data: ReportData, plotted: Sequence[tuple[Row, float]]) -> Figure:
    several = len(data.treatments) > 1
    names = [f"{row['metric']}, {row['treatment']}" if several else row["metric"] for row, _ in plotted]
    sized = [(_side(data, row), size) for row, size in plotted]
    lows = [0.0 if side == "+" else -size for side, size in sized]
    highs = [0.0 if side == "-" else size for side, size in sized]
    smallest = [f"{side}{size:.2%}" for side, size in sized]
    seen = [row["relative_effect"] for row, _ in plotted]
    ends = value_range([*lows, *highs, *seen])
    places = list(range(len(names)))
    told = [
        hover(name, f"smallest detectable: {size}", f"seen: {numbers.percent(effect)}")
        for name, size, effect in zip(names, smallest, seen, strict=True)
    ]
    hovered: dict[str, Any] = {"customdata": told, "hovertemplate": "%{customdata}<extra></extra>"}
    traces: list[dict[str, Any]] = [
        {
            "type": "bar", "orientation": "h", "y": places, "base": lows, "width": 0.5,
            "x": [high - low for low, high in zip(lows, highs, strict=True)], "marker": {"color": LINE},
        } | hovered,
        {
            "type": "scatter", "mode": "markers", "x": seen, "y": places, "marker": {"color": ACCENT, "size": 10},
        } | hovered,
    ]  # fmt: skip
    alt = "Smallest detectable relative effects: " + "; ".join(
        f"{name} {size}" for name, size in zip(names[:8], smallest, strict=False)
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
