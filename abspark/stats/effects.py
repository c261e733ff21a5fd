"""Effects: treatment minus control and treatment / control - 1, by the delta method over joint moments.

Each estimate of an arm is a smooth function f of the arm's means, linear near them, so its variance is
grad' cov grad / n (Deng, Knoblich & Lu 2018, arXiv:1803.06336, sec. 2.1 and 3.1). A linear form is a tuple
of (variable, coefficient) pairs; all estimators differ only in theirs. Adjustment by a covariate is CUPED
(Deng, Xu, Kohavi & Walker 2013, eq. 3 to 5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abspark.stats import reasons
from abspark.stats.arms import Arm, beside_no_variance
from abspark.stats.moments import DEN, NUM, PRE_DEN, PRE_NUM, Bools, Floats, Moments, merge
from abspark.stats.reasons import Reasons

Linear = tuple[tuple[int, Floats], ...]
Function = Callable[[Moments], tuple[Floats, Linear]]

ROUNDING: Final = 1e-14
"""A sum of products this much smaller than its terms is rounding, and counts as zero."""
CONSTANT: Final = 1e-13
"""A standard deviation this much smaller than the mean is rounding, and counts as zero."""


@dataclass(frozen=True, eq=False)
class Effect:
    """A batch of comparisons, one row each; arrays of shape (r,).

    Attributes:
        control: estimates of the control.
        treatment: estimates of the treatment.
        effect: treatment - control of the adjusted means.
        variance: variance of `effect`.
        relative: effect / raw control mean; NaN where that mean is not positive.
        relative_variance: its variance by the delta method, with the covariance of effect and control mean.
        covariance: covariance of `effect` and the raw control mean.
        theta: coefficient of the covariate; NaN without adjustment.
        variance_reduction: 1 - variance / variance without adjustment; NaN without adjustment.
        reason: why `variance` is NaN or zero.
        relative_reason: why `relative` or its variance is NaN or zero; `reason` where that says it.
    """

    control: Arm
    treatment: Arm
    effect: Floats
    variance: Floats
    relative: Floats
    relative_variance: Floats
    covariance: Floats
    theta: Floats
    variance_reduction: Floats
    reason: Reasons
    relative_reason: Reasons

    def __len__(self) -> int:
        """Comparisons in the batch."""
        return len(self.effect)

    def take(self, index: NDArray[Any] | slice) -> Effect:
        """The comparisons that an index array, boolean mask or slice picks."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        picked: dict[str, Any] = {
            name: Arm(*(column[index] for column in value)) if isinstance(value, Arm) else value[index]
            for name, value in values.items()
        }
        return Effect(**picked)


def joined(parts: Sequence[Effect]) -> Effect:
    """All comparisons of all parts, in order."""

    def column(values: Sequence[Any]) -> Any:
        if isinstance(values[0], Arm):
            return Arm(*map(np.concatenate, zip(*values, strict=True)))
        return np.concatenate(values)

    return Effect(
        **{field.name: column([getattr(part, field.name) for part in parts]) for field in fields(Effect)}
    )


def mean_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of the numerators' means."""
    return _unadjusted(control, treatment, _mean_of(NUM))


def ratio_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of ratios of means, numerator over denominator (arXiv:1803.06336, sec. 3.1)."""
    return _unadjusted(control, treatment, _ratio_of(NUM, DEN))


def cuped_mean_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of means after taking off theta times the covariate.

    theta = covariance / variance of all units of both arms together; 0 where the covariate does not vary
    within the arms, which leaves the unadjusted effect.
    """
    return _cuped(control, treatment, _mean_of(NUM), _mean_of(PRE_NUM))


def cuped_ratio_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of ratios adjusted by the same ratio before exposure.

    Both ratios are linearised, theta at the means of both arms together, variances at each arm's own means
    (Deng et al. 2013, appendix B).
    """
    return _cuped(control, treatment, _ratio_of(NUM, DEN), _ratio_of(PRE_NUM, PRE_DEN))


def cuped_ratio_by_mean_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of ratios adjusted by a mean before exposure, such as an attribute; otherwise the same."""
    return _cuped(control, treatment, _ratio_of(NUM, DEN), _mean_of(PRE_NUM))


