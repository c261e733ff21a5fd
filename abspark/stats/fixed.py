"""Fixed-horizon tests: Welch's t, and z for proportions, with intervals of effect and relative effect."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from abspark.stats import reasons
from abspark.stats.arms import Arm
from abspark.stats.effects import Effect
from abspark.stats.moments import Bools, Floats
from abspark.stats.reasons import Reasons
from abspark.stats.tails import Level, critical_value, level, p_value, sided, welch_dof

RelativeInterval = Literal["delta", "fieller"]
ProportionInterval = Literal["wald", "newcombe", "agresti_caffo"]
Bounds = tuple[Floats, Floats]


class FixedResult(NamedTuple):
    """Results of a batch, arrays of shape (r,).

    Attributes:
        statistic: t or z; its sign is that of the effect, also in one-sided tests.
        dof: degrees of freedom; NaN for a normal reference.
        p_value: probability, without an effect, of a statistic as extreme (one-sided: in the metric's
            direction). Never 0:
            what is below the smallest double is given as that.
        effect: treatment - control, in the metric's unit.
        low: lower end of the effect's 1 - alpha interval; -inf (-1 for proportions) in a one-sided test of
            a decrease.
        high: upper end; inf (1 for proportions) in a one-sided test of an increase.
        std_error: standard error of the effect.
        relative: effect / raw control mean (0.01 is one per cent).
        relative_low: lower end of its interval.
        relative_high: upper end.
        reason: why some of these are NaN, a code of `reasons`.
        log_p: natural logarithm of p, exact however small p is.
    """

    statistic: Floats
    dof: Floats
    p_value: Floats
    effect: Floats
    low: Floats
    high: Floats
    std_error: Floats
    relative: Floats
    relative_low: Floats
    relative_high: Floats
    reason: Reasons
    log_p: Floats


def welch(
    effect: Effect,
    *,
    alpha: ArrayLike = 0.05,
    sides: ArrayLike = 2,
    direction: ArrayLike = 1,
    relative_interval: RelativeInterval = "delta",
) -> FixedResult:
    """Welch's t-test with Satterthwaite's degrees of freedom (Welch 1947, Satterthwaite 1946).

    p < alpha exactly where the effect's interval excludes 0. The relative interval has the same degrees of
    freedom; it is centred on the relative effect (`delta`) or is Fieller's.

    Raises:
        ValueError: alpha, sides or direction is out of range.
    """
    test = level(len(effect), alpha=alpha, sides=sides, direction=direction)
    control, treatment = effect.control, effect.treatment
    dof = welch_dof((control.variance, control.dof), (treatment.variance, treatment.dof))
    std_error = np.sqrt(effect.variance)
    statistic = _divide(effect.effect, std_error)
    p, log_p = p_value(statistic, dof, test)
    critical = critical_value(dof, test)
    half = critical * std_error
    low, high = sided((effect.effect - half, effect.effect + half), test, limit=np.inf)
    relative_low, relative_high, reason = _relative(effect, critical, test, method=relative_interval)
    return FixedResult(
        statistic, np.where(np.isinf(dof), np.nan, dof), p, effect.effect, low, high, std_error,
        effect.relative, relative_low, relative_high, reason, log_p,
    )  # fmt: skip


def proportion_z(
    effect: Effect,
    *,
    alpha: ArrayLike = 0.05,
    sides: ArrayLike = 2,
    direction: ArrayLike = 1,
    interval: ProportionInterval = "wald",
    relative_interval: RelativeInterval = "delta",
) -> FixedResult:
    """z-test of two proportions with the pooled variance p (1 - p); takes what `proportion_effect` gives.

    The interval has the effect's own variance (unpooled, but beside an arm of nothing but 0 or 1), so
    near alpha the test and the interval may disagree. Ends are kept within -1 and 1. `newcombe` and
    `agresti_caffo` replace the interval of the effect, for small counts; they stay defined where nothing varies.
    The relative interval has the effect's own variance in each case.

    Raises:
        ValueError: alpha, sides or direction is out of range, or the effect is not one of proportions.
    """
    control, treatment = effect.control, effect.treatment
    if not (np.isinf(control.dof) & np.isinf(treatment.dof)).all():
        raise ValueError("proportion_z takes the effects of proportion_effect")
    test = level(len(effect), alpha=alpha, sides=sides, direction=direction)
    normal = np.full(len(effect), np.inf)
    pooled = _weighted(control, treatment)
    pooled_variance = pooled * (1 - pooled) * (_divide(1.0, control.n) + _divide(1.0, treatment.n))
    statistic = _divide(
        effect.effect, np.sqrt(_positive(np.where(np.isnan(effect.variance), np.nan, pooled_variance)))
    )
    p, log_p = p_value(statistic, normal, test)
    critical = critical_value(normal, test)
    low, high = sided(_INTERVALS[interval](effect, critical), test, limit=1.0)
    relative_low, relative_high, reason = _relative(effect, critical, test, method=relative_interval)
    return FixedResult(
        statistic, np.full(len(effect), np.nan), p, effect.effect, low, high, np.sqrt(effect.variance),
        effect.relative, relative_low, relative_high, reason, log_p,
    )  # fmt: skip


def wilson_interval(p: Floats, n: Floats, critical: Floats) -> Bounds:
    """Wilson's (1927) score interval of one proportion."""
    shrink = 1 + critical**2 / n
    centre = (p + critical**2 / (2 * n)) / shrink
    half = critical * np.sqrt(p * (1 - p) / n + (critical / (2 * n)) ** 2) / shrink
    return np.where(p == 0, 0.0, centre - half), np.where(p == 1, 1.0, centre + half)


