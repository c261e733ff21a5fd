"""Power, sample size, detectable effect and duration of a planned comparison.

Power is the probability of a significant result in the direction of the assumed effect; significance the
other way is not counted. Units are those of all variants together. Everything broadcasts; answers that don't
exist are NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from abspark.stats.moments import Floats
from abspark.stats.tails import welch_dof

MOST_UNITS: Final = 1e15
_HALVINGS: Final = 200
_FAR: Final = 1e4
"""In standard errors: the noncentral t loses digits from here on, and gives NaN from 1e5 at the earliest."""
_FARTHEST: Final = 1e100
"""Its square is a double; power is 1 well before."""


@dataclass(frozen=True)
class Design:
    """How a comparison of one treatment with the control is made.

    Attributes:
        alpha: level of the experiment, below 0.5.
        sides: 2, or 1 in the metric's direction.
        share_control: share of all units that get the control.
        share_treatment: share of all units that get the treatment; with several treatments the two sum to
            less than 1.
        comparisons: alpha is split evenly over this many (Bonferroni).
        variance_reduction: share of the variance that a covariate removes.
        inflation: units needed with the sequential method over units needed at a fixed horizon, at least 1.
        share_with_value: share of all units that the metric has a value of, such as those that triggered.

    Raises:
        ValueError: a value is out of range.
    """

    alpha: float = 0.05
    sides: int = 2
    share_control: float = 0.5
    share_treatment: float = 0.5
    comparisons: int = 1
    variance_reduction: float = 0.0
    inflation: float = 1.0
    share_with_value: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no experiment can have."""
        ranges = {
            "alpha must be above 0 and below 0.5": 0 < self.alpha < 0.5,
            "sides must be 1 or 2": self.sides in (1, 2),
            "shares must be above 0 and sum to at most 1": min(self.share_control, self.share_treatment) > 0
            and self.share_control + self.share_treatment <= 1 + 1e-9,
            "comparisons must be at least 1": self.comparisons >= 1,
            "variance_reduction must be at least 0 and below 1": 0 <= self.variance_reduction < 1,
            "inflation must be at least 1": self.inflation >= 1,
            "share_with_value must be above 0 and at most 1": 0 < self.share_with_value <= 1,
        }
        for message, holds in ranges.items():
            if not holds:
                raise ValueError(message)

    @property
    def tail(self) -> float:
        """Level of one side of one comparison."""
        return self.alpha / self.sides / self.comparisons

    @property
    def units_per_counted(self) -> float:
        """Units that have to enter for one that counts as at a fixed horizon."""
        return self.inflation / self.share_with_value

    def arms(self, units: Floats) -> tuple[Floats, Floats]:
        """Units in control and treatment that count as at a fixed horizon."""
        effective = units / self.units_per_counted
        return effective * self.share_control, effective * self.share_treatment


@dataclass(frozen=True, eq=False)
class MeanQuestion:
    """Means, ratios (with linearised standard deviations) and non-inferiority, tested by Welch's t.

    `distance` is how far the assumed truth lies from the null hypothesis, above 0, in the metric's unit:
    |effect| for a difference, and for non-inferiority the margin plus the assumed effect in the metric's
    direction. The standard deviations are per unit, before any variance reduction. `normal` makes the
    reference normal, as for proportions.
    """

    distance: ArrayLike
    sd_control: ArrayLike
    sd_treatment: ArrayLike
    normal: bool = False

    def power(self, units: Floats, design: Design) -> Floats:
        """Power of the t-test: noncentral t at distance / standard error."""
        n_control, n_treatment = design.arms(units)
        kept = 1 - design.variance_reduction
        control = np.asarray(self.sd_control, dtype=np.float64) ** 2 * kept / n_control
        treatment = np.asarray(self.sd_treatment, dtype=np.float64) ** 2 * kept / n_treatment
        shift = np.asarray(self.distance) / np.sqrt(control + treatment)
        if self.normal:
            return np.asarray(special.ndtr(shift + special.ndtri(design.tail)), dtype=np.float64)
        dof = welch_dof((control, n_control - 1), (treatment, n_treatment - 1))
        critical = special.stdtrit(dof, design.tail)
        # The noncentral t of -T at -shift: its upper tail is small, so nothing cancels.
        near = special.nctdtr(dof, -np.minimum(shift, _FAR), critical)
        return np.where(shift > _FAR, _power_from_afar(shift, dof, -critical), near)


@dataclass(frozen=True, eq=False)
class ProportionQuestion:
    """Two proportions, tested by the pooled z (Fleiss, Levin & Paik 2003, eq. 4.14)."""

    control: ArrayLike
    treatment: ArrayLike

    def power(self, units: Floats, design: Design) -> Floats:
        """Power of the z-test: error pooled under the null hypothesis, unpooled under the assumption."""
        n_control, n_treatment = design.arms(units)
        p, q = np.asarray(self.control, dtype=np.float64), np.asarray(self.treatment, dtype=np.float64)
        kept = np.sqrt(1 - design.variance_reduction)
        pooled = (n_control * p + n_treatment * q) / (n_control + n_treatment)
        null_error = np.sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment)) * kept
        error = np.sqrt(p * (1 - p) / n_control + q * (1 - q) / n_treatment) * kept
        excess = np.abs(q - p) + special.ndtri(design.tail) * null_error
        return np.asarray(special.ndtr(excess / error), dtype=np.float64)


