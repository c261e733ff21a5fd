"""Runs on a terminal: how each ended, what it cost, and why an experiment did not become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from abspark.report import numbers
from abspark.report.terminal import NARROW, Row, new_table, show_notes, show_table, width
from abspark.schemas import RUNNING_AT_MOST

LOST: Final = "lost"
"""Shown instead of `running`, which stays in the table: nobody is left to write how the run ended."""

_WIDE: Final = 110
"""Columns of a terminal that has room for the data which a run moved."""
_NAMED: Final = 4
_EXPLAINED: Final = 5
_STYLES: Final = {"committed": "green", "running": "cyan"}
_LOST_NOTE: Final = (
    "lost: nothing says how the run ended. Either another run has committed its experiments since, or it began more "
    "than a day ago. None of its rows count; abspark prune removes them"
)
_RUNNING_NOTE: Final = (
    "running: or killed, which looks the same until the next run has committed, or for a day. Just run again: what a "
    "killed run left does not count"
)

_SILENT_NOTE: Final = (
    "has committed, so its rows count, though its record still says running: it ends in a moment, or was killed "
    "before it could say so"
)


def show_runs(
    rows: Sequence[Row], out: TextIO, *, heads: Mapping[str, str] | None = None, now: datetime | None = None
) -> None:
    """Runs, newest first, and below them why experiments of the newest failed; what does not fit is left out.

    `heads`, the committed run of each experiment, tell of a run that was killed once it had committed.
    """
    from rich.markup import escape

    now = now or datetime.now(UTC)
    silent = [row["run_id"] for row in rows if _committed_silently(row, heads or {})]
    rows = [_as_committed(row, heads or {}) if row["run_id"] in silent else row for row in rows]
    columns = width(out)
    shown = [name for name, least in (("seconds", NARROW), ("data", _WIDE)) if columns >= least]
    table = new_table()
    for name in ("run", "status", *shown, "experiments"):
        numeric = name in shown
        table.add_column(
            name,
            overflow="fold",
            justify="right" if numeric else "left",
            no_wrap=numeric,
            min_width={"run": 24, "experiments": 11}.get(name),
            max_width=len("committed") if name == "status" else None,
        )
    fates = [fate(row, rows, now) for row in rows]
    for row, ended in zip(rows, fates, strict=True):
        run = f"{row['run_id']}\nas of {row['as_of']:%Y-%m-%d %H:%M}"
        style = _STYLES.get(ended, "yellow")
        costs = _cost_cells(row)[: len(shown)]
        told = f"[{style}]{escape(ended.replace('_', ' '))}[/]"
        table.add_row(escape(run), told, *costs, escape(_outcomes(row, ended)))
    show_table("runs", table, out)
    notes = [note for ended, note in (("running", _RUNNING_NOTE), (LOST, _LOST_NOTE)) if ended in fates]
    show_notes([*_failures(rows), *(f"{run_id}: {_SILENT_NOTE}" for run_id in silent), *notes], out)


def _committed_silently(row: Row, heads: Mapping[str, str]) -> bool:
    return row["status"] == "running" and row["run_id"] in heads.values()


def _as_committed(row: Row, heads: Mapping[str, str]) -> Row:
    """The record as its run would have written it, had it lived; an experiment that does not count had failed."""
    counts = {name for name, run_id in heads.items() if run_id == row["run_id"]}
    outcomes = {name: "committed" if name in counts else LOST for name in row["experiments"] or {}}
    return {**row, "status": "committed", "experiments": outcomes}


def fate(row: Row, rows: Sequence[Row], now: datetime) -> str:
    """How a run ended: its status, but `lost` where that still says `running` and cannot come true any more.

    A run commits only if nobody has since it began, so one whose experiments were all committed by others has no
    rows to give, alive or dead.
    """
    if row["status"] != "running":
        return str(row["status"])
    if row["started_at"] < now - RUNNING_AT_MOST:
        return LOST
    overtaken = {
        name
        for other in rows
        if other["finished_at"] is not None and other["finished_at"] > row["started_at"]
        for name, status in (other["experiments"] or {}).items()
        if status == "committed"
    }
    mine = set(row["experiments"] or {})
    return LOST if mine and mine <= overtaken else "running"


def _outcomes(row: Row, ended: str) -> str:
    """The run's experiments, with the outcome where that is not the run's own."""
    found = [(name, status.partition(":")[0]) for name, status in sorted((row["experiments"] or {}).items())]
    found.sort(key=lambda pair: pair[1] == "committed")
    lines = [name if outcome in (ended, row["status"]) else f"{name}: {outcome}" for name, outcome in found]
    more = len(lines) - _NAMED
    return "\n".join(lines if more <= 1 else [*lines[:_NAMED], f"and {more:,} more"])


def _failures(rows: Sequence[Row]) -> list[str]:
    """Why experiments of the newest runs failed, those of one reason in one note."""
    notes = []
    failed = [row for row in rows if any(":" in status for status in (row["experiments"] or {}).values())]
    for row in failed[:_EXPLAINED]:
        reasons: dict[str, list[str]] = {}
        for name, status in sorted(row["experiments"].items()):
            if ":" in status:
                reasons.setdefault(status, []).append(name)
        notes += [f"{row['run_id']}: {', '.join(names)}: {status}" for status, names in reasons.items()]
    if len(failed) > _EXPLAINED:
        notes.append(f"{len(failed) - _EXPLAINED:,} older runs failed as well: --format json says why")
    return notes


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


def _total(row: Row, name: str) -> Any:
    """A figure of a run's cost over the stages that have it; None where none has."""
    known = [stage[name] for stage in row["costs"] or () if stage[name] is not None]
    return sum(known) if known else None
