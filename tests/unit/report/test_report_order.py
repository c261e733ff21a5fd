"""The order in which rows are read, and which of them are of the last day."""

from __future__ import annotations

from datetime import date

from report_rows import result

from abspark.report.order import in_order, on_last_days


def test_results_are_read_by_role_before_the_metrics_name() -> None:
    roles = {"d": "primary", "b": "primary", "c": "secondary", "a": "guardrail"}
    rows = [result(name, role=role) for name, role in roles.items()]
    assert [row["metric"] for row in in_order("results", rows)] == ["b", "d", "c", "a"]


def test_the_last_day_is_each_experiments_own_in_whatever_order_rows_come() -> None:
    days = {"e": (2, 3, 1), "f": (2, 1)}
    rows = [result(day=date(2026, 3, day), experiment_id=name) for name, each in days.items() for day in each]
    found = [(row["experiment_id"], row["day"]) for row in on_last_days(rows)]
    assert found == [("e", date(2026, 3, 3)), ("f", date(2026, 3, 2))]
