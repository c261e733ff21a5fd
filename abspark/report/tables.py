"""Results, health, drops and runs as tables that fit a terminal, or as rows for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, TextIO

from abspark.reasons import reason_sentence
from abspark.report import numbers
from abspark.report.data import BAYESIAN
from abspark.report.figures import value_range
from abspark.report.glyphs import interval_bar, sparkline
from abspark.report.numbers import probability
from abspark.report.order import ROLES
from abspark.schemas import NO_EXPERIMENT

Row = Mapping[str, Any]

_VARIANTS_SHOWN: Final = 3
_RELATIVE: Final = ("relative_effect", "relative_low", "relative_high")
_BAR: Final = 17
_NARROW: Final = 76
"""Columns of a terminal below which tables leave out what does not decide."""

_STATUS_STYLE: Final = {"fail": "bold red", "warn": "yellow", "pass": "green", "skipped": "dim"}
_WORST_FIRST: Final = {"fail": 0, "warn": 1, "skipped": 2, "pass": 3}


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


def show_results(rows: Sequence[Row], out: TextIO) -> None:
    """A table per experiment, treatment and segment, everyone first: values, relative effect, interval, p, verdict.

    Of several days the last is shown, with the path of the relative effect below the metric's name; below the numbers
    of an interval it is drawn, on one scale for the whole table. A narrow terminal has no room for the values.
    """
    from rich.markup import escape

    narrow = _width(out) < _NARROW
    ordered = sorted(rows, key=_by_segment)
    for (experiment, treatment, segment), everything in _grouped(
        ordered, "experiment_id", "treatment", "segment_name"
    ):
        series = _grouped(everything, "metric", "segment_name", "segment_value", "method", "estimator")
        paths = [sorted(days, key=_place) for _, days in series]
        mine = [days[-1] for days in paths]
        ends = value_range(row[name] for row in mine for name in _RELATIVE)
        first = mine[0]
        decisive = (
            ("p",) if first["method"] != BAYESIAN else ("better", "best") if _several(mine) else ("better",)
        )
        by = "" if segment is None else f", by {segment}"
        table = _table(f"{experiment}: {treatment} against {first['control']}, to {_until(first)}{by}")
        means = () if narrow else ("control", "treated")
        for name in ("metric", *means, "effect", "interval", *decisive, ""):
            side: Literal["left", "right"] = "left" if name in ("metric", "") else "right"
            least = 14 if name == "metric" else None
            table.add_column(
                name, justify=side, overflow="fold", no_wrap=name not in ("metric", ""), min_width=least
            )
        for days in paths:
            metric, *numbered = _result_cells(days, ends, decisive)
            cells = (metric, *numbered[0 if means else 2 :])
            table.add_row(*map(escape, cells), style=_result_style(days[-1]))
        _print(table, out)
        for note in dict.fromkeys(_notes(mine)):
            _print(escape(note), out)


def show_health(rows: Sequence[Row], out: TextIO) -> None:
    """Checks of each experiment, worst first, with advice where one does not pass."""
    from rich.markup import escape

    for (experiment,), mine in _grouped(rows, "experiment_id"):
        table = _table(f"{experiment}: health")
        for name in ("check", "status", "message"):
            table.add_column(name, overflow="fold")
        ordered = sorted(mine, key=lambda r: (_WORST_FIRST[r["status"]], r["check"], r["slice_value"] or ""))
        for (check, status), same in _grouped(ordered, "check", "status"):
            for message in _messages(same, status):
                table.add_row(escape(check), f"[{_STATUS_STYLE[status]}]{status}[/]", escape(message))
        _print(table, out)


def _messages(rows: Sequence[Row], status: str) -> list[str]:
    """What to say of a check: each slice that does not pass, and of those that do, how many there are."""
    if status in ("pass", "skipped") and len(rows) > 1:
        everyone = [row["message"] for row in rows if row["slice_name"] is None]
        why = [] if everyone or status == "pass" else [rows[0]["message"]]
        return ["\n".join([*everyone, *why, f"{len(rows) - len(everyone)} slices: {status}"])]
    return [f"{row['message'] or ''}" + (f"\n→ {row['advice']}" if row["advice"] else "") for row in rows]


def show_drops(rows: Sequence[Row], out: TextIO) -> None:
    """Rows left out: a table per experiment and source, a row per reason, a column per variant."""
    from rich.markup import escape

    for (experiment, source), mine in _grouped(rows, "experiment_id", "source"):
        owner = "no experiment" if experiment == NO_EXPERIMENT else experiment
        table = _table(f"{source}: left out, {owner}")
        variants = [v for v in dict.fromkeys(row["variant"] for row in mine) if v is not None][
            :_VARIANTS_SHOWN
        ]
        for name in ("stage", "reason"):
            table.add_column(name, overflow="fold")
        for name in (*variants, "rows"):
            table.add_column(escape(name), justify="right", overflow="fold")
        for (stage, reason), same in _grouped(mine, "stage", "reason"):
            counts = {row["variant"]: row["rows"] for row in same}
            cells = [f"{counts[name]:,}" if name in counts else "" for name in variants]
            table.add_row(escape(stage), escape(reason), *cells, f"{sum(counts.values()):,}")
        _print(table, out)


def show_runs(rows: Sequence[Row], out: TextIO) -> None:
    """Runs, newest first, with what they cost, and of each experiment what did not become of the whole run.

    Of the cost, what Spark does not tell is left out, and on a narrow terminal the data.
    """
    from rich.markup import escape

    table, narrow = _table("runs"), _width(out) < _NARROW
    for name in ("run", "status", "seconds", *(() if narrow else ("data",)), "experiments"):
        numeric = name in ("seconds", "data")
        justify: Literal["left", "right"] = "right" if numeric else "left"
        least = {"run": 24, "status": 9, "experiments": 11}.get(name)
        table.add_column(name, overflow="fold", justify=justify, no_wrap=numeric, min_width=least)
    for row in rows:
        fates = "\n".join(
            name if status == row["status"] else f"{name}: {status}"
            for name, status in sorted((row["experiments"] or {}).items())
        )
        run = f"{row['run_id']}\nas of {row['as_of']:%Y-%m-%d %H:%M}"
        costs = _cost_cells(row)[: 1 if narrow else 2]
        table.add_row(escape(run), row["status"], *costs, escape(fates))
    _print(table, out)


def _cost_cells(row: Row) -> tuple[str, str]:
    """Wall time over CPU time; bytes read, shuffled and, where there are any, spilled.

    Stages overlap: only for a run that has not ended is their sum given.
    """
    cpu, spilled = _total(row, "cpu_seconds"), _total(row, "bytes_spilled_disk")
    ended, begun = row["finished_at"], row["started_at"]
    spent = (ended - begun).total_seconds() if ended and begun else sum((row["seconds"] or {}).values())
    times = [f"{spent:.1f}", f"{cpu or 0:.1f} CPU"]
    sizes = (
        (_total(row, "bytes_read"), "read"), (_total(row, "bytes_shuffled"), "shuffled"),
        (spilled or None, "spilled"),
    )  # fmt: skip
    moved = [f"{numbers.size(size)} {verb}" for size, verb in sizes if size is not None]
    return "\n".join(times if cpu is not None else times[:1]), "\n".join(moved)


def _total(row: Row, name: str) -> float | None:
    """A figure of a run's cost over the stages that have it; None where none has."""
    known = [stage[name] for stage in row["costs"] or () if stage[name] is not None]
    return sum(known) if known else None


