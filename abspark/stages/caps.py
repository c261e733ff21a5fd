"""Caps that are quantiles: found in the unit metrics before these are capped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.caps import Bounds, Code, cap_values, found_bounds, quantile_caps
from abspark.pipeline.ranks import values_at
from abspark.pipeline.station import Analysis
from abspark.pipeline.study import Study
from abspark.stats.quantiles import interpolated, interpolation_ranks

_KEY = ("x", "m")


def cap_bounds(analysis: Analysis) -> dict[Code, Bounds]:
    """The bounds of all caps, those that are quantiles found in the unit metrics."""
    study = analysis.study
    values = cap_values(analysis.unit_metrics, study, _units(analysis))
    counted = values.groupBy(*_KEY).agg(F.sum("w").alias("n")).collect()
    return found_bounds(_quantiles(values, {(row["x"], row["m"]): row["n"] for row in counted}, study), study)


def _units(analysis: Analysis) -> dict[Code, int]:
    """The units analysed by experiment and metric."""
    study = analysis.study
    units: dict[Code, int] = {}
    for row in analysis.unit_counts.where(F.col("p") == -1).collect():
        code = (row["x"], row["m"])
        strict = study.complete_only(study.experiments[code[0]], code[1])
        if not study.plans[code[1]].present_only:
            units[code] = units.get(code, 0) + row["n_complete" if strict else "n_all"]
    return units


def _quantiles(
    values: DataFrame, counts: Mapping[Code, int], study: Study
) -> dict[Code, tuple[float | None, float | None]]:
    """The lower and the upper quantile of each experiment and metric that has values."""
    if not counts:
        return {}
    caps = quantile_caps(study)
    shares = np.array([(caps[m].lower_quantile, caps[m].quantile) for _, m in counts], dtype=np.float64)
    places = interpolation_ranks(np.array(list(counts.values()))[:, np.newaxis], shares)
    ranks = np.concatenate([places.below, places.above], axis=1)
    wanted = {code: tuple(map(int, row)) for code, row in zip(counts, ranks, strict=True)}
    rows = values_at(values, _KEY, wanted, largest=max(counts.values())).collect()
    at = {(row["x"], row["m"]): [row[f"at{i}"] for i in range(ranks.shape[1])] for row in rows}
    below, above = np.split(np.array([at[code] for code in counts], dtype=np.float64), 2, axis=1)
    found = interpolated(places, below, above)
    pairs = [[None if np.isnan(q) else float(q) for q in pair] for pair in found]
    return {code: (lower, upper) for code, (lower, upper) in zip(counts, pairs, strict=True)}