Question = MeanQuestion | ProportionQuestion


def non_inferior_mean(
    margin: ArrayLike, *, sd_control: ArrayLike, sd_treatment: ArrayLike, effect: ArrayLike = 0.0
) -> MeanQuestion:
    """Non-inferiority within an absolute margin; `effect` is the assumed one, positive = better."""
    return MeanQuestion(np.asarray(margin) + np.asarray(effect), sd_control, sd_treatment)


def non_inferior_relative(
    margin: ArrayLike, *, mean: ArrayLike, sd_control: ArrayLike, sd_treatment: ArrayLike, direction: int = 1
) -> MeanQuestion:
    """Non-inferiority within a margin relative to the control mean, where there is no effect.

    The test weighs the control by 1 - margin (by 1 + margin where less is better, direction -1), and so does
    its error.
    """
    weight = 1 - direction * np.asarray(margin)
    return MeanQuestion(np.asarray(margin) * np.asarray(mean), weight * np.asarray(sd_control), sd_treatment)


def non_inferior_proportion(margin: ArrayLike, *, control: ArrayLike, treatment: ArrayLike) -> MeanQuestion:
    """Non-inferiority of a proportion (more is better) within an absolute margin, by the unpooled z."""
    p, q = np.asarray(control, dtype=np.float64), np.asarray(treatment, dtype=np.float64)
    return MeanQuestion(np.asarray(margin) + q - p, np.sqrt(p * (1 - p)), np.sqrt(q * (1 - q)), normal=True)


def power(question: Question, units: ArrayLike, *, design: Design) -> Floats:
    """Power with this many units in all."""
    return question.power(np.asarray(units, dtype=np.float64), design)


def units_needed(question: Question, target: ArrayLike, *, design: Design) -> Floats:
    """Units in all for a power of `target`, not rounded; NaN where 1e15 are too few, as for no effect."""
    shape = np.broadcast(power(question, 1e6, design=design), np.asarray(target)).shape
    fewest = 2.0001 * design.units_per_counted / min(design.share_control, design.share_treatment)
    low, high = (np.full(shape, np.log(edge)) for edge in (fewest, MOST_UNITS))
    goal = np.asarray(target, dtype=np.float64)
    return np.exp(_solve(lambda log: power(question, np.exp(log), design=design), goal, bounds=(low, high)))


def detectable_mean(
    units: ArrayLike, target: ArrayLike, *, sd_control: ArrayLike, sd_treatment: ArrayLike, design: Design
) -> Floats:
    """Smallest absolute effect on a mean (or linearised ratio) with a power of `target` with these units."""
    count = np.asarray(units, dtype=np.float64)
    shape = np.broadcast(count, np.asarray(target), np.asarray(sd_control), np.asarray(sd_treatment)).shape
    n_control, n_treatment = design.arms(count)
    error = np.sqrt(np.asarray(sd_control) ** 2 / n_control + np.asarray(sd_treatment) ** 2 / n_treatment)
    bounds = (np.zeros(shape), np.broadcast_to(error * 1e3, shape))
    return _solve(
        lambda size: power(MeanQuestion(size, sd_control, sd_treatment), count, design=design),
        np.asarray(target, dtype=np.float64),
        bounds=bounds,
    )


def detectable_proportion(
    units: ArrayLike, target: ArrayLike, *, control: ArrayLike, direction: int, design: Design
) -> Floats:
    """Smallest change of a proportion, up (direction +1) or down (-1), with a power of `target`.

    The answer has the sign of `direction`; NaN where no change has that power.
    """
    count, p = np.asarray(units, dtype=np.float64), np.asarray(control, dtype=np.float64)
    shape = np.broadcast(count, np.asarray(target), p).shape
    room = np.broadcast_to(1 - p if direction > 0 else p, shape)
    size = _solve(
        lambda change: power(ProportionQuestion(p, p + direction * change), count, design=design),
        np.asarray(target, dtype=np.float64),
        bounds=(np.zeros(shape), room * (1 - 1e-12)),
    )
    return direction * size


def days_needed(units: ArrayLike, *, units_per_day: ArrayLike, window_days: ArrayLike = 0.0) -> Floats:
    """Whole days until this many units have entered and their windows have ended."""
    entering = np.ceil(np.asarray(units, dtype=np.float64) / np.asarray(units_per_day, dtype=np.float64))
    return np.asarray(np.ceil(entering + np.asarray(window_days)), dtype=np.float64)


def _power_from_afar(shift: Floats, dof: Floats, critical: Floats) -> Floats:
    """Power at a large shift: T = (shift + z) / sqrt(chi-square / dof) without its z, off by about 1 / shift^2."""
    ratio = np.minimum(shift / critical, _FARTHEST)
    return np.asarray(special.chdtr(dof, dof * ratio**2), dtype=np.float64)


def _solve(function: Callable[[Floats], Floats], target: Floats, *, bounds: tuple[Floats, Floats]) -> Floats:
    """Where an increasing function reaches the target, by bisection; NaN where it does not within bounds."""
    low, high = bounds
    reached = function(high) >= target
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = function(middle) >= target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(reached, (low + high) / 2, np.nan)
