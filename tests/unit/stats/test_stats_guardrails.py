"""Guardrails against t-tests of shifted values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from abspark.stats import reasons
from abspark.stats.effects import cuped_mean_effect, mean_effect, proportion_effect
from abspark.stats.guardrails import MarginKind, guardrail
from abspark.stats.moments import Moments

RNG = np.random.default_rng(1)
CONTROL, TREATMENT = RNG.gamma(3, 2, 60), RNG.gamma(3, 1.9, 45)
EFFECT = mean_effect(Moments.from_samples(CONTROL), Moments.from_samples(TREATMENT))


@pytest.mark.parametrize(("direction", "good"), [(1, "greater"), (-1, "less")])
def test_absolute_margin_is_a_shifted_t_test(direction: int, good: str) -> None:
    result = guardrail(EFFECT, margin=0.7, direction=direction, kind="absolute")
    shifted = TREATMENT + direction * 0.7
    expected = stats.ttest_ind(shifted, CONTROL, equal_var=False, alternative=good)
    assert_allclose(result.p_non_inferior, expected.pvalue, rtol=1e-10)
    assert_allclose(result.p_harm, 1 - expected.pvalue, rtol=1e-10)
    assert_allclose(result.dof, expected.df, rtol=1e-10)
    assert_allclose(result.distance, direction * (TREATMENT.mean() - CONTROL.mean()) + 0.7, rtol=1e-10)


@pytest.mark.parametrize(("direction", "good"), [(1, "greater"), (-1, "less")])
def test_relative_margin_scales_the_control(direction: int, good: str) -> None:
    result = guardrail(EFFECT, margin=0.1, direction=direction)
    expected = stats.ttest_ind(TREATMENT, (1 - direction * 0.1) * CONTROL, equal_var=False, alternative=good)
    assert_allclose(
        [result.statistic[0] * direction, result.dof[0]], [expected.statistic, expected.df], rtol=1e-10
    )
    assert_allclose(result.p_non_inferior, expected.pvalue, rtol=1e-10)
    assert_allclose(result.p_harm, 1 - expected.pvalue, rtol=1e-10)


def test_relative_margin_with_adjustment_is_the_test_of_combined_values() -> None:
    covariate = 0.8 * np.r_[CONTROL, TREATMENT] + RNG.normal(size=105)
    control = Moments.from_samples(CONTROL, pre_num=covariate[:60])
    treatment = Moments.from_samples(TREATMENT, pre_num=covariate[60:])
    effect = cuped_mean_effect(control, treatment)
    adjusted = np.r_[CONTROL, TREATMENT] - effect.theta * (covariate - covariate.mean())
    result = guardrail(effect, margin=0.1, direction=1)
    expected = stats.ttest_ind(
        adjusted[60:], adjusted[:60] - 0.1 * CONTROL, equal_var=False, alternative="greater"
    )
    assert_allclose([result.statistic[0], result.dof[0]], [expected.statistic, expected.df], rtol=1e-9)


def test_proportions_have_a_normal_reference() -> None:
    control = Moments.from_samples(np.r_[np.ones(300), np.zeros(700)])
    treatment = Moments.from_samples(np.r_[np.ones(200), np.zeros(400)])
    result = guardrail(proportion_effect(control, treatment), margin=0.02, direction=1, kind="absolute")
    z = (200 / 600 - 0.3 + 0.02) / np.sqrt(0.3 * 0.7 / 1000 + (1 / 3) * (2 / 3) / 600)
    assert_allclose(result.statistic, z)
    assert_allclose(result.p_non_inferior, stats.norm.sf(z))
    assert np.isnan(result.dof).all()


def test_verdicts_are_at_half_of_alpha() -> None:
    batch = EFFECT.take(np.zeros(3, dtype=int))
    p = guardrail(batch, margin=1.0, direction=1, kind="absolute").p_non_inferior[0]
    result = guardrail(batch, margin=1.0, direction=1, kind="absolute", alpha=[2.01 * p, 1.99 * p, 0.05])
    assert result.non_inferior.tolist() == [True, False, p < 0.025]
    assert not result.harmed.any()
    bad = mean_effect(Moments.from_samples(CONTROL), Moments.from_samples(TREATMENT - 4))
    worse = guardrail(bad, margin=0.1, direction=1, kind="absolute")
    assert worse.harmed.all()
    assert not worse.non_inferior.any()


def test_undefined_is_neither_safe_nor_harmful() -> None:
    negative = mean_effect(Moments.from_samples(-CONTROL), Moments.from_samples(TREATMENT))
    flat = mean_effect(Moments.from_samples([1.0, 1.0]), Moments.from_samples([1.0, 1.0]))
    for effect, kind, reason in (
        (negative, "relative", reasons.CONTROL_MEAN_NOT_POSITIVE),
        (flat, "relative", reasons.ZERO_VARIANCE),
        (flat, "absolute", reasons.ZERO_VARIANCE),
    ):
        result = guardrail(effect, margin=0.1, direction=1, kind=kind)
        assert result.reason.tolist() == [reason]
        assert np.isnan([result.p_non_inferior[0], result.p_harm[0]]).all()
        assert not (result.non_inferior | result.harmed).any()
    assert guardrail(negative, margin=0.1, direction=1, kind="absolute").reason.tolist() == [reasons.NONE]


@pytest.mark.parametrize("margin", [0.0, -0.1, np.nan])
def test_margins_are_above_zero(margin: float) -> None:
    with pytest.raises(ValueError, match="margins must be above 0"):
        guardrail(EFFECT, margin=margin, direction=1)


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_a_proportion_that_breaks_down_wholly_is_harmed(kind: MarginKind) -> None:
    """From 1 to 0 the unpooled variance is 0, and the pooled one is 1 / 4n in each arm."""
    all_, none = (Moments.from_samples(np.full(100, value)) for value in (1.0, 0.0))
    result = guardrail(proportion_effect(all_, none), margin=0.1, direction=1, kind=kind)
    spread = (1 + (0.81 if kind == "relative" else 1)) / 400
    assert_allclose(result.statistic, -0.9 / np.sqrt(spread), rtol=1e-12)
    assert (result.harmed.tolist(), result.non_inferior.tolist()) == ([True], [False])


@pytest.mark.parametrize(
    ("kind", "margin"), [("absolute", 0.0005), ("relative", 0.05)], ids=["absolute", "relative"]
)
@pytest.mark.parametrize("less", [False, True])
def test_a_few_units_that_are_all_alike_show_no_harm(kind: MarginKind, margin: float, less: bool) -> None:
    """None of 100 units beside 1 % of 9,900: it happens one time in three. So it is with all beside 99 %."""
    control, few = np.arange(9900) < 99, np.zeros(100)
    values = (1.0 - control, 1.0 - few) if less else (control.astype(float), few)
    effect = proportion_effect(*map(Moments.from_samples, values))
    result = guardrail(effect, margin=margin, direction=-1 if less else 1, kind=kind)
    assert not result.harmed.any()
    assert result.p_harm[0] > 0.1
