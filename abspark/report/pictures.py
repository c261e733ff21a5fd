"""Pictures for slides, of the same numbers as the page: the scorecard and the series, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from abspark.report import numbers
from abspark.report.data import ReportData, Row, Standing
from abspark.report.figures import edges_beyond, settled_range, shown_ends, value_range
from abspark.report.page import missing_extra
from abspark.report.sections.answer import main_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PictureFormat = Literal["png", "svg"]
Ends = tuple[float, float]
_COLOURS: Final[dict[Standing, str]] = {
    "better": "#0b6b4a", "worse": "#b3261e", "open": "#5b6470", "unjudged": "#5b6470", "undefined": "#5b6470",
}  # fmt: skip
_MARKERS: Final[dict[Standing, str]] = {
    "better": "^", "worse": "v", "open": "o", "unjudged": "o", "undefined": "o",
}  # fmt: skip
_ACCENT: Final = "#3949ab"
_MUTED: Final = "#5b6470"
_LINE: Final = "#e4e4df"
_WIDTH: Final = 10.0
_MOST_ROWS: Final = 60
_DAYS_LABELLED: Final = 8
_NAME: Final = 40
_NAMED: Final = 5


def write_pictures(data: ReportData, stem: Path, form: PictureFormat) -> list[Path]:
    """`STEM-scorecard` and, where there are several days, `STEM-series`; the paths written.

    Raises:
        UsageError: matplotlib is not installed.
    """
    written = []
    for name, made in (("scorecard", scorecard_picture(data)), ("series", series_picture(data))):
        if made is not None:
            path = stem.with_name(f"{stem.name}-{name}.{form}")
            # without a date and with fixed ids, the same numbers give the same file
            with _style():
                made.savefig(path, format=form, dpi=200, metadata={"Date": None} if form == "svg" else None)
            written.append(path)
    return written


def scorecard_picture(data: ReportData) -> Figure | None:
    """Relative effects with their intervals, a row per comparison, numbers on the right; None without any."""
    defined = [row for row in data.headlines() if row["relative_effect"] is not None]
    rows = defined[:_MOST_ROWS]
    if not rows:
        return None
    names = [_name(data, row) for row in rows]
    figure, axes = _canvas(1.6 + 0.42 * len(rows))
    margins = [data.margin(row) for row in rows]
    level = numbers.common_level(row["alpha"] for row in rows)
    values = [row[name] for row in rows for name in ("relative_effect", "relative_low", "relative_high")]
    ends = value_range([*values, *margins])
    axes.axvline(0, color=_MUTED, linewidth=1.2)
    for place, (row, margin) in enumerate(zip(rows, margins, strict=True)):
        standing = data.standing(row)
        axes.plot(_ends(row, ends), [place, place], color=_COLOURS[standing], linewidth=2.2)
        axes.plot(
            [row["relative_effect"]], [place], marker=_MARKERS[standing], color=_COLOURS[standing], ms=8
        )
        if margin is not None:
            axes.plot([margin, margin], [place - 0.3, place + 0.3], color=_COLOURS["worse"], linewidth=2.5)
        own = "" if level else f"{numbers.level(row['alpha'])}: "
        told = f"{numbers.percent(row['relative_effect'])}  ({own}{_interval(row)})"
        axes.text(
            1.02, place, told, transform=axes.get_yaxis_transform(), va="center", color=_COLOURS[standing]
        )
    axes.set_yticks(range(len(rows)), [_plain(name) for name in names])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=ends)
    _percent_axis(axes.xaxis)
    axes.grid(visible=False, axis="y")
    intervals = f"{level} intervals" if level else "level and interval of each"
    _title(axes, data, f"relative effect against {data.experiment.control}, {intervals}")
    _small_print(axes, _left_out(data, len(defined)))
    return figure


def _left_out(data: ReportData, defined: int) -> str:
    """Which comparisons are not in the scorecard's picture, of which so many have a relative effect."""
    told = []
    if defined > _MOST_ROWS:
        told.append(f"the first {_MOST_ROWS} of {defined:,} comparisons")
    undefined = [_name(data, row) for row in data.headlines() if row["relative_effect"] is None]
    if undefined:
        names = ", ".join(undefined[:_NAMED]) + (" …" if len(undefined) > _NAMED else "")
        told.append(_plain(f"not drawn, for want of a relative effect: {names}", 110))
    return "\n".join(told)