SHOW: Final[Mapping[str, Callable[[Sequence[Row], TextIO], None]]] = {
    "results": show_results,
    "health": show_health,
    "drops": show_drops,
    "runs": show_runs,
}


def _place(row: Row) -> Any:
    """By what rows of one series are ordered: days, or days since exposure."""
    return row["day"] if row["exposure_day"] is None else row["exposure_day"]


def _until(row: Row) -> str:
    return str(row["day"]) if row["exposure_day"] is None else f"day {row['exposure_day']} since exposure"


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


def _result_cells(days: Sequence[Row], ends: tuple[float, float], decisive: Sequence[str]) -> tuple[str, ...]:
    row = days[-1]
    segment = f" {row['segment_value']}" if row["segment_name"] else ""
    path = sparkline([day["relative_effect"] for day in days]) if len(days) > 1 else ""
    bar = interval_bar(*(row[name] for name in _RELATIVE), ends=ends, width=_BAR)
    return (
        f"{row['metric']}{segment}" + (f"\n{path}" if path else ""),
        _number(row["mean_control"]),
        _number(row["mean_treatment"]),
        _percent(row["relative_effect"]),
        f"{_interval(row['relative_low'], row['relative_high'])}\n{bar:<{_BAR}}",
        *(_decisive(row, name) for name in decisive),
        _mark(row),
    )


def _mark(row: Row) -> str:
    if row["significant"] is None:
        return "·"
    return "*" if row["significant"] else ""


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = {
        "not_finished": "· no verdict yet: the experiment or its last window has not ended",
        "below_min_sample_size": "· no verdict yet: a variant has fewer units than min_sample_size",
    }
    reasons = [row["reason"] for row in rows if row["reason"]]
    told = [notes.get(reason, f"· {reason_sentence(reason)}") for reason in reasons]
    futile = [
        f"· {row['metric']}: futile at the last look (advice; going on keeps alpha)"
        for row in rows
        if row["futile"]
    ]
    touching = [
        f"· {row['metric']}: p tests the effect itself; the relative interval also counts the doubt about "
        "the control's mean"
        for row in rows
        if row["significant"] and row["p_value"] is not None and _crosses_zero(row)
    ]
    return [*told, *futile, *touching]


def _crosses_zero(row: Row) -> bool:
    low, high = row["relative_low"], row["relative_high"]
    return low is not None and high is not None and low <= 0 <= high


def _result_style(row: Row) -> str | None:
    return "bold" if row["significant"] else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.5g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.2%}"


def _interval(low: float | None, high: float | None) -> str:
    """Both ends in per cent; an open end of a one-sided interval is left out."""
    if low is None and high is None:
        return ""
    ends = ["" if end is None else f"{end:+.1%}" for end in (low, high)]
    return " … ".join(ends)


def _grouped(rows: Sequence[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows by the values of some columns, in order of appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())


def _table(title: str) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    return Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))


def _width(out: TextIO) -> int:
    from rich.console import Console

    return Console(file=out).width


def _print(item: Any, out: TextIO) -> None:
    from rich.console import Console

    Console(file=out, soft_wrap=False).print(item)


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
