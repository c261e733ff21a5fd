"""Estimates of one variant, and what its error is taken for where its units are all alike."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from abspark.stats.moments import Floats

ROUNDING: Final = 1e-9
"""Two errors that differ by less of themselves are the same: of arms of one size rounding alone would say which."""


class Arm(NamedTuple):
    """Estimates of one variant, all of shape (r,), in the metric's unit (variances: squared).

    `mean` is the raw mean (the ratio of means for a ratio, the quantile for a quantile); `adjusted` the
    mean after covariate adjustment, equal to `mean` without one. Variances are those of the estimates, so
    already divided by n: `variance` of `adjusted`, `mean_variance` of `mean`, `covariance` of the two.
    `dof` belongs to `variance`: n - 1, or infinite where the reference is normal.
    """

    n: Floats
    mean: Floats
    adjusted: Floats
    variance: Floats
    mean_variance: Floats
    covariance: Floats
    dof: Floats


def beside_no_variance(control: Arm, treatment: Arm) -> tuple[Arm, Arm]:
    """Both arms with Student's (1908) pooled variance where one has none of its own and that makes more.

    Units that are all alike tell nothing of their variance: nobody of 50 who paid beside 5,000 of whom one in twenty
    did would be many standard errors away, though one time in thirteen that is chance. Arms of one size are left as
    they are, and so is a small one beside a large one in which nobody can have the metric.
    """
    alike = [arm.mean_variance == 0 for arm in (control, treatment)]
    degrees = [arm.n - 1 for arm in (control, treatment)]
    total = np.where(degrees[0] + degrees[1] > 0, degrees[0] + degrees[1], np.nan)

    def pooled(name: str) -> Floats:
        """Per unit, weighted by degrees of freedom."""
        own, other = (getattr(arm, name) * arm.n for arm in (control, treatment))
        return np.asarray((degrees[0] * own + degrees[1] * other) / total)

    common = {name: pooled(name) for name in ("variance", "mean_variance", "covariance")}
    student = common["variance"] / control.n + common["variance"] / treatment.n
    larger = (alike[0] != alike[1]) & (student > (control.variance + treatment.variance) * (1 + ROUNDING))

    def settled(arm: Arm) -> Arm:
        return arm._replace(
            **{name: np.where(larger, each / arm.n, getattr(arm, name)) for name, each in common.items()}
        )

    return settled(control), settled(treatment)