def _wald(effect: Effect, critical: Floats) -> Bounds:
    half = critical * np.sqrt(_positive(effect.variance))
    return effect.effect - half, effect.effect + half


def _newcombe(effect: Effect, critical: Floats) -> Bounds:
    """Newcombe (1998), method 10: the arms' Wilson intervals combined."""
    control, treatment = _known(effect, effect.control), _known(effect, effect.treatment)
    control_low, control_high = wilson_interval(*control, critical)
    treatment_low, treatment_high = wilson_interval(*treatment, critical)
    below = np.hypot(treatment[0] - treatment_low, control_high - control[0])
    above = np.hypot(treatment_high - treatment[0], control[0] - control_low)
    return effect.effect - below, effect.effect + above


def _agresti_caffo(effect: Effect, critical: Floats) -> Bounds:
    """Agresti & Caffo (2000): Wald's interval after adding a success and a failure to each arm."""
    (control, control_n), (treatment, treatment_n) = (
        _known(effect, effect.control),
        _known(effect, effect.treatment),
    )
    control = (control * control_n + 1) / (control_n + 2)
    treatment = (treatment * treatment_n + 1) / (treatment_n + 2)
    variance = control * (1 - control) / (control_n + 2) + treatment * (1 - treatment) / (treatment_n + 2)
    half = critical * np.sqrt(variance)
    return treatment - control - half, treatment - control + half


_INTERVALS: Final = {"wald": _wald, "newcombe": _newcombe, "agresti_caffo": _agresti_caffo}


def _relative(
    effect: Effect, critical: Floats, test: Level, *, method: RelativeInterval
) -> tuple[Floats, Floats, Reasons]:
    """Interval of the relative effect, and the reason of the row."""
    if method == "delta":
        half = critical * np.sqrt(_positive(effect.relative_variance))
        bounds = sided((effect.relative - half, effect.relative + half), test, limit=np.inf)
        return *bounds, effect.relative_reason
    bounds, unbounded = fieller(effect, critical)
    too_wide = reasons.first_reason(len(effect), [(unbounded, reasons.FIELLER_UNBOUNDED)])
    return *sided(bounds, test, limit=np.inf), reasons.either(effect.relative_reason, too_wide)


def fieller(effect: Effect, critical: Floats) -> tuple[Bounds, Bools]:
    """Fieller's (1954) interval: the rho with (effect - rho mean)^2 <= critical^2 variance of that; where unbounded."""
    base = np.where(effect.relative_variance > 0, effect.control.mean, np.nan)
    # All of it relative to the mean: in the metric's unit there would be fourth powers of it, beyond doubles for some.
    variance, shared, control = (
        given / base / base
        for given in (_positive(effect.variance), effect.covariance, effect.control.mean_variance)
    )
    square = 1 - critical**2 * control
    linear = effect.relative - critical**2 * shared
    constant = effect.relative**2 - critical**2 * variance
    bounded = np.where(square > 0, square, np.nan)
    root = np.sqrt(np.maximum(linear**2 - bounded * constant, 0.0))
    return ((linear - root) / bounded, (linear + root) / bounded), (square <= 0) & ~np.isnan(constant)


def _weighted(control: Arm, treatment: Arm) -> Floats:
    return _divide(control.n * control.mean + treatment.n * treatment.mean, control.n + treatment.n)


def _known(effect: Effect, arm: Arm) -> Bounds:
    """Proportion and n of an arm, NaN where the comparison has no variance (not where it is zero)."""
    unknown = np.isnan(effect.variance)
    return np.where(unknown, np.nan, arm.mean), np.where(unknown, np.nan, arm.n)


def _positive(variance: Floats) -> Floats:
    return np.where(variance > 0, variance, np.nan)


def _divide(numerator: Floats | float, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(denominator, np.nan), where=denominator > 0)
