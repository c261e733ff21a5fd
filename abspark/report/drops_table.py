"""Rows that were left out, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from abspark.naming import plural
from abspark.report.terminal import Row, grouped, new_table, room_for, show_notes, show_table, width
from abspark.schemas import NO_EXPERIMENT

_LONGEST_REASON: Final = 20
_LONGEST_VARIANT: Final = 14


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