def proportion_effect(control: Moments, treatment: Moments) -> Effect:
    """Difference of proportions, with variance p (1 - p) / n and a normal reference.

    Where an arm has nothing but 0, or nothing but 1, its variance would be 0: none of 100 units beside 1 % of very
    many would be many standard errors away, though one time in three that is chance. Where the pooled variance of the
    test is larger then, both arms have that: interval and test agree. It says nothing of -100 %, which keeps no error.
    """
    p = [moments.mean[:, NUM] for moments in (control, treatment)]
    n = [np.where(moments.n > 1, moments.n, np.nan) for moments in (control, treatment)]
    spread = [np.where(_is_proportion(share), share * (1 - share), np.nan) for share in p]
    together = (n[0] * p[0] + n[1] * p[1]) / (n[0] + n[1])
    pooled = together * (1 - together)
    alike = [(values == 0) & (p[0] != p[1]) for values in spread]
    larger = pooled * (1 / n[0] + 1 / n[1]) > spread[0] / n[0] + spread[1] / n[1]
    is_pooled = (alike[0] | alike[1]) & larger

    def arm(side: int) -> Arm:
        variance = np.where(is_pooled, pooled, spread[side]) / n[side]
        units = (control, treatment)[side].n
        return Arm(units, p[side], p[side], variance, variance, variance, np.full(len(units), np.inf))

    bad = ~(_is_proportion(p[0]) & _is_proportion(p[1]))
    effect = compare(arm(0), arm(1), masks=[(bad, reasons.NOT_A_PROPORTION)])
    return _without_relative_error(effect, alike[1] & (p[1] == 0))


def compare(
    control: Arm,
    treatment: Arm,
    *,
    masks: list[tuple[Bools, str]] | None = None,
    theta: Floats | None = None,
) -> Effect:
    """The comparison of two arms' estimates; `masks` are faults that these numbers do not show themselves."""
    base = control.mean
    positive = base > 0
    divisor = np.where(positive, base, np.nan)
    effect = treatment.adjusted - control.adjusted
    variance = control.variance + treatment.variance
    relative = effect / divisor
    spread = variance + 2 * relative * control.covariance + relative**2 * control.mean_variance
    faults = [
        ((control.n < 2) | (treatment.n < 2), reasons.N_BELOW_2),
        *(masks or []),
        (np.isnan(variance), reasons.MISSING_MOMENTS),
        (variance == 0, reasons.ZERO_VARIANCE),
    ]
    reason = reasons.first_reason(len(effect), faults)
    exact = spread <= ROUNDING * (variance + relative**2 * control.mean_variance)
    relative_faults = [
        (~positive, reasons.CONTROL_MEAN_NOT_POSITIVE),
        (exact, reasons.NO_RELATIVE_ERROR),
    ]
    no_base = reasons.first_reason(len(effect), relative_faults)
    unadjusted = control.mean_variance + treatment.mean_variance
    ratio = np.divide(variance, unadjusted, out=np.full_like(variance, np.nan), where=unadjusted > 0)
    undefined = np.full_like(effect, np.nan)
    return Effect(
        control,
        treatment,
        effect=effect,
        variance=variance,
        relative=relative,
        relative_variance=np.where(exact, 0.0, np.maximum(spread, 0.0)) / divisor**2,
        covariance=-control.covariance,
        theta=undefined if theta is None else theta,
        variance_reduction=undefined if theta is None else 1 - ratio,
        reason=reason,
        relative_reason=reasons.either(reason, no_base),
    )


def linearised_variance(moments: Moments, kind: str) -> tuple[Floats, Floats]:
    """Mean and variance per unit (not divided by n) of a `mean` or a `ratio`: the baseline for planning."""
    value, form = {"mean": _mean_of(NUM), "ratio": _ratio_of(NUM, DEN)}[kind](moments)
    return value, _variance(moments, form)


def _mean_of(variable: int) -> Function:
    def mean(moments: Moments) -> tuple[Floats, Linear]:
        return moments.mean[:, variable], ((variable, np.ones(len(moments))),)

    return mean


def _ratio_of(num: int, den: int) -> Function:
    def ratio(moments: Moments) -> tuple[Floats, Linear]:
        divisor = np.where(moments.mean[:, den] == 0, np.nan, moments.mean[:, den])
        value = moments.mean[:, num] / divisor
        return value, ((num, 1 / divisor), (den, -value / divisor))

    return ratio


