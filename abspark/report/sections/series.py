"""Since when? Cumulative effects day by day, the statistic with its stopping boundaries, and days since exposure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

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
from abspark.report.views import Cell, Chooser, Figure, Heading, Panel, Section, relative_interval
from abspark.report.words import plural

_HEADINGS: Final = (
    Heading("To", "day"),
    Heading("Units, control", "n_control", numeric=True),
    Heading("Units, treatment", "n_treatment", numeric=True),
    Heading("Effect", "effect", numeric=True),
    Heading("Relative effect", "relative_effect", numeric=True),
    Heading("Interval", "relative_low relative_high", numeric=True),
    Heading("p", "p_value", numeric=True),
    Heading("Statistic", "statistic", numeric=True),
)
_BY_EXPOSURE: Final = (Heading("Days since exposure", "exposure_day", numeric=True), *_HEADINGS[1:])
_SEQUENTIAL: Final = (
    Heading("Boundary", "boundary", numeric=True),
    Heading("Alpha spent", "alpha_spent", numeric=True),
    Heading("Information", "information_fraction", numeric=True),
)
_CLIPPED: Final = (
    "Triangles at the edge: that day goes beyond the plot, whose scale is that of the later days. "
    "Hover or open the numbers for all of it."
)
_FUTILITY: Final = Heading("Futility boundary", "futility_boundary", numeric=True)


def series(data: ReportData) -> Section:
    """A panel per comparison that has results of several days."""
    long = [pair for pair in data.comparisons if len(data.series(pair)) > 1]
    bounded = any(row["boundary"] is not None for pair in long for row in data.series(pair))
    futility = any(row["futility_boundary"] is not None for pair in long for row in data.series(pair))
    several = len(data.treatments) > 1
    panels = [
        _panel(
            data.series(pair),
            ", ".join(pair) if several else pair[0],
            slots=(bounded, futility),
            note=_looks(data, pair),
        )
        for pair in long
    ]
    headings = [*_HEADINGS, *(_SEQUENTIAL if bounded else ()), *([_FUTILITY] if futility else ())]
    slots = ("effects", "boundaries") if bounded else ("effects",)
    chooser = Chooser("series", "Metric", "Cumulative results by day", headings, panels, slots)
    context = {
        "by_day": bool(panels),
        "bounded": bounded,
        "futility": futility,
        "method": data.series(long[0])[0]["method"] if long else "",
    }
    choosers = [chooser] if panels else []
    if exposure := _since_exposure(data, several=several):
        choosers.append(
            Chooser(
                "exposure", "Metric", "Results by days since exposure", _BY_EXPOSURE, exposure, ("effects",)
            )
        )
    return Section("series", "Since when?", "Days", "series.html", context, {}, choosers)


def _since_exposure(data: ReportData, *, several: bool) -> list[Panel]:
    """A panel per comparison that has results of several days since exposure."""
    found = {pair: data.by_exposure_day(pair) for pair in data.comparisons}
    return [
        Panel(
            label := ", ".join(pair) if several else pair[0],
            [
                [Cell(str(row["exposure_day"]), row["exposure_day"]), *_cells(row, bounded=False)[1:]]
                for row in rows
            ],
            {"effects": _effects(rows, label)},
        )
        for pair, rows in found.items()
        if len(rows) > 1
    ]


def _panel(rows: Sequence[Row], label: str, *, slots: tuple[bool, bool], note: str) -> Panel:
    """`slots`: whether the section has boundaries, and whether it has some for futility."""
    bounded, futility = slots
    figures = {"effects": _effects(rows, label)}
    if bounded:
        figures["boundaries"] = _boundaries(rows, label)
    if any(trace.get("name") == BEYOND for drawn in figures.values() for trace in drawn["data"]):
        note = f"{note} {_CLIPPED}".strip()
    cells = [_cells(row, bounded=bounded) for row in rows]
    if futility:
        cells = [[*told, _futility_cell(row)] for told, row in zip(cells, rows, strict=True)]
    return Panel(label, cells, figures, note)


def _futility_cell(row: Row) -> Cell:
    return Cell(numbers.number(row["futility_boundary"]), row["futility_boundary"])


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
    sides = _stopping_sides(looks)
    sign = "±" if len(sides) > 1 else "-" if sides == [-1] else ""
    days = [row["day"].isoformat() for row in looks]
    line = {"type": "scatter", "mode": "lines+markers", "x": days, "marker": {"size": 5}}
    told = [
        hover(
            f"to {row['day']:%d %b %Y}",
            f"statistic {numbers.number(row['statistic'])}, boundary {sign}{numbers.number(row['boundary'])}",
            f"alpha spent {numbers.p_value(row['alpha_spent'])}",
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
        line | {"y": [row["alpha_spent"] for row in looks], "yaxis": "y2", "mode": "lines", "hoverinfo": "skip",
                "line": {"color": MUTED, "shape": "hv", "width": 2}},
    ]  # fmt: skip
    if any(row["futility_boundary"] is not None for row in looks):
        traces.append(
            line | {"y": [row["futility_boundary"] for row in looks], "line": {"color": MUTED, "dash": "dash"},
                    "hoverinfo": "skip", "marker": {"size": 5, "color": MUTED}}
        )  # fmt: skip
    layout = {
        "yaxis": {
            "range": list(scale),
            "domain": [0.38, 1],
            "title": {"text": "statistic"},
            "zeroline": True,
        },
        "yaxis2": {"domain": [0, 0.24], "title": {"text": "alpha spent"}, "rangemode": "tozero", "nticks": 4},
        "xaxis": day_axis([row["day"] for row in looks]) | {"anchor": "y2"},
    }
    alt = f"{label}: the test statistic against its stopping boundaries at {len(looks)} looks, and the alpha spent."
    return figure(traces, layout, alt=alt, height=420)


def _stopping_sides(looks: Sequence[Row]) -> list[int]:
    """Signs of the statistics that stop a test: the interval of a one-sided one is open to the side that does."""
    ends = {1: "effect_low", -1: "effect_high"}
    return [sign for sign, end in ends.items() if any(row[end] is not None for row in looks)]


def _cells(row: Row, *, bounded: bool) -> list[Cell]:
    cells = [
        Cell("" if row["day"] is None else row["day"].isoformat()),
        Cell(numbers.count(row["n_control"]), row["n_control"]),
        Cell(numbers.count(row["n_treatment"]), row["n_treatment"]),
        Cell(numbers.signed(row["effect"]), row["effect"]),
        Cell(numbers.percent(row["relative_effect"]), row["relative_effect"]),
        relative_interval(row),
        Cell(numbers.p_value(row["p_value"]), row["p_value"]),
        Cell(numbers.number(row["statistic"]), row["statistic"]),
    ]
    if bounded:
        cells += [
            Cell(numbers.number(row["boundary"]), row["boundary"]),
            Cell(numbers.p_value(row["alpha_spent"]), row["alpha_spent"]),
            Cell(numbers.share(row["information_fraction"]), row["information_fraction"]),
        ]
    return cells
