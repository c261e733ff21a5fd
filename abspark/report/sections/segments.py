"""For whom? Effects by segment value as a forest plot, with the test that they differ at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from abspark.config import Metric
from abspark.naming import plural
from abspark.reasons import reason_sentence
from abspark.report import numbers
from abspark.report.data import BAYESIAN, Comparison, ReportData, Row
from abspark.report.figures import figure, height_of, hover, interval_trace, rows_layout, value_range
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
from abspark.segment_effects import segment_heterogeneity

_PLOTTED: Final = 40
_MOST_ROWS: Final = 40_000
_COLUMNS: Final[Sequence[Column]] = (
    (Heading("Segment", "segment_name"), lambda row: Cell(row["segment_name"])),
    (Heading("Value", "segment_value"), lambda row: Cell(row["segment_value"])),
    numeric("Units, control", "n_control", numbers.count),
    numeric("Units, treatment", "n_treatment", numbers.count),
    numeric("Control", "mean_control", numbers.number),
    numeric("Treatment", "mean_treatment", numbers.number),
    numeric("Relative effect", "relative_effect", numbers.percent),
    between("Interval", "relative_low", "relative_high", numbers.percent_interval),
    numeric("Effect", "effect", numbers.signed),
)
_OF_METHODS: Final = (
    numeric("p", "p_value", numbers.p_value),
    numeric("Probability to be better", "prob_better", numbers.probability),
)
_REASON: Final[Column] = (Heading("Reason", "reason"), lambda row: Cell(reason_sentence(row["reason"])))


def segments(data: ReportData) -> Section:
    """A panel per comparison with segment rows, as many as the page has room for."""
    found = _by_comparison(data)
    shown = _with_room(found)
    tests = _heterogeneity(shown, data.metrics)
    several = len(data.treatments) > 1
    every = [row for rows in shown.values() for row in rows]
    columns = [*_COLUMNS, *filled(_OF_METHODS, every), _REASON]
    panels = [
        _panel(rows, f"{pair[0]}, {pair[1]}" if several else pair[0], columns, _told(rows, tests[pair]))
        for pair, rows in shown.items()
    ]
    headings = [heading for heading, _ in columns]
    chooser = Chooser("segments", "Metric", "Effects by segment value", headings, panels, ("forest",))
    context = {
        "left_out": len(found) - len(shown),
        "tested": any(row["method"] != BAYESIAN for row in every),
    }
    return Section(
        "segments", "For whom?", "Segments", "segments.html", context, {}, (chooser,) if panels else ()
    )


def _by_comparison(data: ReportData) -> dict[Comparison, list[Row]]:
    rows: dict[Comparison, list[Row]] = {pair: [] for pair in data.comparisons}
    for row in data.results:
        pair = (row["metric"], row["treatment"])
        if row["headline"] and row["segment_name"] is not None and pair in rows:
            rows[pair].append(row)
    found: dict[Comparison, list[Row]] = {}
    for pair, mine in rows.items():
        if mine:
            newest = max(row["day"] for row in mine)
            found[pair] = [row for row in mine if row["day"] == newest]
    return found


def _with_room(found: dict[Comparison, list[Row]]) -> dict[Comparison, list[Row]]:
    shown: dict[Comparison, list[Row]] = {}
    room = _MOST_ROWS
    for pair, rows in found.items():
        room -= len(rows)
        if room < 0 and shown:
            break
        shown[pair] = rows
    return shown


def _heterogeneity(
    shown: dict[Comparison, list[Row]], metrics: Mapping[str, Metric]
) -> dict[Comparison, list[dict[str, Any]]]:
    """Per comparison the test of each segment, computed in one call."""
    rows = [(pair, row) for pair, mine in shown.items() for row in mine]
    numbered: dict[tuple[Comparison, str], int] = {}
    groups = [numbered.setdefault((pair, row["segment_name"]), len(numbered)) for pair, row in rows]
    found: dict[Comparison, list[dict[str, Any]]] = {pair: [] for pair in shown}
    if not rows:
        return found
    tested = segment_heterogeneity([row for _, row in rows], metrics, group=groups)
    for place, (pair, name) in enumerate(numbered):
        p = float(tested.p_value[place])
        i_squared = float(tested.i_squared[place])
        found[pair].append({"name": name, "p": None if np.isnan(p) else p, "i_squared": i_squared})
    return found


def _told(rows: Sequence[Row], tests: Sequence[dict[str, Any]]) -> str:
    if all(row["method"] == BAYESIAN for row in rows):
        return "Whether the effects differ between values is not tested with method bayesian."
    parts = [
        f"{test['name']}: too few estimates to compare"
        if test["p"] is None
        else f"{test['name']}: p = {numbers.p_value(test['p'])}, I² = {test['i_squared']:.0%}"
        for test in tests
    ]
    return "Do the effects differ between values? " + "; ".join(parts) + "."


def _panel(rows: Sequence[Row], label: str, columns: Sequence[Column], told: str) -> Panel:
    plotted = defined = [row for row in rows if row["relative_effect"] is not None]
    if len(defined) > _PLOTTED:
        largest = sorted(defined, key=lambda row: -(row["n_control"] + row["n_treatment"]))[:_PLOTTED]
        kept = {id(row) for row in largest}
        plotted = [row for row in defined if id(row) in kept]
        told += (
            f" The plot shows the {_PLOTTED} largest of {len(defined):,} values; the table has all of them."
        )
    if len(defined) < len(rows):
        told += f" {plural(len(rows) - len(defined), 'value')} without a relative effect: see the table."
    cells = [[cell(row) for _, cell in columns] for row in rows]
    return Panel(label, cells, {"forest": _figure(plotted, label)}, told)


def _figure(rows: Sequence[Row], label: str) -> Figure:
    ends = value_range(
        row[name] for row in rows for name in ("relative_effect", "relative_low", "relative_high")
    )
    points = [(row["relative_effect"], row["relative_low"], row["relative_high"]) for row in rows]
    trace = interval_trace(
        points, range(len(rows)), [_hover(row) for row in rows], standing="open", ends=ends
    )
    several = len({row["segment_name"] for row in rows}) > 1
    names = [
        f"{row['segment_value']}, {row['segment_name']}" if several else row["segment_value"] for row in rows
    ]
    layout = rows_layout(names, ends, tickformat=".1~%")
    alt = f"{label}: relative effects with their intervals for {plural(len(rows), 'segment value')}."
    return figure([trace], layout, alt=alt, height=height_of(len(rows)))


def _hover(row: Row) -> str:
    return hover(
        f"{row['segment_name']}: {row['segment_value']}",
        f"{numbers.percent(row['relative_effect'])}  "
        f"({numbers.percent_interval(row['relative_low'], row['relative_high'])})",
        f"{numbers.count(row['n_control'])} and {numbers.count(row['n_treatment'])} units",
    )
