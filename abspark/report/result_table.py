"""Results on a terminal: a table per treatment and segment, in the first layout that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TextIO

from abspark.report.data import BAYESIAN, ReportData
from abspark.report.figures import common_scale
from abspark.report.glyphs import interval_bar, sparkline
from abspark.report.numbers import probability
from abspark.report.order import ROLES
from abspark.report.remarks import RELATIVE, mark, remarks, style
from abspark.report.terminal import (
    Row,
    grouped,
    new_table,
    room_for,
    show_notes,
    show_table,
    show_verdict,
    width,
)

_BAR: Final = 17
_TO: Final = " … "

Readings = Mapping[str, ReportData]
"""By experiment: what says which way is better, what made a row significant, and the decision."""


def show_results(rows: Sequence[Row], out: TextIO, readings: Readings = MappingProxyType({})) -> None:
    """A table per experiment, treatment and segment, everyone first: values, relative effect, interval, p, a mark.

    Below the tables of an experiment stands its verdict. The mark says what the experiment's page says of the row.

    Of several days the last is shown, with the path of the relative effect below the metric's name; below the numbers
    of an interval it is drawn, on one scale for the whole table. Where a terminal is too narrow for all of it, values
    go first, then pictures; names are folded, numbers never are. Of a metric with two estimators the configured one is
    shown.
    """
    ordered = sorted((row for row in rows if row["headline"]), key=_by_segment)
    with_another = {_comparison(row) for row in rows if not row["headline"]}
    for (experiment,), own in grouped(ordered, "experiment_id"):
        data = readings.get(experiment)
        for _, comparisons in grouped(own, "treatment", "segment_name"):
            _show_comparisons(comparisons, with_another, data, out)
        if data is not None and data.decision is not None:
            show_verdict(data.decision["decision"], data.decision["reasons"] or (), out)


def _show_comparisons(
    rows: Sequence[Row], with_another: Set[tuple[Any, ...]], data: ReportData | None, out: TextIO
) -> None:
    """The table of a treatment and a segment, with its notes."""
    series = grouped(rows, "metric", "segment_name", "segment_value", "method")
    paths = [sorted(days, key=_place) for _, days in series]
    mine = [days[-1] for days in paths]
    ends = common_scale([[row[name] for name in RELATIVE] for row in mine])
    first = mine[0]
    decisive = (
        ("p",) if first["method"] != BAYESIAN else ("better", "best") if _several(mine) else ("better",)
    )
    by = "" if first["segment_name"] is None else f", by {first['segment_name']}"
    table = _result_table(paths, ends, decisive, columns=width(out), data=data)
    title = f"{first['experiment_id']}: {first['treatment']} against {first['control']}{_until(first)}{by}"
    show_table(title, table, out)
    adjusted = [row for row in mine if _comparison(row) in with_another]
    show_notes(remarks(mine, ends, data, adjusted), out)


class _Layout(NamedTuple):
    """What a table of results shows: an interval stands beside its effect, below it, or each of its ends does.

    `least` is the width to which the metrics' names may be folded.
    """

    values: bool
    pictures: bool
    least: int
    below: Literal["", "effect", "each"] = ""


_LAYOUTS: Final = (
    _Layout(values=True, pictures=True, least=14),
    _Layout(values=False, pictures=True, least=14),
    _Layout(values=False, pictures=False, least=14),
    _Layout(values=False, pictures=False, below="effect", least=8),
    _Layout(values=False, pictures=False, below="each", least=8),
)
"""From that of a wide terminal to that of a narrow one."""


def _result_table(
    paths: Sequence[Sequence[Row]],
    ends: tuple[float, float],
    decisive: Sequence[str],
    *,
    columns: int,
    data: ReportData | None,
) -> Any:
    """The table in the first layout that fits, else in the last; roles are named where not all metrics are primary."""
    from rich.cells import cell_len
    from rich.markup import escape

    for layout in _LAYOUTS:
        cells = [_result_cells(days, ends, decisive, layout) | {"": mark(days[-1], data)} for days in paths]
        names = list(cells[0])
        widths = [
            max(cell_len(line) for row in cells for text in (name, row[name]) for line in text.split("\n"))
            for name in names
        ]
        least = min(layout.least, widths[0])
        if room_for(least, *widths[1:]) <= columns:
            break
    table = new_table()
    for name in names:
        side: Literal["left", "right"] = "left" if name in ("metric", "") else "right"
        named = name == "metric"
        table.add_column(
            name, justify=side, overflow="fold", no_wrap=not named, min_width=least if named else None
        )
    told = "primary"
    for days, row in zip(paths, cells, strict=True):
        if (role := days[-1]["role"]) != told or (days is paths[0] and _several_roles(paths)):
            table.add_row(role, style="italic")
        told = role
        table.add_row(*map(escape, row.values()), style=style(days[-1], data))
    return table


def _place(row: Row) -> Any:
    """By what rows of one series are ordered: days, or days since exposure."""
    return row["day"] if row["exposure_day"] is None else row["exposure_day"]


def _until(row: Row) -> str:
    """Up to when a result counts, where it has days."""
    if row["exposure_day"] is not None:
        return f", to day {row['exposure_day']} since exposure"
    return "" if row["day"] is None else f", to {row['day']}"


def _several_roles(paths: Sequence[Sequence[Row]]) -> bool:
    return len({days[-1]["role"] for days in paths}) > 1


def _by_segment(row: Row) -> tuple[Any, ...]:
    segment = row["segment_name"] or ""
    return row["experiment_id"], row["treatment"], segment, ROLES.index(row["role"]), row["metric"]


def _several(rows: Sequence[Row]) -> bool:
    """Whether the treatment is one of several, so that the best need not be the better one."""
    return any(row["prob_best"] not in (None, row["prob_better"]) for row in rows)


def _decisive(row: Row, name: str) -> str:
    """The number that decides: p, or a probability to be better or best."""
    if name != "p":
        value = row[f"prob_{name}"]
        return "" if value is None else probability(value)
    p = row["p_adjusted"] if row["p_adjusted"] is not None else row["p_value"]
    return "" if p is None else f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _result_cells(
    days: Sequence[Row], ends: tuple[float, float], decisive: Sequence[str], layout: _Layout
) -> dict[str, str]:
    """The cells of a metric by the names of their columns, but for the mark."""
    row = days[-1]
    segment = f" {row['segment_value']}" if row["segment_name"] else ""
    path = sparkline([day["relative_effect"] for day in days]) if len(days) > 1 and layout.pictures else ""
    low, high = row["relative_low"], row["relative_high"]
    decimals = _decimals(low, high)
    effect, interval = _percent(row["relative_effect"], max(decimals, 2)), _interval(low, high, decimals)
    if layout.pictures:
        bar = interval_bar(*(row[name] for name in RELATIVE), ends=ends, width=_BAR)
        interval = f"{interval}\n{bar:<{_BAR}}"
    if layout.below == "each":
        interval = interval.replace(_TO, f"{_TO.rstrip()}\n")
    means = {"control": _number(row["mean_control"]), "treated": _number(row["mean_treatment"])}
    return {
        "metric": f"{row['metric']}{segment}" + (f"\n{path}" if path else ""),
        **(means if layout.values else {}),
        **({"effect": f"{effect}\n{interval}"} if layout.below else {"effect": effect, "interval": interval}),
        **{name: _decisive(row, name) for name in decisive},
    }


def _comparison(row: Row) -> tuple[Any, ...]:
    return row["experiment_id"], row["treatment"], row["metric"], row["segment_name"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.5g}"


def _percent(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:+.{decimals}%}"


def _decimals(low: float | None, high: float | None) -> int:
    """Of per cent: one, and more where the interval is narrow, so that its ends don't read alike."""
    ends = [end for end in (low, high) if end is not None]
    width = max(ends) - min(ends) if len(ends) > 1 else abs(ends[0]) if ends else 1.0
    return 1 if width >= 0.01 else 2 if width >= 0.001 else 3


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    """Both ends in per cent; an open end of a one-sided interval is left out."""
    if low is None and high is None:
        return ""
    ends = ["" if end is None else f"{end:+.{decimals}%}" for end in (low, high)]
    return _TO.join(ends)
