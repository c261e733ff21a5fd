"""Guardrails: is a worsening by the margin ruled out (non-inferiority), or exceeded (harm)?

The margin is the tolerated worsening in the metric's direction, above 0: `relative` as a share of the
control mean, `absolute` in the metric's unit. Both tests are one-sided at alpha / 2, so together they have
the level of the two-sided interval.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from abspark.stats.effects import Effect
from abspark.stats.moments import Bools, Floats
from abspark.stats.reasons import Reasons
from abspark.stats.tails import Level, level, p_value, welch_dof

MarginKind = Literal["relative", "absolute"]


class GuardrailResult(NamedTuple):
    """Results of a batch, arrays of shape (r,).

    Attributes:
        distance: how far the effect is on the good side of the margin, in the metric's unit: in the
            metric's direction
            treatment - (1 - margin) control, or effect + margin; for a metric where less is better
            (1 + margin) control - treatment, or margin - effect. Positive = better than the margin.
        std_error: standard error of `distance`.
        statistic: distance / std_error.
        dof: Satterthwaite's degrees of freedom; NaN for a normal reference.
        p_non_inferior: p of "as bad as the margin or worse"; small means that this is ruled out.
        p_harm: p of "as good as the margin or better"; small means harm.
        non_inferior: p_non_inferior < alpha / 2; False where undefined.
        harmed: p_harm < alpha / 2; False where undefined.
        reason: why numbers are NaN.
    """

    distance: Floats
    std_error: Floats
    statistic: Floats
    dof: Floats
    p_non_inferior: Floats
    p_harm: Floats
    non_inferior: Bools
    harmed: Bools
    reason: Reasons


def guardrail(
    effect: Effect,
    *,
    margin: ArrayLike,
    direction: ArrayLike,
    kind: MarginKind = "relative",
    alpha: ArrayLike = 0.05,
) -> GuardrailResult:
    """Both tests of a batch; `direction` is +1 where more is better, -1 where less is.

    A relative margin tests treatment - (1 -/+ margin) control as one linear combination, so the error of
    the control mean counts (Laster & Johnson 2003, Statistics in Medicine 22, 187-200; of
    proportions with Kotler 2006, 25, 1115-1130); with adjustment the effect is the
    adjusted one and the margin is taken of the raw control mean.

    Raises:
        ValueError: a margin is not above 0, or alpha or direction is out of range.
    """
    rows = len(effect)
    test = level(rows, alpha=np.asarray(alpha) / 2, sides=1, direction=direction)
    tolerated = np.broadcast_to(np.asarray(margin, dtype=np.float64), (rows,))
    if not (tolerated > 0).all():
        raise ValueError("margins must be above 0")
    shift, variance, reason = _MARGINS[kind](effect, tolerated, test)
    control_variance = np.maximum(variance - effect.treatment.variance, 0.0)
    dof = welch_dof((control_variance, effect.control.dof), (effect.treatment.variance, effect.treatment.dof))
    std_error = np.sqrt(variance)
    distance = test.direction * effect.effect + shift
    statistic = np.divide(distance, std_error, out=np.full(rows, np.nan), where=std_error > 0)
    upward = test._replace(direction=np.ones(rows, dtype=np.int64))
    p_non_inferior, _ = p_value(statistic, dof, upward)
    p_harm, _ = p_value(-statistic, dof, upward)
    return GuardrailResult(
        distance, std_error, statistic, np.where(np.isinf(dof), np.nan, dof), p_non_inferior, p_harm,
        p_non_inferior < test.alpha, p_harm < test.alpha, reason,
    )  # fmt: skip


def _relative_margin(effect: Effect, margin: Floats, test: Level) -> tuple[Floats, Floats, Reasons]:
    base = effect.control
    mean = np.where(np.isnan(effect.relative), np.nan, base.mean)
    variance = (
        effect.variance + 2 * test.direction * margin * effect.covariance + margin**2 * base.mean_variance
    )
    return margin * mean, np.where(np.isnan(mean), np.nan, np.maximum(variance, 0.0)), effect.relative_reason


def _absolute_margin(effect: Effect, margin: Floats, _test: Level) -> tuple[Floats, Floats, Reasons]:
    return margin, effect.variance, effect.reason


_MARGINS: Final = {"relative": _relative_margin, "absolute": _absolute_margin}
