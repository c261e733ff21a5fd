"""The table `quantiles`: values of units or events at the ranks of a quantile and of its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pyspark.sql import DataFrame

from abspark.pipeline.quantiles import (
    GROUP,
    Group,
    cluster_moments,
    event_counts,
    event_values,
    of_events,
    of_units,
    unit_values,
)
from abspark.pipeline.ranks import values_at
from abspark.pipeline.station import Analysis
from abspark.pipeline.tables import group_names
from abspark.stats.moments import Moments
from abspark.stats.quantiles import Ranks, cluster_inflation, clustered_ranks, quantile_ranks

Counts = Mapping[Group, tuple[int, int]]
"""Per group n and n_clusters."""
_INTERVAL: Final = (1, 2)
"""Where the ends of a quantile's interval are among the ranks of `_by_group`."""


def quantile_rows(analysis: Analysis, summary: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `quantiles` (all columns but run_id), from the rows of `summary` and the unit metrics that were held."""
    study = analysis.study
    rows: list[dict[str, Any]] = []
    if of_units(study):
        rows += _of_units(analysis, summary)
    if of_events(study):
        rows += _of_events(analysis)
    return rows


def _of_units(analysis: Analysis, summary: Sequence[Any]) -> list[dict[str, Any]]:
    study = analysis.study
    counts: dict[Group, tuple[int, int]] = {}
    zeros: dict[Group, int] = {}
    for row in summary:
        if row["m"] not in of_units(study) or row["p"] < -1:
            continue
        group = _group(row)
        strict = study.complete_only(study.experiments[row["x"]], row["m"])
        units = (row["n_complete"] if strict else row["n_all"]) or 0
        seen = row["n1"] or 0
        n = seen if study.plans[row["m"]].present_only else units
        counts[group], zeros[group] = (n, n), n - seen
    if not counts:
        return []
    q, alpha = _levels(analysis, counts)
    ranks = quantile_ranks([n for n, _ in counts.values()], q, alpha=alpha)
    values = unit_values(analysis.bounded_metrics, study, analysis.segments, zeros)
    return _rows(analysis, counts, ranks, _values_at(values, counts, _by_group(counts, ranks)))


def _of_events(analysis: Analysis) -> list[dict[str, Any]]:
    given = (analysis.bounded_metrics, analysis.study, analysis.segments)
    counts: dict[Group, tuple[int, int]] = {
        _group(row): (row["n"], row["n_clusters"]) for row in event_counts(*given).collect()
    }
    if not counts:
        return []
    n = [count for count, _ in counts.values()]
    q, alpha = _levels(analysis, counts)
    values = event_values(*given)
    middle = quantile_ranks(n, q, alpha=alpha)
    wanted = {group: (int(rank),) for group, rank in zip(counts, middle.rank, strict=True)}
    quantiles = {_group(row): row["at0"] for row in _values_at(values, counts, wanted, None)}
    inflation = _inflation(cluster_moments(*given, quantiles).collect(), counts)
    ranks = clustered_ranks(n, q, inflation=inflation, alpha=alpha)
    return _rows(analysis, counts, ranks, _values_at(values, counts, _by_group(counts, ranks)))


def _values_at(
    values: DataFrame,
    counts: Counts,
    ranks: Mapping[Group, Sequence[int]],
    interval: tuple[int, int] | None = _INTERVAL,
) -> Sequence[Any]:
    largest = max(n for n, _ in counts.values())
    return values_at(values, GROUP, ranks, largest=largest, interval=interval).collect()


def _inflation(rows: Sequence[Any], counts: Counts) -> Any:
    """By how much clusters widen the spread, in the order of `counts`; 1 where a single unit can't tell."""
    found = {_group(row): row for row in rows}
    ordered = [found[group] for group in counts]
    mean = np.zeros((len(ordered), 4))
    cov = np.zeros((len(ordered), 4, 4))
    for i, row in enumerate(ordered):
        mean[i, :2] = row["mean_num"], row["mean_den"]
        spread = [np.nan if row[name] is None else row[name] for name in ("var_num", "cov", "var_den")]
        cov[i, :2, :2] = [[spread[0], spread[1]], [spread[1], spread[2]]]
    moments = Moments(np.array([row["n"] for row in ordered], dtype=np.float64), mean, cov)
    factor = cluster_inflation(moments)
    return np.where(np.isfinite(factor), factor, 1.0)


def _levels(analysis: Analysis, counts: Counts) -> tuple[list[float], list[float]]:
    """The quantile and the level of each group."""
    study = analysis.study
    q = [study.metrics[m].quantile or 0.5 for *_, m in counts]
    return q, [study.experiments[x].analysis.alpha for x, *_ in counts]


def _by_group(counts: Counts, ranks: Ranks) -> dict[Group, tuple[int, int, int]]:
    each = zip(counts, ranks.rank, ranks.low, ranks.high, strict=True)
    return {group: (int(rank), int(low), int(high)) for group, rank, low, high in each}


def _rows(analysis: Analysis, counts: Counts, ranks: Ranks, found: Sequence[Any]) -> list[dict[str, Any]]:
    at = {_group(row): row for row in found}
    rows = []
    for group, (rank, low, high) in _by_group(counts, ranks).items():
        n, clusters = counts[group]
        row = at.get(group)
        values = {
            name: None if row is None else row[given]
            for name, given in (
                ("value", "at0"),
                ("value_low", "at1"),
                ("value_high", "at2"),
                ("ties", "ties"),
            )
        }
        places = {"rank": rank, "rank_low": low, "rank_high": high, "n": n, "n_clusters": clusters}
        q = analysis.study.metrics[group[-1]].quantile
        rows.append(group_names(analysis, group) | {"q": q} | values | places)
    return rows


def _group(row: Any) -> Group:
    x, v, p, code, m = (row[name] for name in GROUP)
    return x, v, p, code, m
