"""How are the values distributed? Quantiles with their intervals, where they were computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

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


_LOST: Final = (
    "The table quantiles has no rows of the run any more, though its results have effects on some: it was emptied "
    "since, or this copy of the lake is not whole."
)
_GAP: Final = 0.8
"""Of the room between two quantiles, the share that stays free."""
_MARGIN: Final = 0.08


def distribution(data: ReportData) -> Section | None:
    """A panel per metric that has quantiles of everyone, on their latest day; None where there are none to have."""
    rows = [row for row in data.quantiles if row["segment_name"] is None]
    if not rows and not _has_effects(data):
        return None
    panels, of = [], []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        mine = [row for row in rows if row["metric"] == metric]
        newest = max(row["day"] for row in mine)
        latest = sorted(
            (row for row in mine if row["day"] == newest),
            key=lambda row: (row["variant"] != data.experiment.control, row["variant"], row["q"]),
        )
        panels.append(_panel(latest, metric, data.experiment.control))
        of.append(data.metrics[metric].of if metric in data.metrics else "units")
    kinds = list(dict.fromkeys(of))
    if len(kinds) > 1:
        panels = [
            replace(panel, note=f"The values of {kind}.") for panel, kind in zip(panels, of, strict=True)
        ]
    chooser = Chooser("distribution", "Metric", "Quantiles", _HEADINGS, panels, ("quantiles",))
    context: dict[str, Any] = {"of": " or ".join(kinds), "missing": "" if rows else _LOST}
    return Section(
        "distribution",
        "How are the values distributed?",
        "Distribution",
        "distribution.html",
        context,
        {},
        (chooser,) if rows else (),
    )


def _has_effects(data: ReportData) -> bool:
    """Whether any effect is known of a metric that is a quantile: it was made from the arms' quantiles."""
    return any(
        row["effect"] is not None
        and row["metric"] in data.metrics
        and data.metrics[row["metric"]].form == "quantile"
        for row in data.results
    )


def _panel(rows: Sequence[Row], metric: str, control: str) -> Panel:
    return Panel(metric, [_cells(row) for row in rows], {"quantiles": _figure(rows, metric, control)})


def _figure(rows: Sequence[Row], metric: str, control: str) -> Figure:
    palette = (ACCENT, "@good", "@warn", "@bad", "@violet")
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    treatments = [name for name in variants if name != control]
    traces = []
    for place, name in enumerate(variants):
        mine = [row for row in rows if row["variant"] == name and row["value"] is not None]
        colour = MUTED if name == control else palette[treatments.index(name) % len(palette)]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "offsetgroup": str(place), "name": label(name),
                "x": [_quantile(row) for row in mine], "y": [row["value"] for row in mine],
                "marker": {"color": colour, "size": 8},
                "error_y": {
                    "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 0,
                    "array": [_beyond(row["value_high"], row["value"]) for row in mine],
                    "arrayminus": [_beyond(row["value"], row["value_low"]) for row in mine],
                },
                "customdata": [
                    hover(name, f"{_quantile(row)} quantile: {numbers.number(row['value'])}") for row in mine
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )  # fmt: skip
    ends = [
        row[name] for row in rows for name in ("value", "value_low", "value_high") if row[name] is not None
    ]
    layout = {
        "showlegend": len(variants) <= 6,
        # a place per quantile, at which the variants stand side by side: their intervals would hide each other
        "scattermode": "group",
        "scattergap": _GAP,
        "yaxis": {"range": _room(ends)},
        "xaxis": {
            "title": {"text": "quantile"},
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [f"{q:.4g}" for q in sorted({row["q"] for row in rows})],
            "dtick": 1,
        },
    }
    return figure(traces, layout, alt=f"{metric}: quantiles of {', '.join(variants)}.", height=340)


def _room(ends: Sequence[float]) -> list[float]:
    """The range of an axis that shows these values; zero need not be among them."""
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = (high - low or abs(high) or 1.0) * _MARGIN
    return [low - room, high + room]


def _quantile(row: Row) -> str:
    return f"{row['q']:.4g}"


def _beyond(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else upper - lower


def _cells(row: Row) -> list[Cell]:
    return [
        Cell(row["variant"]),
        Cell(_quantile(row), row["q"]),
        Cell(numbers.number(row["value"]), row["value"]),
        Cell(
            numbers.GAP.join(numbers.number(row[name]) for name in ("value_low", "value_high")),
            row["value_low"],
            high=row["value_high"],
        ),
        Cell(numbers.count(row["n"]), row["n"]),
    ]
