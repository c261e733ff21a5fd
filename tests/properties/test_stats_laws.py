"""Laws that hold for all inputs: swap, scale, shift, merge, nesting, test and interval, adjusted p."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from abspark.stats.bayesian import EffectPrior, relative_posterior
from abspark.stats.effects import (
    Effect,
    cuped_mean_effect,
    cuped_ratio_effect,
    mean_effect,
    proportion_effect,
    ratio_effect,
)
from abspark.stats.fixed import proportion_z, welch
from abspark.stats.guardrails import guardrail
from abspark.stats.moments import NUM, PRE_NUM, Moments, merge
from abspark.stats.multiplicity import METHODS
from abspark.stats.srm import srm

ESTIMATORS = [mean_effect, ratio_effect, cuped_mean_effect, cuped_ratio_effect]
Estimator = Callable[[Moments, Moments], Effect]
SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def sample(seed: int, units: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    num = rng.gamma(2, 3, units) + shift
    return {
        "num": num,
        "den": rng.poisson(3, units) + 1.0,
        "pre_num": num + rng.normal(3, 2, units),
        "pre_den": rng.poisson(2, units) + 1.0,
    }


seeds = st.integers(0, 2**31)
sizes = st.integers(2, 200)
arms = st.tuples(seeds, sizes, seeds, sizes).filter(lambda drawn: drawn[0] != drawn[2])


def moments_of(drawn: tuple[int, int, int, int]) -> tuple[Moments, Moments]:
    return Moments.from_samples(**sample(*drawn[:2])), Moments.from_samples(**sample(*drawn[2:]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@SETTINGS
@given(arms)
def test_swapping_the_pairnegates_the_effect_and_keeps_p(estimator: Estimator, drawn: tuple) -> None:
    control, treatment = moments_of(drawn)
    there, back = welch(estimator(control, treatment)), welch(estimator(treatment, control))
    assert_allclose(back.effect, -there.effect, rtol=1e-9, atol=1e-12)
    assert_allclose(back.std_error, there.std_error, rtol=1e-11)
    assert_allclose(back.p_value, there.p_value, rtol=1e-8, atol=1e-300)
    assert_allclose([back.low, back.high], [-there.high, -there.low], rtol=1e-8, atol=1e-10)
    assert_array_equal(back.reason, there.reason)


@pytest.mark.parametrize("interval", ["wald", "newcombe", "agresti_caffo"])
@SETTINGS
@given(st.integers(2, 300), st.integers(2, 300), st.data())
def test_swapping_proportions(interval: str, n: int, m: int, data: st.DataObject) -> None:
    first, second = (
        Moments.from_samples((np.arange(size) < data.draw(st.integers(0, size))).astype(float))
        for size in (n, m)
    )
    there = proportion_z(proportion_effect(first, second), interval=interval)
    back = proportion_z(proportion_effect(second, first), interval=interval)
    assert_allclose(back.effect, -there.effect)
    assert_allclose(back.p_value, there.p_value)
    assert_allclose([back.low, back.high], [-there.high, -there.low], atol=1e-14)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@SETTINGS
@given(arms, st.floats(1e-6, 1e6))
def test_scaling_the_values_scales_the_effect_alone(
    estimator: Estimator, drawn: tuple, factor: float
) -> None:
    plain = welch(estimator(*moments_of(drawn)))
    scaled = []
    for seed, size in (drawn[:2], drawn[2:]):
        values = sample(seed, size)
        scaled.append(Moments.from_samples(**{**values, "num": values["num"] * factor}))
    result = welch(estimator(*scaled))
    assert_allclose(result.effect, plain.effect * factor, rtol=1e-8, atol=1e-10 * factor)
    assert_allclose(result.high - result.low, (plain.high - plain.low) * factor, rtol=1e-8)
    assert_allclose(result.relative, plain.relative, rtol=1e-8, atol=1e-10)
    assert_allclose(
        [result.relative_low, result.relative_high], [plain.relative_low, plain.relative_high], atol=1e-9
    )
    assert_allclose(result.p_value, plain.p_value, rtol=1e-7)


def in_units_of(moments: Moments, unit: float) -> Moments:
    """The same values in a unit so many times smaller, and their covariate's."""
    factor = np.ones(4)
    factor[[NUM, PRE_NUM]] = unit
    return Moments(moments.n, moments.mean * factor, moments.cov * factor[:, None] * factor)


