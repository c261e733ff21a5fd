"""A planned comparison: units, power, detectable effect or days, whichever is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abspark.errors import UsageError

if TYPE_CHECKING:
    from abspark.stats.power import Design, Question

Answer = dict[str, float | int | str | None]

_ROUNDING = 1e-12
"""By how much shares that are meant to sum to 1 may miss it."""


@dataclass(frozen=True)
class Plan:
    """What the options say. Exactly one of `rate`, and of `mean` with `sd`, is the baseline.

    `effect` and `margin` are relative to the baseline; the effect is in the metric's unit times its direction
    when it is worked with: 0.1 is ten percent more, -0.1 ten percent less.
    """

    rate: float | None
    mean: float | None
    sd: float | None
    effect: float | None
    margin: float | None
    direction: int
    units: float | None
    units_per_day: float | None
    window_days: float
    power: float
    design: Design

    @property
    def baseline(self) -> float:
        """The control's rate or mean."""
        return self.rate if self.rate is not None else float(self.mean or 0.0)

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of all units that get the control and the treatment."""
        return self.design.share_control, self.design.share_treatment

    @property
    def spread(self) -> float:
        """Standard deviation per unit."""
        return float(self.sd or 0.0) if self.rate is None else math.sqrt(self.rate * (1 - self.rate))


def answer(plan: Plan) -> Answer:
    """What the plan asks for, beside what it assumed; `units` are those of all variants, with and without a value.

    Raises:
        UsageError: The options don't ask for anything, or nothing answers them.
    """
    found: Answer = {"baseline": plan.baseline, "sd": plan.spread, "alpha": plan.design.alpha}
    if plan.design.share_with_value < 1:
        found["share_with_value"] = plan.design.share_with_value
    for asked, kind in ((plan.margin, _non_inferiority), (plan.effect, _difference)):
        if asked is not None:
            return found | _days(plan, kind(plan))
    if plan.units is None:
        raise UsageError(
            "nothing to solve for", allowed="--effect or --margin for units, --units for the effect"
        )
    return found | _days(plan, _detectable(plan))


def _non_inferiority(plan: Plan) -> Answer:
    from abspark.stats.power import MeanQuestion, non_inferior_relative

    question = non_inferior_relative(
        plan.margin or 0.0,
        mean=plan.baseline,
        sd_control=plan.spread,
        sd_treatment=plan.spread,
        direction=plan.direction,
    )
    if plan.rate is not None:
        question = MeanQuestion(question.distance, question.sd_control, question.sd_treatment, normal=True)
    return {"margin": plan.margin} | _units_or_power(plan, question)


def _difference(plan: Plan) -> Answer:
    from abspark.stats.power import MeanQuestion, ProportionQuestion

    effect = plan.effect or 0.0
    if plan.rate is not None:
        treated = plan.rate * (1 + effect)
        if not 0 <= treated <= 1:
            raise UsageError(f"--effect {effect:g} makes a rate of {treated:g}", allowed="rates of 0 to 1")
        question: Question = ProportionQuestion(plan.rate, treated)
    else:
        question = MeanQuestion(abs(effect) * plan.baseline, plan.spread, plan.spread)
    return {"relative_effect": effect, "effect": effect * plan.baseline} | _units_or_power(plan, question)


def _units_or_power(plan: Plan, question: Question) -> Answer:
    from abspark.stats.power import power as power_of
    from abspark.stats.power import units_needed

    if plan.units is not None:
        return {"power": float(power_of(question, plan.units, design=plan.design)), "units": plan.units}
    units = float(units_needed(question, plan.power, design=plan.design))
    if math.isnan(units):
        raise UsageError("no number of units has that power", advice="give a larger effect or margin")
    rest = max(0.0, 1 - sum(plan.shares) - _ROUNDING)
    control, treatment, others = (math.ceil(units * share) for share in (*plan.shares, rest))
    total: Answer = {"power": plan.power, "units": control + treatment + others}
    return total | {"units_control": control, "units_treatment": treatment}


def _detectable(plan: Plan) -> Answer:
    from abspark.stats.power import detectable_mean, detectable_proportion

    units = plan.units or 0.0
    if plan.rate is not None:
        effect = detectable_proportion(
            units, plan.power, control=plan.rate, direction=plan.direction, design=plan.design
        )
    else:
        spreads = {"sd_control": plan.spread, "sd_treatment": plan.spread}
        effect = plan.direction * detectable_mean(units, plan.power, design=plan.design, **spreads)
    if math.isnan(float(effect)):
        raise UsageError("no effect is detected with that power", advice="give more units")
    found = float(effect)
    return {"relative_effect": found / plan.baseline, "effect": found, "power": plan.power, "units": units}


def _days(plan: Plan, found: Answer) -> Answer:
    from abspark.stats.power import days_needed

    units = float(found["units"] or 0.0)
    if plan.units is not None:
        control, both = (
            math.ceil(units * (share - _ROUNDING)) for share in (plan.shares[0], sum(plan.shares))
        )
        found |= {"units_control": control, "units_treatment": both - control}
    if plan.units_per_day is None:
        return found
    days = days_needed(units, units_per_day=plan.units_per_day, window_days=plan.window_days)
    return found | {"days": int(days)}