def _name(data: ReportData, row: Row) -> str:
    return f"{row['metric']}, {row['treatment']}" if len(data.treatments) > 1 else str(row["metric"])


def series_picture(data: ReportData) -> Figure | None:
    """The main comparison day by day; None with fewer than two days."""
    row = main_row(data)
    rows = [] if row is None else data.series((row["metric"], row["treatment"]))
    rows = [row for row in rows if row["relative_effect"] is not None]
    if len(rows) < 2:
        return None
    figure, axes = _canvas(4.8)
    days: Any = [row["day"] for row in rows]
    axes.axhline(0, color=_MUTED, linewidth=1.2)
    drawn = [[row["relative_effect"], row["relative_low"], row["relative_high"]] for row in rows]
    scale = settled_range(drawn)
    low, high = zip(*(_ends(row, scale) for row in rows), strict=True)
    axes.fill_between(days, low, high, color=_ACCENT, alpha=0.15, lw=0)
    marked = _mark_beyond(axes, days, drawn, scale)
    axes.set_ylim(scale)
    axes.plot(days, [row["relative_effect"] for row in rows], color=_ACCENT, linewidth=2.2, marker="o", ms=4)
    _percent_axis(axes.yaxis)
    labelled = days[:: -max(1, math.ceil(len(days) / _DAYS_LABELLED))]
    axes.set_xticks(labelled, [f"{day:%d %b}" for day in labelled])
    last = rows[-1]
    told = f"{numbers.percent(last['relative_effect'])} ({_interval(last)})"
    told = f"{last['metric']}: {last['treatment']} against {last['control']}, cumulative, at last {told}"
    _title(axes, data, told)
    if marked:
        _small_print(axes, "triangles: that day goes beyond the plot")
    return figure


def _mark_beyond(axes: Axes, days: Any, drawn: Sequence[Sequence[float | None]], scale: Ends) -> bool:
    """Triangles at the ends of the axis for the days of which values lie beyond; whether there are any."""
    inset = 0.025 * (scale[1] - scale[0])
    marks = [
        (day, edge) for day, values in zip(days, drawn, strict=True) for edge in edges_beyond(values, scale)
    ]
    for day, edge in marks:
        marker, place = ("^", edge - inset) if edge == scale[1] else ("v", edge + inset)
        axes.plot([day], [place], marker=marker, color=_ACCENT, ms=7, zorder=3)
    return bool(marks)


def _ends(row: Row, edges: Ends) -> Ends:
    """The interval as drawn; NaN, which is not drawn, without one."""
    low, high = shown_ends(row["relative_low"], row["relative_high"], edges)
    return math.nan if low is None else float(low), math.nan if high is None else float(high)


def _interval(row: Row) -> str:
    return numbers.percent_interval(row["relative_low"], row["relative_high"])


def _canvas(height: float) -> tuple[Figure, Axes]:
    with _style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=_MUTED)
    axes.grid(color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _style() -> AbstractContextManager[None]:
    try:
        from matplotlib import rc_context
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    return rc_context({"font.family": "sans-serif", "font.size": 11, "svg.hashsalt": "abspark"})


def _percent_axis(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0))


def _small_print(axes: Axes, told: str) -> None:
    axes.set_xlabel(told, loc="left", color=_MUTED, fontsize=9)


def _title(axes: Axes, data: ReportData, told: str) -> None:
    if data.failing():
        told = f"NOT TO BE READ, health checks fail: {told}"
    axes.set_title(
        f"{_plain(data.experiment.name or data.experiment.id, 70)}\n",
        loc="left",
        fontsize=15,
        fontweight="bold",
    )
    axes.text(0, 1.02, _plain(told, 110), transform=axes.transAxes, color=_MUTED)


def _plain(text: str, longest: int = _NAME) -> str:
    """A name as it is: matplotlib would take text between dollars as a formula."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("$", r"\$")
