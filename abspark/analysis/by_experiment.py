"""Rows of a run's tables by the experiment that they are of."""

from __future__ import annotations

from collections.abc import Iterable

from abspark.analysis.comparisons import Row


def rows_by_experiment(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each experiment that has any, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["experiment_id"], []).append(row)
    return found
