"""What happened, and how sure are we? Every metric of a treatment against the control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from abspark.config.analysis import SEQUENTIAL
from abspark.reasons import reason_sentence
from abspark.report import numbers
from abspark.report.data import ReportData, Row, Standing
from abspark.report.figures import (
    BAD,
    figure,
    height_of,
    hover,
    interval_trace,
    plot_text,
    rows_layout,
    value_range,
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
from abspark.report.words import INTERVALS, STANDINGS

_TONES: Final[dict[Standing, str]] = {
    "better": "good", "worse": "bad", "open": "", "unjudged": "", "undefined": "",
}  # fmt: skip
_STANDINGS: Final[tuple[Standing, ...]] = ("better", "worse", "open", "unjudged")


def scorecard(data: ReportData) -> Section:
    """An interval plot and a table per treatment."""
    rows = data.headlines()
    chosen = columns(data, rows)
    panels = [
        _panel(data, [row for row in rows if row["treatment"] == treatment], chosen)
        for treatment in data.treatments
    ]
    chooser = Chooser(
        "scorecard", "Treatment", "Every metric, treatment against control",
        [heading for heading, _ in chosen], panels, ("intervals",),
    )  # fmt: skip
    first = rows[0] if rows else None
    context = {
        "level": numbers.common_level(row["alpha"] for row in rows),
        "kind": INTERVALS.get(first["method"], "interval") if first else "",
        "method": first["method"] if first else "",
        "sequential": bool(first and first["method"] in SEQUENTIAL),
        "guardrails": any(row["role"] == "guardrail" for row in rows),
        "relative_interval": data.experiment.analysis.relative_interval,
        "stopped": any(row["stopped_effect"] is not None for row in rows),
        "unjudged": any(data.standing(row) == "unjudged" for row in rows),
        "margins": any(data.margin(row) is not None for row in rows),
        "blocked": bool(data.failing()),
        "control": data.experiment.control,
        "day": first["day"] if first and data.dated else None,
    }
    return Section("scorecard", "What happened, and how sure are we?", "Results", "scorecard.html", context, {},
                   (chooser,) if panels else ())  # fmt: skip


def _panel(data: ReportData, rows: Sequence[Row], chosen: Sequence[Column]) -> Panel:
    undefined = [row for row in rows if row["relative_effect"] is None]
    note = ""
    if undefined:
        names = ", ".join(row["metric"] for row in undefined[:5]) + (" …" if len(undefined) > 5 else "")
        note = f"Not in the plot, for want of a relative effect: {names}."
    return Panel(
        rows[0]["treatment"],
        [[cell(row) for _, cell in chosen] for row in rows],
        {"intervals": _figure(data, [row for row in rows if row["relative_effect"] is not None])},
        note,
    )


def _figure(data: ReportData, rows: Sequence[Row]) -> Figure:
    margins = [data.margin(row) for row in rows]
    ends = value_range(
        [
            *(row[name] for row in rows for name in ("relative_effect", "relative_low", "relative_high")),
            *margins,
        ]
    )
    traces = []
    for standing in _STANDINGS:
        places = [place for place, row in enumerate(rows) if data.standing(row) == standing]
        if places:
            mine = [rows[place] for place in places]
            points = [(row["relative_effect"], row["relative_low"], row["relative_high"]) for row in mine]
            traces.append(
                interval_trace(points, places, [_hover(row) for row in mine], standing=standing, ends=ends)
            )
    marked = [(place, margin) for place, margin in enumerate(margins) if margin is not None]
    if marked:
        traces.append(_margins(marked))
    layout = rows_layout([row["metric"] for row in rows], ends, tickformat=".1~%")
    return figure(traces, layout, alt=_alt(data, rows), height=height_of(len(rows)))


def _margins(marked: Sequence[tuple[int, float]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [margin for _, margin in marked],
        "y": [place for place, _ in marked],
        "customdata": [plot_text(f"margin {numbers.percent(margin)}") for _, margin in marked],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": BAD}, "color": BAD},
    }


def _hover(row: Row) -> str:
    p = row["p_value"] if row["p_adjusted"] is None else row["p_adjusted"]
    return hover(
        row["metric"],
        f"{numbers.percent(row['relative_effect'])}  "
        f"({numbers.percent_interval(row['relative_low'], row['relative_high'])})",
        f"{row['control']} {numbers.number(row['mean_control'])}, "
        f"{row['treatment']} {numbers.number(row['mean_treatment'])}",
        "" if p is None else f"p = {numbers.p_value(p)}",
        "" if row["prob_better"] is None else f"better with {numbers.probability(row['prob_better'])}",
        ""
        if row["prob_best"] in (None, row["prob_better"])
        else f"best with {numbers.probability(row['prob_best'])}",
    )


def _alt(data: ReportData, rows: Sequence[Row]) -> str:
    told = [
        f"{row['metric']} {numbers.percent(row['relative_effect'])}, {STANDINGS[data.standing(row)]}"
        for row in rows[:8]
    ]
    return "Relative effects with their intervals: " + "; ".join(told) + "."


def columns(data: ReportData, rows: Sequence[Row]) -> list[Column]:
    """What decides first; what no row has is left out."""
    found: list[Column] = [
        (Heading("Metric", "metric"), lambda row: Cell(row["metric"])),
        numeric("Control", "mean_control", numbers.number),
        numeric("Treatment", "mean_treatment", numbers.number),
        numeric("Relative effect", "relative_effect", numbers.percent),
        between("Interval", "relative_low", "relative_high", numbers.percent_interval),
    ]
    if not numbers.common_level(row["alpha"] for row in rows):
        found.append(
            (Heading("Level", numeric=True), lambda row: Cell(numbers.level(row["alpha"]), 1 - row["alpha"]))
        )
    optional = (
        numeric("p", "p_value", numbers.p_value),
        numeric("Adjusted p", "p_adjusted", numbers.p_value),
        numeric("Probability to be better", "prob_better", numbers.probability),
        *(
            [numeric("Probability to be best", "prob_best", numbers.probability)]
            if len(data.treatments) > 1
            else []
        ),
        numeric("Expected loss, treatment", "expected_loss_treatment", numbers.number),
        (Heading("Margin", "margin", numeric=True), lambda row: _margin(data, row)),
    )
    rest = (
        numeric("Effect, as estimated at stopping", "stopped_effect", numbers.signed),
        between("Its interval", "stopped_low", "stopped_high", numbers.interval),
        numeric("Its p", "stopped_p_value", numbers.p_value),
        numeric("Variance removed", "variance_reduction", numbers.share),
    )
    found += filled(optional, rows)
    found += [
        (Heading("Verdict", "significant"), lambda row: _verdict(data, row)),
        (Heading("Role", "role"), lambda row: Cell(row["role"])),
        numeric("Effect", "effect", numbers.signed),
        between("Interval of the effect", "effect_low", "effect_high", numbers.interval),
        *filled(rest, rows),
        numeric("Units, control", "n_control", numbers.count),
        numeric("Units, treatment", "n_treatment", numbers.count),
    ]
    return found


def _margin(data: ReportData, row: Row) -> Cell:
    if data.margin_is_relative(row["metric"]):
        return Cell(numbers.short_percent(row["margin"]), row["margin"])
    known = data.metrics.get(row["metric"])
    unit = "" if row["margin"] is None or known is None else known.unit_label or ""
    return Cell(f"{numbers.number(row['margin'])} {unit}".rstrip(), row["margin"])


def _verdict(data: ReportData, row: Row) -> Cell:
    standing = data.standing(row)
    told = STANDINGS[standing]
    if row["harmed"]:
        told += ", harmed" if row["margin"] is None else ", harmed: significantly worse than its margin"
    elif row["non_inferior"] is not None:
        told += ", within its margin" if row["non_inferior"] else ", margin not ruled out"
    if why := reason_sentence(row["reason"]):
        told = why if standing == "undefined" else f"{told}. {why}"
    return Cell(told, None, "bad" if row["harmed"] else _TONES[standing])
