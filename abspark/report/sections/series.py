"""Since when? Cumulative effects day by day, the statistic with its stopping boundaries, and days since exposure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from abspark.naming import plural
from abspark.report import numbers
from abspark.report.data import Comparison, ReportData, Row
from abspark.report.figures import (
    ACCENT,
    BAD,
    BAND,
    BEYOND,
    MUTED,
    beyond_trace,
    day_axis,
    figure,
    hover,
    settled_range,
    shown_ends,
)
from abspark.report.views import (
    Cell,
    Chooser,
    Column,
    Figure,
    Heading,
    Panel,
    Section,
    between,
    filled,
    numeric,
)

_DAY: Final[Column] = (Heading("To", "day"), lambda row: Cell(row["day"].isoformat()))
_EXPOSURE_DAY: Final = numeric("Days since exposure", "exposure_day", str)
_COLUMNS: Final = (
    numeric("Units, control", "n_control", numbers.count),
    numeric("Units, treatment", "n_treatment", numbers.count),
    numeric("Effect", "effect", numbers.signed),
    numeric("Relative effect", "relative_effect", numbers.percent),
    between("Interval", "relative_low", "relative_high", numbers.percent_interval),
)
_OF_METHODS: Final = (
    numeric("p", "p_value", numbers.p_value),
    numeric("Probability to be better", "prob_better", numbers.probability),
    numeric("Statistic", "statistic", numbers.number),
    numeric("Boundary", "boundary", numbers.number),
    numeric("Alpha spent", "alpha_spent", numbers.p_value),
    numeric("Information", "information_fraction", numbers.share),
    numeric("Futility boundary", "futility_boundary", numbers.number),
)
"""What some methods have: anytime has boundaries and no alpha to spend, bayesian neither p nor statistic."""
_CLIPPED: Final = (
    "Triangles at the edge: that day goes beyond the plot, whose scale is that of the later days. "
    "Hover or open the numbers for all of it."
)


def series(data: ReportData) -> Section:
    """A panel per comparison that has results of several days."""
    long = [pair for pair in data.comparisons if len(data.series(pair)) > 1]
    columns = [_DAY, *_COLUMNS, *filled(_OF_METHODS, [row for pair in long for row in data.series(pair)])]
    has = {heading.column for heading, _ in columns}
    several = len(data.treatments) > 1
    panels = [
        _panel(
            data.series(pair),
            ", ".join(pair) if several else pair[0],
            columns=columns,
            note=_looks(data, pair),
        )
        for pair in long
    ]
    headings = [heading for heading, _ in columns]
    slots = ("effects", "boundaries") if "boundary" in has else ("effects",)
    chooser = Chooser("series", "Metric", "Cumulative results by day", headings, panels, slots)
    context = {
        "by_day": bool(panels),
        "bounded": "boundary" in has,
        "spending": "alpha_spent" in has,
        "futility": "futility_boundary" in has,
        "method": data.series(long[0])[0]["method"] if long else "",
    }
    choosers = [chooser] if panels else []
    if exposure := _since_exposure(data, several=several):
        choosers.append(exposure)
    return Section("series", "Since when?", "Days", "series.html", context, {}, choosers)


def _since_exposure(data: ReportData, *, several: bool) -> Chooser | None:
    """A panel per comparison that has results of several days since exposure; None without any."""
    found = {pair: data.by_exposure_day(pair) for pair in data.comparisons}
    shown = {pair: rows for pair, rows in found.items() if len(rows) > 1}
    every = [row for rows in shown.values() for row in rows]
    columns = [_EXPOSURE_DAY, *_COLUMNS, *filled(_OF_METHODS, every)]
    panels = [
        Panel(
            label := ", ".join(pair) if several else pair[0],
            [[cell(row) for _, cell in columns] for row in rows],
            {"effects": _effects(rows, label)},
        )
        for pair, rows in shown.items()
    ]
    headings = [heading for heading, _ in columns]
    caption = "Results by days since exposure"
    return Chooser("exposure", "Metric", caption, headings, panels, ("effects",)) if panels else None


def _panel(rows: Sequence[Row], label: str, *, columns: Sequence[Column], note: str) -> Panel:
    figures = {"effects": _effects(rows, label)}
    if any(heading.column == "boundary" for heading, _ in columns):
        figures["boundaries"] = _boundaries(rows, label)
    if any(trace.get("name") == BEYOND for drawn in figures.values() for trace in drawn["data"]):
        note = f"{note} {_CLIPPED}".strip()
    return Panel(label, [[cell(row) for _, cell in columns] for row in rows], figures, note)


def _looks(data: ReportData, comparison: Comparison) -> str:
    """How many looks were made, and how many of them after their day."""
    looks = [row for row in data.looks if (row["metric"], row["treatment"]) == comparison]
    if not looks:
        return ""
    late = sum(bool(row["backfilled"]) for row in looks)
    return f"{plural(len(looks), 'look')}" + (f", {late:,} made after their day." if late else ".")


def _effects(rows: Sequence[Row], label: str) -> Figure:
    relative = rows[-1]["relative_effect"] is not None
    stem = "relative" if relative else "effect"
    value = "relative_effect" if relative else "effect"
    ends: Callable[..., str] = numbers.percent_interval if relative else numbers.interval
    text: Callable[..., str] = numbers.percent if relative else numbers.signed
    days = [row["exposure_day"] if row["day"] is None else row["day"].isoformat() for row in rows]
    hovers = [
        hover(f"to {_named(row)}", text(row[value]), ends(row[f"{stem}_low"], row[f"{stem}_high"]))
        for row in rows
    ]
    drawn = [[row[value], row[f"{stem}_low"], row[f"{stem}_high"]] for row in rows]
    scale = settled_range(drawn)
    band = [shown_ends(low, high, scale) for _, low, high in drawn]
    marks = beyond_trace(days, drawn, hovers, scale)
    edge = {"type": "scatter", "mode": "lines", "x": days, "line": {"width": 0}, "hoverinfo": "skip"}
    traces = [
        edge | {"y": [low for low, _ in band]},
        edge | {"y": [high for _, high in band], "fill": "tonexty", "fillcolor": BAND},
        *([] if marks is None else [marks]),
        {
            "type": "scatter", "mode": "lines+markers", "x": days, "y": [row[value] for row in rows],
            "line": {"color": ACCENT, "width": 2.5}, "marker": {"color": ACCENT, "size": 6},
            "customdata": hovers, "hovertemplate": "%{customdata}<extra></extra>",
        },
    ]  # fmt: skip
    last = rows[-1]
    alt = (
        f"{label}: cumulative effect from {_named(rows[0])} to {_named(last)}, "
        f"at last {text(last[value])} ({ends(last[f'{stem}_low'], last[f'{stem}_high'])})."
    )
    layout = {
        "yaxis": {
            "range": list(scale),
            "tickformat": ".1~%" if relative else ".4~g",
            "zeroline": True,
            "zerolinelayer": "above traces",
        },
        "xaxis": {"title": {"text": "days since exposure"}, "tickformat": "d"}
        if last["day"] is None
        else day_axis([row["day"] for row in rows]),
    }
    return figure(traces, layout, alt=alt, height=340)


def _named(row: Row) -> str:
    return f"day {row['exposure_day']} since exposure" if row["day"] is None else f"{row['day']:%d %b %Y}"


def _boundaries(rows: Sequence[Row], label: str) -> Figure:
    looks = [row for row in rows if row["boundary"] is not None]
    spending = any(row["alpha_spent"] is not None for row in looks)
    sides = _stopping_sides(looks)
    sign = "±" if len(sides) > 1 else "-" if sides == [-1] else ""
    days = [row["day"].isoformat() for row in looks]
    line = {"type": "scatter", "mode": "lines+markers", "x": days, "marker": {"size": 5}}
    told = [
        hover(
            f"to {row['day']:%d %b %Y}",
            f"statistic {numbers.number(row['statistic'])}, boundary {sign}{numbers.number(row['boundary'])}",
            "" if row["alpha_spent"] is None else f"alpha spent {numbers.p_value(row['alpha_spent'])}",
            ""
            if row["futility_boundary"] is None
            else f"futile at {numbers.number(row['futility_boundary'])}",
        )
        for row in looks
    ]
    hovered: dict[str, Any] = {"customdata": told, "hovertemplate": "%{customdata}<extra></extra>"}
    drawn = [
        [row["statistic"], *(side * row["boundary"] for side in sides), row["futility_boundary"]]
        for row in looks
    ]
    scale = settled_range(drawn)
    marks = beyond_trace(days, drawn, told, scale)
    traces = [
        *([] if marks is None else [marks | {"marker": marks["marker"] | {"color": BAD}}]),
        *(
            line | {"y": [side * row["boundary"] for row in looks], "line": {"color": BAD, "dash": "dot"},
                    "hoverinfo": "skip", "marker": {"size": 5, "color": BAD}}
            for side in sides
        ),
        line | {"y": [row["statistic"] for row in looks], "line": {"color": ACCENT, "width": 2.5},
                "marker": {"size": 6, "color": ACCENT}} | hovered,
    ]  # fmt: skip
    if spending:
        traces.append(
            line | {"y": [row["alpha_spent"] for row in looks], "yaxis": "y2", "mode": "lines", "hoverinfo": "skip",
                    "line": {"color": MUTED, "shape": "hv", "width": 2}}
        )  # fmt: skip
    if any(row["futility_boundary"] is not None for row in looks):
        traces.append(
            line | {"y": [row["futility_boundary"] for row in looks], "line": {"color": MUTED, "dash": "dash"},
                    "hoverinfo": "skip", "marker": {"size": 5, "color": MUTED}}
        )  # fmt: skip
    layout: dict[str, Any] = {
        "yaxis": {"range": list(scale), "title": {"text": "statistic"}, "zeroline": True},
        "xaxis": day_axis([row["day"] for row in looks]),
    }
    alt = f"{label}: the test statistic against its stopping boundaries at {plural(len(looks), 'look')}"
    if not spending:
        return figure(traces, layout, alt=f"{alt}.", height=320)
    layout["yaxis"]["domain"] = [0.38, 1]
    layout["yaxis2"] = {
        "domain": [0, 0.24], "title": {"text": "alpha spent"}, "rangemode": "tozero", "nticks": 4,
    }  # fmt: skip
    layout["xaxis"]["anchor"] = "y2"
    return figure(traces, layout, alt=f"{alt}, and the alpha spent.", height=420)


def _stopping_sides(looks: Sequence[Row]) -> list[int]:
    """Signs of the statistics that stop a test: the interval of a one-sided one is open to the side that does."""
    ends = {1: "effect_low", -1: "effect_high"}
    return [sign for sign, end in ends.items() if any(row[end] is not None for row in looks)]
