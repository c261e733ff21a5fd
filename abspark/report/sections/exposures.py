"""Who was exposed when? Units by the day of their first exposure and variant."""

from __future__ import annotations

from typing import Any, Final

from abspark.report import numbers
from abspark.report.data import ReportData
from abspark.report.figures import ACCENT, MUTED, day_axis, figure, hover, label
from abspark.report.views import Cell, Figure, Heading, Section, TableView

_OTHERS: Final = ("@good", "@warn", "@bad", "@violet")
_NAMED: Final = 6
_NONE: Final = "No exposures are recorded."
_LOST: Final = (
    "The table assignments has no rows of the run any more, though its results are of some units: it was emptied "
    "since, or this copy of the lake is not whole."
)


def exposures(data: ReportData) -> Section:
    """A line and a column per variant."""
    rows = {(row["day"], row["variant"]): row["units"] for row in data.exposures}
    days = sorted({day for day, _ in rows})
    seen = {variant for _, variant in rows}
    configured = [variant.key for variant in data.experiment.variants]
    variants = [*(name for name in configured if name in seen), *sorted(seen - set(configured))]
    empty = [name for name in configured if name not in seen]
    cells = [[Cell(day.isoformat()), *(_cell(rows.get((day, name), 0)) for name in variants)] for day in days]
    totals = {name: sum(n for (_, variant), n in rows.items() if variant == name) for name in variants}
    headings = [Heading("Day", "day"), *(Heading(name, "units", numeric=True) for name in variants)]
    table = TableView("exposures-table", "Units by day of first exposure", headings, cells)
    lost = any(row["n_control"] or row["n_treatment"] for row in data.results)
    context: dict[str, Any] = {
        "table": table if days else None, "totals": totals, "empty": empty, "missing": _LOST if lost else _NONE,
    }  # fmt: skip
    figures = {"exposures": _figure(days, variants, rows, data)} if days else {}
    return Section("exposures", "Who was exposed, and when?", "Exposures", "exposures.html", context, figures)


def _cell(units: int) -> Cell:
    return Cell(numbers.count(units), units)


def _figure(days: list[Any], variants: list[str], rows: dict[Any, int], data: ReportData) -> Figure:
    colours = _colours(variants, data.experiment.control)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": label(name),
            "x": [day.isoformat() for day in days],
            "y": [rows.get((day, name), 0) for day in days],
            "line": {"color": colours[name], "width": 2},
            "marker": {"size": 5, "color": colours[name]},
            "customdata": [
                hover(name, f"{day:%d %b %Y}: {rows.get((day, name), 0):,} units") for day in days
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for name in variants
    ]
    layout = {
        "showlegend": len(variants) <= _NAMED,
        "xaxis": day_axis(days),
        "yaxis": {"rangemode": "tozero", "tickformat": ",d"},
    }
    totals = ", ".join(f"{name} {sum(rows.get((day, name), 0) for day in days):,}" for name in variants)
    alt = f"New units per day from {days[0]:%d %b} to {days[-1]:%d %b %Y}: {totals}."
    return figure(traces, layout, alt=alt, height=320)


def _colours(variants: list[str], control: str) -> dict[str, str]:
    """Control grey, the first treatment in the accent colour."""
    others = [name for name in variants if name != control]
    palette = (ACCENT, *_OTHERS)
    return {control: MUTED} | {name: palette[place % len(palette)] for place, name in enumerate(others)}
