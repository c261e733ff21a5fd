"""Health checks on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from abspark.report.order import WORST_FIRST
from abspark.report.terminal import Row, grouped, new_table, show_table

_STATUS_STYLE: Final = {"fail": "bold red", "warn": "yellow", "pass": "green", "skipped": "dim"}


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
