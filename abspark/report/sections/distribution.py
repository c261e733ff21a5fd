"""How are the values distributed? Quantiles with their intervals, where they were computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.figures import ACCENT, MUTED, figure, hover, label
from abspark.report.views import Cell, Chooser, Figure, Heading, Panel, Section

_HEADINGS: Final = (
    Heading("Variant", "variant"),
    Heading("Quantile", "q", numeric=True),
    Heading("Value", "value", numeric=True),
    Heading("Interval", "value_low value_high", numeric=True),
    Heading("Values", "n", numeric=True),
)


def distribution(data: ReportData) -> Section | None:
    """A panel per metric that has quantiles of everyone, on their latest day; None without any."""
    rows = [row for row in data.quantiles if row["segment_name"] is None]
    if not rows:
        return None
    panels = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        mine = [row for row in rows if row["metric"] == metric]
        newest = max(row["day"] for row in mine)
        latest = sorted(
            (row for row in mine if row["day"] == newest),
            key=lambda row: (row["variant"] != data.experiment.control, row["variant"], row["q"]),
        )
        panels.append(_panel(latest, metric, data.experiment.control))
    chooser = Chooser("distribution", "Metric", "Quantiles", _HEADINGS, panels, ("quantiles",))
    return Section(
        "distribution",
        "How are the values distributed?",
        "Distribution",
        "distribution.html",
        {},
        {},
        (chooser,),
    )


def _panel(rows: Sequence[Row], metric: str, control: str) -> Panel:
    return Panel(metric, [_cells(row) for row in rows], {"quantiles": _figure(rows, metric, control)})


def _figure(rows: Sequence[Row], metric: str, control: str) -> Figure:
    palette = (ACCENT, "@good", "@warn", "@bad", "@violet")
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    treatments = [name for name in variants if name != control]
    traces = []
    for name in variants:
        mine = [row for row in rows if row["variant"] == name and row["value"] is not None]
        colour = MUTED if name == control else palette[treatments.index(name) % len(palette)]
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": label(name),
                "x": [row["q"] for row in mine], "y": [row["value"] for row in mine],
                "line": {"color": colour, "width": 2}, "marker": {"color": colour, "size": 6},
                "error_y": {
                    "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 0,
                    "array": [_beyond(row["value_high"], row["value"]) for row in mine],
                    "arrayminus": [_beyond(row["value"], row["value_low"]) for row in mine],
                },
                "customdata": [
                    hover(name, f"{row['q']:.4g} quantile: {numbers.number(row['value'])}") for row in mine
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )  # fmt: skip
    layout = {
        "showlegend": len(variants) <= 6,
        "xaxis": {"title": {"text": "quantile"}, "tickformat": ".4~g"},
    }
    return figure(traces, layout, alt=f"{metric}: quantiles of {', '.join(variants)}.", height=340)


def _beyond(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else upper - lower


def _cells(row: Row) -> list[Cell]:
    return [
        Cell(row["variant"]),
        Cell(f"{row['q']:.4g}", row["q"]),
        Cell(numbers.number(row["value"]), row["value"]),
        Cell(
            numbers.GAP.join(numbers.number(row[name]) for name in ("value_low", "value_high")),
            row["value_low"],
            high=row["value_high"],
        ),
        Cell(numbers.count(row["n"]), row["n"]),
    ]
