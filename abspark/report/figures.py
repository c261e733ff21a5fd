"""What the figures of a page share. Colours are names, which the page's script replaces by those of its theme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from statistics import median
from typing import Any, Final

from abspark.report.data import Standing
from abspark.report.views import Figure

MUTED: Final = "@muted"
ACCENT: Final = "@accent"
GOOD: Final = "@good"
BAD: Final = "@bad"
BAND: Final = "@band"
LINE: Final = "@line"
BEYOND: Final = "beyond the plot"
"""The name of a trace that marks days whose values lie beyond the axis."""

TONES: Final[dict[Standing, str]] = {
    "better": GOOD, "worse": BAD, "open": MUTED, "unjudged": MUTED, "undefined": MUTED,
}  # fmt: skip
SYMBOLS: Final[dict[Standing, str]] = {
    "better": "triangle-up", "worse": "triangle-down", "open": "circle", "unjudged": "circle-open",
    "undefined": "circle",
}  # fmt: skip
ROW_HEIGHT: Final = 30
_LABEL: Final = 28
_ROOM: Final = 0.08
_MUCH_WIDER: Final = 1.5
_MUCH_WIDER_THAN_USUAL: Final = 8
_INSET: Final = 0.025
_DAYS_LABELLED: Final = 7


def plot_text(text: str, *, longest: int | None = None) -> str:
    """A name inside a figure, where Plotly would take `<` and `&` as markup; cut where it is too long."""
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label(text: str) -> str:
    """A name beside an axis."""
    return plot_text(text, longest=_LABEL)


def labels(names: Sequence[str]) -> list[str]:
    """Names beside an axis, each cut at its end; where two would read alike in the middle, or else not at all."""
    for cut in (label, _cut_in_the_middle):
        made = [cut(name) for name in names]
        if len(set(made)) == len(set(names)):
            return made
    return [plot_text(name) for name in names]


def _cut_in_the_middle(text: str) -> str:
    head, tail = _LABEL // 2, _LABEL - _LABEL // 2 - 1
    return plot_text(text if len(text) <= _LABEL else f"{text[:head]}…{text[-tail:]}")


def hover(*lines: str) -> str:
    """Lines of a hover box, the first of them bold."""
    safe = [plot_text(line, longest=90) for line in lines if line]
    return "<br>".join([f"<b>{safe[0]}</b>", *safe[1:]])


def value_range(values: Iterable[float | None]) -> tuple[float, float]:
    """The range of an axis that shows these values and zero, with some room."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    room = (high - low or 1.0) * _ROOM
    return low - room, high + room


def settled_range(days: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """The range of an axis for values day by day, which leaves out first days that are far wider than the later half.

    The first days have few units, and intervals beside which those of all later days would be a line.
    """
    first = len(days) // 2
    ends = value_range(value for day in days[first:] for value in day)
    most = _MUCH_WIDER * (ends[1] - ends[0])
    for day in range(first - 1, -1, -1):
        wider = value_range([*days[day], *(value for later in days[day + 1 :] for value in later)])
        if wider[1] - wider[0] > most:
            break
        ends = wider
    return ends


def common_scale(intervals: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """The range of an axis for many intervals, which leaves out those beside which the usual one would be a dot."""
    known = [[value for value in given if value is not None] for given in intervals]
    widths = [max(values) - min(values) if values else 0.0 for values in known]
    usual = median([width for width in widths if width > 0] or [0.0])
    kept = [
        values for values, width in zip(known, widths, strict=True) if width <= _MUCH_WIDER_THAN_USUAL * usual
    ]
    return value_range(value for values in kept for value in values)


def edges_beyond(values: Iterable[float | None], ends: tuple[float, float]) -> list[float]:
    """The ends of the axis beyond which some of the values lie."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=ends[0]), max(known, default=ends[1])
    return [edge for edge, out in zip(ends, (low < ends[0], high > ends[1]), strict=True) if out]


def shown_ends(
    low: float | None, high: float | None, edges: tuple[float, float]
) -> tuple[float | None, float | None]:
    """An interval as drawn: an open end reaches the edge of the axis; where both ends are None there is no interval."""
    if low is None and high is None:
        return None, None
    return edges[0] if low is None else low, edges[1] if high is None else high


def beyond_trace(
    places: Sequence[str],
    days: Sequence[Sequence[float | None]],
    hovers: Sequence[str],
    ends: tuple[float, float],
) -> dict[str, Any] | None:
    """Triangles close to the ends of the axis for the days of which values lie beyond; None without any."""
    marks = [
        (place, edge, told)
        for place, values, told in zip(places, days, hovers, strict=True)
        for edge in edges_beyond(values, ends)
    ]
    if not marks:
        return None
    inset = _INSET * (ends[1] - ends[0])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": BEYOND,
        "x": [place for place, _, _ in marks],
        "y": [edge - inset if edge == ends[1] else edge + inset for _, edge, _ in marks],
        "customdata": [told for _, _, told in marks],
        "hovertemplate": "%{customdata}<br>goes beyond the plot<extra></extra>",
        "marker": {
            "color": ACCENT,
            "size": 9,
            "symbol": ["triangle-up" if edge == ends[1] else "triangle-down" for _, edge, _ in marks],
        },
    }


def interval_trace(
    points: Sequence[tuple[float, float | None, float | None]],
    places: Sequence[float],
    hovers: Sequence[str],
    *,
    standing: Standing,
    ends: tuple[float, float],
) -> dict[str, Any]:
    """Estimates with horizontal intervals (estimate, low, high), drawn as `shown_ends` says."""
    drawn = [(value, *shown_ends(low, high, ends)) for value, low, high in points]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value for value, _, _ in points],
        "y": list(places),
        "customdata": list(hovers),
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"color": TONES[standing], "symbol": SYMBOLS[standing], "size": 11},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [0.0 if high is None else high - value for value, _, high in drawn],
            "arrayminus": [0.0 if low is None else value - low for value, low, _ in drawn],
            "color": TONES[standing],
            "thickness": 2.5,
            "width": 0,
        },
    }


def rows_layout(names: Sequence[str], ends: tuple[float, float], *, tickformat: str) -> dict[str, Any]:
    """A horizontal axis of effects and a vertical one with a name per row, the first on top."""
    return {
        "xaxis": {"range": list(ends), "tickformat": tickformat, "zeroline": True},
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": labels(names),
            "range": [len(names) - 0.4, -0.6],
            "zeroline": False,
            "showgrid": False,
        },
    }


def day_axis(days: Sequence[date]) -> dict[str, Any]:
    """A horizontal axis of days with few labels, each at a midnight."""
    step = max(1, math.ceil(((days[-1] - days[0]).days + 1) / _DAYS_LABELLED)) if days else 1
    return {"type": "date", "tickformat": "%d %b", "dtick": step * 86_400_000}


def figure(data: Sequence[dict[str, Any]], layout: dict[str, Any], *, alt: str, height: int = 320) -> Figure:
    """A figure of the page."""
    return {"data": list(data), "layout": layout, "height": height, "alt": alt}


def height_of(rows: int) -> int:
    """Pixels for a figure with a row per name."""
    return 90 + ROW_HEIGHT * max(rows, 2)
