"""The test that effects differ between segment values, made of rows of results.

A row has the standard error of its effect but not always degrees of freedom, as a normal reference needs none. Over
many small segment values it matters that standard errors are estimates too, so the missing ones come from the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from abspark.config import Metric
from abspark.stats.heterogeneity import HeterogeneityResult, heterogeneity
from abspark.stats.moments import Bools, Floats
from abspark.stats.tails import welch_dof

Row = Mapping[str, Any]

LEAST_DOF: Final = 4
"""An effect must have more degrees of freedom to be compared: with up to 4 its weight, one over an estimated variance,
has itself no finite variance, and Welch's (1951) correction is a series in what then does not exist."""


def segment_heterogeneity(
    rows: Sequence[Row], metrics: Mapping[str, Metric], *, group: ArrayLike
) -> HeterogeneityResult:
    """The test of equal effects within each group of rows; those without an error or of too few units are left out.

    A proportion has the variance p (1 - p) / (n - 1), whose expectation is right at any n, and n - 1 degrees of
    freedom in each arm. Means and ratios whose rows state none (sequential methods) have those of arms that spread
    alike. Quantiles keep a normal reference.
    """
    forms = np.array(
        [metrics[row["metric"]].form if row["metric"] in metrics else "" for row in rows], dtype=np.str_
    )
    plain = np.array([row["estimator"] == "unadjusted" for row in rows], dtype=np.bool_)
    binary, by_units = (forms == "proportion") & plain, np.isin(forms, ("proportion", "mean", "ratio"))
    control, treatment = (_spread(rows, arm, binary) for arm in ("control", "treatment"))
    stated, std_error = _column(rows, "dof"), _column(rows, "std_error")
    dof = np.where(np.isnan(stated), np.where(by_units, welch_dof(control, treatment), np.inf), stated)
    variance = np.where(binary & ~np.isnan(std_error), control[0] + treatment[0], std_error**2)
    return heterogeneity(
        _column(rows, "effect"), np.where(dof > LEAST_DOF, variance, np.nan), group=group, dof=dof
    )


def _spread(rows: Sequence[Row], arm: str, binary: Bools) -> tuple[Floats, Floats]:
    """Variance of the arm's estimate, of other metrics than proportions in units of that of a unit; and its dof."""
    n, mean = _column(rows, f"n_{arm}"), _column(rows, f"mean_{arm}")
    known = np.where(n > 1, n, np.nan)
    return np.where(binary, mean * (1 - mean) / (known - 1), 1 / known), known - 1


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)
