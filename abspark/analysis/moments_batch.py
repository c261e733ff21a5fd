"""Rows of the tables moments and quantiles as batches of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abspark.schemas import COVARIANCE_PAIRS, VARIABLES
from abspark.stats.moments import Moments
from abspark.stats.quantiles import QuantileEstimate


def moments_batch(rows: Sequence[Mapping[str, Any]]) -> Moments:
    """One batch row per table row, in the same order; NULL is NaN."""
    n = np.array([row["n"] for row in rows], dtype=np.float64)
    mean = np.array([[_number(row[f"mean_{name}"]) for name in VARIABLES] for row in rows], dtype=np.float64)
    cov = np.full((len(rows), 4, 4), np.nan)
    for i, name in enumerate(VARIABLES):
        cov[:, i, i] = [_number(row[f"var_{name}"]) for row in rows]
    for first, second in COVARIANCE_PAIRS:
        i, j = VARIABLES.index(first), VARIABLES.index(second)
        values = [_number(row[f"cov_{first}_{second}"]) for row in rows]
        cov[:, i, j] = cov[:, j, i] = values
    return Moments(n, mean.reshape(len(rows), 4), cov)


def quantile_batch(rows: Sequence[Mapping[str, Any]]) -> QuantileEstimate:
    """One estimate per row of quantiles, in the same order; NULL is NaN, `n` counts clusters where there are some.

    Rows of versions that did not count ties have none.
    """
    units = [row["n"] if row["n_clusters"] is None else row["n_clusters"] for row in rows]
    columns = [[_number(row[name]) for row in rows] for name in ("value", "value_low", "value_high")]
    tied = [_tied(row) for row in rows]
    return QuantileEstimate(*(np.array(column, dtype=np.float64) for column in (units, *columns, tied)))


def _tied(row: Mapping[str, Any]) -> float:
    ties = row.get("ties")
    return 0.0 if ties is None or ties < 2 else ties / (row["rank_high"] - row["rank_low"] + 1)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
