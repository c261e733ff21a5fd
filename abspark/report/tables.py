"""Results, health, drops and runs as tables that fit a terminal, or as rows for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TextIO

from abspark.naming import plural
from abspark.report.data import BAYESIAN, ReportData
from abspark.report.figures import common_scale
from abspark.report.glyphs import interval_bar, sparkline
from abspark.report.numbers import probability
from abspark.report.order import ROLES, WORST_FIRST
from abspark.report.remarks import RELATIVE, mark, remarks, style
from abspark.report.run_table import show_runs
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
from abspark.schemas import NO_EXPERIMENT

_BAR: Final = 17
_TO: Final = " … "
_LONGEST_REASON: Final = 20
_LONGEST_VARIANT: Final = 14
_STATUS_STYLE: Final = {"fail": "bold red", "warn": "yellow", "pass": "green", "skipped": "dim"}


def as_json(rows: Sequence[Row]) -> str:
    """An array of rows with the tables' column names; times in ISO 8601, undefined numbers null."""
    return json.dumps(list(rows), default=_text, ensure_ascii=False, indent=1)


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A header and a line per row; NULL, and a column that a row lacks, is empty; lists are JSON.

    A text that a spreadsheet would take for a formula gets a quote before it.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(_cell(row.get(name))) for name in columns})
    return out.getvalue()


def as_markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A Markdown table of the columns in which some row has a value."""
    filled = [name for name in columns if any(row.get(name) is not None for row in rows)]
    lines = [filled, ["---"] * len(filled), *([_markdown(row.get(name)) for name in filled] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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


def show_health(rows: Sequence[Row], out: TextIO) -> None:
    """Checks of each experiment, worst first, with advice where one does not pass."""
    from rich.markup import escape

    for (experiment,), mine in grouped(rows, "experiment_id"):
        table = new_table()
        for name in ("check", "status", "message"):
            table.add_column(name, overflow="fold")
        ordered = sorted(mine, key=lambda r: (WORST_FIRST[r["status"]], r["check"], r["slice_value"] or ""))
        for (check, status), same in grouped(ordered, "check", "status"):
            for message in _messages(same, status):
                table.add_row(escape(check), f"[{_STATUS_STYLE[status]}]{status}[/]", escape(message))
        show_table(f"{experiment}: health", table, out)


def _messages(rows: Sequence[Row], status: str) -> list[str]:
    """What to say of a check: each slice that does not pass, and of those that do, how many there are."""
    if status in ("pass", "skipped") and len(rows) > 1:
        everyone = [row["message"] for row in rows if row["slice_name"] is None]
        why = [] if everyone or status == "pass" else [rows[0]["message"]]
        return ["\n".join([*everyone, *why, f"{len(rows) - len(everyone)} slices: {status}"])]
    return [f"{row['message'] or ''}" + (f"\n→ {row['advice']}" if row["advice"] else "") for row in rows]


def show_drops(rows: Sequence[Row], out: TextIO) -> None:
    """Rows left out: a table per experiment and source, a row per reason, columns of variants as far as they fit.

    What concerns no experiment has a table per run, as each experiment's committed run read the source for itself.
    """
    from rich.markup import escape

    for experiment, source, run, mine in _by_source(rows):
        owner = "no experiment" if experiment == NO_EXPERIMENT else experiment
        table = new_table()
        known = [name for name in dict.fromkeys(row["variant"] for row in mine) if name is not None]
        variants = known[: _room_for_variants(mine, known, width(out))]
        for name in ("stage", "reason"):
            longest = max(len(row[name]) for row in mine)
            least = min(_LONGEST_REASON, longest, _room_for_text(mine, width(out)))
            table.add_column(name, overflow="fold", min_width=least)
        for name in (*variants, "rows"):
            least = 0 if name == "rows" else min(_LONGEST_VARIANT, len(name))
            counted = name == "rows"
            table.add_column(escape(name), justify="right", overflow="fold", min_width=least, no_wrap=counted)
        for (stage, reason), same in grouped(mine, "stage", "reason"):
            counts = {row["variant"]: row["rows"] for row in same}
            cells = [f"{counts[name]:,}" if name in counts else "" for name in variants]
            table.add_row(escape(stage), escape(reason), *cells, f"{sum(counts.values()):,}")
        told_run = "" if run is None else f", run {run}"
        show_table(f"{source}: left out, {owner}{told_run}", table, out)
        if more := len(known) - len(variants):
            told = f"{plural(more, 'variant')} had no room: a wider terminal or --format csv shows them"
            show_notes([told], out)


def _by_source(rows: Sequence[Row]) -> Iterator[tuple[str, str, str | None, list[Row]]]:
    """Experiment, source and the rows of its tables; also the run, the oldest first, where there are several."""
    for (experiment, source), of_source in grouped(rows, "experiment_id", "source"):
        by_run = sorted(grouped(of_source, "run_id"), key=lambda group: group[0])
        for (run,), mine in by_run:
            yield experiment, source, run if len(by_run) > 1 else None, mine


def _total_width(rows: Sequence[Row]) -> int:
    """How wide a column of all rows is."""
    return max(len(f"{sum(row['rows'] for row in rows):,}"), len("rows"))


def _room_for_text(rows: Sequence[Row], columns: int) -> int:
    """What stage and reason may take each beside rows, of which no digit may be cut."""
    return max(1, (columns - room_for(0, 0, _total_width(rows))) // 2)


def _room_for_variants(rows: Sequence[Row], variants: Sequence[str], columns: int) -> int:
    """How many columns of variants fit beside stage, reason and rows."""
    text = [min(_LONGEST_REASON, max(len(row[name]) for row in rows)) for name in ("stage", "reason")]
    room = columns - sum(text) - _total_width(rows) - 8
    for place, variant in enumerate(variants):
        counts = [len(f"{row['rows']:,}") for row in rows if row["variant"] == variant]
        room -= max(*counts, min(_LONGEST_VARIANT, len(variant))) + 2
        if room < 0:
            return place
    return len(variants)


SHOW: Final[Mapping[str, Callable[..., None]]] = {
    "results": show_results,
    "health": show_health,
    "drops": show_drops,
    "runs": show_runs,
}


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


def _text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _inert(value: Any) -> Any:
    """A text that cannot be taken for a formula; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r", "\n")  # which the writer quotes, as it does not a lone carriage return
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _markdown(value: Any) -> str:
    text = "" if value is None else str(_cell(value))
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return _text(value) if isinstance(value, datetime | date) else value