def relative_numbers(effect: Effect) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What has no unit, and the reasons."""
    delta, fieller = welch(effect), welch(effect, relative_interval="fieller")
    margins = [guardrail(effect, margin=0.02, direction=direction) for direction in (1, -1)]
    posteriors = [relative_posterior(effect, prior=EffectPrior(0.01, sd), alpha=0.05) for sd in (np.inf, 0.1)]
    numbers = [
        *(getattr(test, f"relative{end}") for test in (delta, fieller) for end in ("", "_low", "_high")),
        *(
            getattr(test, name)
            for test in margins
            for name in ("statistic", "dof", "p_non_inferior", "p_harm")
        ),
        *(values for posterior in posteriors for values in posterior[:3]),
    ]
    return numbers, [found.reason for found in (delta, fieller, *margins, *posteriors)]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("unit", [1e-140, 1e-82, 1e-3, 1e78, 1e140])
@settings(SETTINGS, max_examples=15)
@given(arms)
def test_relative_numbers_have_no_unit(estimator: Estimator, unit: float, drawn: tuple) -> None:
    pair = moments_of(drawn)
    plain, reasons = relative_numbers(estimator(*pair))
    found, told = relative_numbers(estimator(*(in_units_of(arm, unit) for arm in pair)))
    assert_allclose(found, plain, rtol=1e-6, atol=1e-8)
    assert_array_equal(told, reasons)


@pytest.mark.parametrize("estimator", [mean_effect, cuped_mean_effect])
@SETTINGS
@given(arms)
def test_a_large_constant_changes_neither_effect_nor_error(estimator: Estimator, drawn: tuple) -> None:
    assume(min(drawn[1], drawn[3]) >= 5)
    plain = estimator(*moments_of(drawn))
    shifted = []
    for seed, size in (drawn[:2], drawn[2:]):
        values = sample(seed, size)
        shifted.append(Moments.from_samples(values["num"] + 1e9, pre_num=values["pre_num"] + 1e9))
    result = estimator(*shifted)
    # A double near 1e9 has steps of 1e-7.
    assert_allclose(result.effect, plain.effect, atol=3e-6)
    assert_allclose(result.variance, plain.variance, rtol=1e-5)


@SETTINGS
@given(arms, st.floats(0.05, 0.95))
def test_merging_parts_changes_nothing(drawn: tuple, share: float) -> None:
    values = sample(drawn[0], drawn[1])
    cut = int(share * drawn[1])
    parts = [
        Moments.from_samples(**{k: v[pick] for k, v in values.items()})
        for pick in (slice(cut), slice(cut, None))
    ]
    whole = Moments.from_samples(**values)
    for merged in (merge(*parts), merge(parts[1], parts[0])):
        assert_array_equal(merged.n, whole.n)
        assert_allclose(merged.mean, whole.mean, rtol=1e-12)
        assert_allclose(merged.cov, whole.cov, rtol=1e-9, atol=1e-12)


@SETTINGS
@given(arms, st.floats(-1e6, 1e6))
def test_a_constant_covariate_is_no_covariate(drawn: tuple, constant: float) -> None:
    pair = [
        Moments.from_samples(sample(seed, size)["num"], pre_num=np.full(size, constant))
        for seed, size in (drawn[:2], drawn[2:])
    ]
    with_covariate, without = cuped_mean_effect(*pair), mean_effect(*pair)
    assert_array_equal(with_covariate.theta, [0.0])
    assert_array_equal(with_covariate.effect, without.effect)
    assert_array_equal(with_covariate.variance, without.variance)
    assert_array_equal(with_covariate.relative_variance, without.relative_variance)


@SETTINGS
@given(arms)
def test_a_ratio_with_denominator_one_is_a_mean(drawn: tuple) -> None:
    pair = []
    for seed, size in (drawn[:2], drawn[2:]):
        values = sample(seed, size)
        pair.append(
            Moments.from_samples(
                values["num"], np.ones(size), pre_num=values["pre_num"], pre_den=np.ones(size)
            )
        )
    for ratio, mean in ((ratio_effect, mean_effect), (cuped_ratio_effect, cuped_mean_effect)):
        ours, expected = welch(ratio(*pair)), welch(mean(*pair))
        for name in ("statistic", "dof", "p_value", "effect", "low", "high", "relative_low", "relative_high"):
            assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("relative_interval", ["delta", "fieller"])
@SETTINGS
@given(arms, st.floats(0.001, 0.5), st.floats(0.001, 0.5), st.sampled_from([(2, 1), (1, 1), (1, -1)]))
def test_intervals_are_nested_in_alpha(
    estimator: Estimator,
    relative_interval: str,
    drawn: tuple,
    first: float,
    second: float,
    how: tuple[int, int],
) -> None:
    effect = estimator(*moments_of(drawn))
    strict, loose = (
        welch(effect, alpha=alpha, sides=how[0], direction=how[1], relative_interval=relative_interval)
        for alpha in (min(first, second), max(first, second))
    )
    assert (strict.low <= loose.low).all()
    assert (loose.high <= strict.high).all()
    if np.isfinite(strict.relative_low + strict.relative_high).all():
        assert (strict.relative_low <= loose.relative_low + 1e-12).all()
        assert (loose.relative_high <= strict.relative_high + 1e-12).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@SETTINGS
@given(arms, st.floats(0.001, 0.5), st.sampled_from([(2, 1), (1, 1), (1, -1)]))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_zero(
    estimator: Estimator, drawn: tuple, alpha: float, how: tuple[int, int]
) -> None:
    result = welch(estimator(*moments_of(drawn)), alpha=alpha, sides=how[0], direction=how[1])
    assume(abs(result.p_value[0] / alpha - 1) > 1e-9)
    assert (result.p_value[0] < alpha) == (result.low[0] > 0 or result.high[0] < 0)


@SETTINGS
@given(arms, st.floats(0.001, 0.5), st.sampled_from([1, -1]))
def test_fieller_excludes_zero_exactly_where_p_is_below_alpha(
    drawn: tuple, alpha: float, direction: int
) -> None:
    for sides in (1, 2):
        result = welch(mean_effect(*moments_of(drawn)), alpha=alpha, sides=sides, direction=direction,
                       relative_interval="fieller")  # fmt: skip
        assume(np.isfinite([result.relative_low[0], result.relative_high[0]]).any())
        assume(abs(result.p_value[0] / alpha - 1) > 1e-9)
        assert (result.p_value[0] < alpha) == (result.relative_low[0] > 0 or result.relative_high[0] < 0)


@SETTINGS
@given(arms, st.floats(0.01, 3), st.sampled_from([1, -1]))
def test_a_guardrail_is_safe_exactly_where_the_interval_lies_within_the_margin(
    drawn: tuple, margin: float, direction: int
) -> None:
    effect = mean_effect(*moments_of(drawn))
    interval, result = welch(effect), guardrail(effect, margin=margin, direction=direction, kind="absolute")
    worst = interval.low[0] if direction > 0 else -interval.high[0]
    best = interval.high[0] if direction > 0 else -interval.low[0]
    assert result.non_inferior[0] == (worst > -margin)
    assert result.harmed[0] == (best < -margin)
    assert not (result.non_inferior & result.harmed).any()


@SETTINGS
@given(arms, st.floats(0.01, 0.9), st.sampled_from([1, -1]))
def test_a_relative_margin_holds_exactly_where_fiellers_interval_lies_within_it(
    drawn: tuple, margin: float, direction: int
) -> None:
    """With a normal reference, so that the degrees of freedom are the same."""
    pair = [
        Moments.from_samples(np.arange(units + 50) < 1 + seed % (units + 49))
        for seed, units in (drawn[:2], drawn[2:])
    ]
    effect = proportion_effect(*pair)
    interval = proportion_z(effect, relative_interval="fieller")
    assume(np.isfinite(interval.relative_low[0]))
    result = guardrail(effect, margin=margin, direction=direction, kind="relative")
    assume(abs(result.p_non_inferior[0] / 0.025 - 1) > 1e-9)
    worst = interval.relative_low[0] if direction > 0 else -interval.relative_high[0]
    best = interval.relative_high[0] if direction > 0 else -interval.relative_low[0]
    assert result.non_inferior[0] == (worst > -margin)
    assert result.harmed[0] == (best < -margin)


p_values = arrays(np.float64, st.integers(1, 60), elements=st.one_of(st.floats(1e-300, 1), st.just(np.nan)))


@pytest.mark.parametrize("name", METHODS)
@SETTINGS
@given(p_values, st.data())
def test_adjusted_p_keep_the_order_and_only_grow(name: str, p: np.ndarray, data: st.DataObject) -> None:
    family = data.draw(arrays(np.int64, len(p), elements=st.integers(-2, 2)))
    adjusted = METHODS[name](p, family)
    assert_array_equal(np.isnan(adjusted), np.isnan(p))
    known = ~np.isnan(p)
    assert (adjusted[known] >= p[known] * (1 - 1e-15)).all()
    assert (adjusted[known] <= 1).all()
    for label in np.unique(family):
        rows = np.flatnonzero(known & (family == label))
        order = rows[np.argsort(p[rows], kind="stable")]
        assert (np.diff(adjusted[order]) >= 0).all()
    shuffled = data.draw(st.permutations(range(len(p))))
    assert_array_equal(METHODS[name](p[shuffled], family[shuffled]), adjusted[shuffled])
    lower = METHODS[name](p / 2, family)
    assert (lower[known] <= adjusted[known]).all()


@SETTINGS
@given(p_values)
def test_methods_are_ordered_by_what_they_promise(p: np.ndarray) -> None:
    known = p[~np.isnan(p)]
    one = np.zeros(len(known))
    bonferroni, holm, hochberg, bh, by = (METHODS[name](known, one) for name in METHODS)
    for smaller, larger in ((holm, bonferroni), (hochberg, holm), (bh, hochberg), (bh, by)):
        assert (smaller <= larger * (1 + 1e-12)).all()


@SETTINGS
@given(st.lists(st.integers(0, 400), min_size=2, max_size=4), st.data())
def test_srm_does_not_care_about_order_or_the_weights_sum(counts: list[int], data: st.DataObject) -> None:
    weights = np.array([data.draw(st.floats(0.1, 10)) for _ in counts])
    order = data.draw(st.permutations(range(len(counts))))
    plain = srm(counts, weights)
    moved = srm(np.array(counts)[order], weights[order] * 7)
    assert_allclose(moved.p_value, plain.p_value, rtol=1e-9)
    assert_allclose(moved.statistic, plain.statistic, rtol=1e-9, atol=1e-12)
    padded = srm([*counts, 0], [*weights, np.nan])
    assert_array_equal(padded.p_value, plain.p_value)
