"""Results by the fixed-horizon tests: Welch's t, for proportions the pooled z."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.analysis.comparisons import Batch, Comparison
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
    settings = {
        setting: np.array([_setting(pair) == setting for pair in batch.pairs])
        for setting in dict.fromkeys(map(_setting, batch.pairs))
    }
    for kind in (batch.binary, ~batch.binary):
        for alike in settings.values():
            mask: Bools = kind & alike
            if mask.any():
                tested = _tested(batch.take(mask))
                for name, field in _COLUMNS.items():
                    columns[name][mask] = getattr(tested, field)
    return columns


def _setting(pair: Comparison) -> tuple[str, str]:
    return pair.experiment.analysis.interval, pair.experiment.analysis.relative_interval


def _tested(batch: Batch) -> FixedResult:
    """Comparisons of one kind of metric that want the same intervals; guardrails are looked at from both sides."""
    settings = batch.pairs[0].experiment.analysis
    sides = batch.each(lambda pair: pair.experiment.analysis.sides_of(pair.role))
    common: dict[str, Any] = {
        "alpha": batch.alpha,
        "sides": sides,
        "direction": batch.direction,
        "relative_interval": settings.relative_interval,
    }
    if batch.binary[0]:
        return proportion_z(batch.effect, interval=settings.interval, **common)
    return welch(batch.effect, **common)
