"""Can I trust it? Health checks, those that do not pass first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from abspark.naming import plural
from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.views import Cell, Heading, Section, TableView
from abspark.report.words import CHECKS, STATUS

WORST_FIRST: Final = {"fail": 0, "warn": 1, "skipped": 2, "pass": 3}
_HEADINGS: Final = (
    Heading("Check", "check"),
    Heading("Slice", "slice_name slice_value"),
    Heading("Status", "status"),
    Heading("p", "p_value", numeric=True),
    Heading("Seen", "observed"),
    Heading("Expected", "expected"),
    Heading("What it says", "message"),
)


def trust(data: ReportData) -> Section:
    """Checks that fail or warn in words, all of them as a table."""
    rows = sorted(data.health, key=_worst_first)
    table = TableView("health-table", "All health checks", _HEADINGS, [_cells(row) for row in rows])
    raised = [_told(row) for row in rows if row["status"] in ("fail", "warn")]
    context = {"summary": summary(data), "tone": tone(data), "raised": raised, "table": table}
    return Section("trust", "Can I trust it?", "Trust", "trust.html", context)


def tone(data: ReportData) -> str:
    """`bad` where a check fails, `warn` where one warns or none was made, else `good`."""
    statuses = {row["status"] for row in data.health}
    if "fail" in statuses:
        return "bad"
    return "warn" if "warn" in statuses or not statuses - {"skipped"} else "good"


def headline(data: ReportData) -> str:
    """Yes or no, in a few words."""
    if all(row["status"] == "skipped" for row in data.health):
        return "Not checked"
    return {"bad": "No", "warn": "Yes, with care", "good": "Yes"}[tone(data)]


def summary(data: ReportData) -> str:
    """How many checks passed, and how many did not."""
    if not data.health:
        return "There are no health checks, so nothing says whether the numbers can be believed."
    counts = {status: sum(row["status"] == status for row in data.health) for status in WORST_FIRST}
    words = {"fail": "fails", "warn": "warns", "skipped": "was skipped", "pass": "passes"}
    many = {"fail": "fail", "warn": "warn", "skipped": "were skipped", "pass": "pass"}
    parts = [f"{n:,} {words[s] if n == 1 else many[s]}" for s, n in counts.items() if n]
    return f"Of {plural(len(data.health), 'check')}, {_joined(parts)}."


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _worst_first(row: Row) -> tuple[Any, ...]:
    sliced = row["slice_name"] is not None
    return WORST_FIRST[row["status"]], row["check"], sliced, row["slice_name"] or "", row["slice_value"] or ""


def _slice(row: Row) -> str:
    return "" if row["slice_name"] is None else f"{row['slice_name']}: {row['slice_value']}"


def _name(row: Row) -> str:
    check: str = row["check"]
    return CHECKS.get(check, check)


def _told(row: Row) -> dict[str, str]:
    return {
        "status": row["status"],
        "tone": STATUS[row["status"]],
        "name": _name(row) + (f" ({_slice(row)})" if row["slice_name"] is not None else ""),
        "message": row["message"] or "",
        "advice": row["advice"] or "",
    }


def _cells(row: Row) -> list[Cell]:
    return [
        Cell(_name(row), row["check"]),
        Cell(_slice(row) or "everyone"),
        Cell(row["status"], WORST_FIRST[row["status"]], STATUS[row["status"]]),
        Cell(numbers.p_value(row["p_value"]), row["p_value"]),
        Cell(row["observed"] or ""),
        Cell(row["expected"] or ""),
        Cell(row["message"] or ""),
    ]
