"""Results by the fixed-horizon tests: Welch's t, for proportions the pooled z."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, effects_by_kind
from abspark.stats.effects import Effect
from abspark.stats.fixed import FixedResult, proportion_z, welch
from abspark.stats.moments import Bools

_COLUMNS: Final = {
    "statistic": "statistic",
    "dof": "dof",
    "p_value": "p_value",
    "effect": "effect",
    "effect_low": "low",
    "effect_high": "high",
    "std_error": "std_error",
    "relative_effect": "relative",
    "relative_low": "relative_low",
    "relative_high": "relative_high",
    "reason": "reason",
}
"""Column of results -> field of the test's result."""


def fixed_columns(batch: Batch) -> dict[str, NDArray[Any]]:
    """Every comparison by its metric's test; `reason` is "" where nothing is undefined."""
    columns = {name: np.empty(len(batch), dtype=object if name == "reason" else float) for name in _COLUMNS}
    for mask, part, effect in effects_by_kind(batch):
        intervals = part.each(lambda pair: pair.experiment.analysis.interval)
        relative = part.each(lambda pair: pair.experiment.analysis.relative_interval)
        for interval, relative_interval in sorted(set(zip(intervals, relative, strict=True))):
            chosen = (intervals == interval) & (relative == relative_interval)
            tested = _tested(part.take(chosen), effect.take(chosen))
            rows = np.flatnonzero(mask)[chosen]
            for name, field in _COLUMNS.items():
                columns[name][rows] = getattr(tested, field)
    return columns


def _tested(batch: Batch, effect: Effect) -> FixedResult:
    """Comparisons of one kind of metric that want the same intervals."""
    settings = batch.pairs[0].experiment.analysis
    sides = batch.each(lambda pair: pair.experiment.analysis.sides)
    common: dict[str, Any] = {
        "alpha": batch.alpha,
        "sides": sides,
        "direction": batch.direction,
        "relative_interval": settings.relative_interval,
    }
    binary: Bools = batch.binary
    return (
        proportion_z(effect, interval=settings.interval, **common)
        if binary.all()
        else welch(effect, **common)
    )