def _unadjusted(control: Moments, treatment: Moments, outcome: Function) -> Effect:
    def arm(moments: Moments) -> Arm:
        value, form = outcome(moments)
        variance = _variance(moments, form) / moments.n
        return Arm(moments.n, value, value, variance, variance, variance, moments.n - 1)

    masks = [(_zero_mean(control, treatment, outcome, DEN), reasons.ZERO_DENOMINATOR)]
    arms = arm(control), arm(treatment)
    effect = compare(*beside_no_variance(*arms), masks=masks)
    return _without_relative_error(effect, (arms[1].variance == 0) & (arms[1].mean == 0))


def _without_relative_error(effect: Effect, lost: Bools) -> Effect:
    """The effect without an interval of the relative effect where a treatment lost all: r is -1 whatever control is."""
    defined = lost & (effect.reason == reasons.NONE) & (effect.relative_reason == reasons.NONE)
    return replace(
        effect,
        relative_variance=np.where(defined, 0.0, effect.relative_variance),
        relative_reason=np.where(defined, reasons.NO_RELATIVE_ERROR, effect.relative_reason),
    )


def _cuped(control: Moments, treatment: Moments, outcome: Function, covariate: Function) -> Effect:
    total = merge(control, treatment)
    centre, covariate_form = covariate(total)
    theta = _theta(total, outcome(total)[1], covariate_form)
    within = _variance(control, covariate(control)[1]) + _variance(treatment, covariate(treatment)[1])
    theta = np.where(within == 0, 0.0, theta)

    def arm(moments: Moments) -> Arm:
        value, form = outcome(moments)
        before, before_form = covariate(moments)
        adjusted_form = (*form, *((variable, -theta * coefficient) for variable, coefficient in before_form))
        return Arm(
            moments.n,
            value,
            value - theta * (before - centre),
            _variance(moments, adjusted_form) / moments.n,
            _variance(moments, form) / moments.n,
            _bilinear(moments.cov, adjusted_form, form)[0] / moments.n,
            moments.n - 1,
        )

    masks = [
        (_zero_mean(control, treatment, outcome, DEN), reasons.ZERO_DENOMINATOR),
        (_zero_mean(control, treatment, covariate, PRE_DEN), reasons.COVARIATE_ZERO_DENOMINATOR),
        (np.isnan(within), reasons.COVARIATE_MISSING),
    ]
    arms = beside_no_variance(arm(control), arm(treatment))
    return compare(*arms, masks=masks, theta=theta)


def _theta(total: Moments, outcome_form: Linear, covariate_form: Linear) -> Floats:
    spread = _variance(total, covariate_form)
    shared, _ = _bilinear(total.cov, outcome_form, covariate_form)
    out = np.where(spread == 0, 0.0, np.nan)
    return np.divide(shared, spread, out=out, where=spread > 0)


def _zero_mean(control: Moments, treatment: Moments, function: Function, variable: int) -> Bools:
    """Where a ratio's denominator is zero on average; nowhere for a function without one."""
    used = any(index == variable for index, _ in function(control)[1])
    zero = (control.mean[:, variable] == 0) | (treatment.mean[:, variable] == 0)
    return zero if used else np.zeros(len(control), dtype=np.bool_)


def _variance(moments: Moments, form: Linear) -> Floats:
    """Variance per unit of a linear form; exactly 0 where nothing but rounding is left, NaN where n < 2."""
    total, terms = _bilinear(moments.cov, form, form)
    size = sum(
        (np.abs(coefficient * moments.mean[:, i]) for i, coefficient in form), start=np.zeros(len(moments))
    )
    return np.where(
        (total <= ROUNDING * terms) & (len(form) > 1) | (total <= (CONSTANT * size) ** 2), 0.0, total
    )


def _bilinear(cov: Floats, first: Linear, second: Linear) -> tuple[Floats, Floats]:
    """Covariance per unit of two linear forms, and the sum of the absolute terms it is made of."""
    total = np.zeros(len(cov))
    terms = np.zeros(len(cov))
    for i, a in first:
        for j, b in second:
            term = a * b * cov[:, i, j]
            total += term
            terms += np.abs(term)
    return total, terms


def _is_proportion(p: Floats) -> Bools:
    return (p >= 0) & (p <= 1)
