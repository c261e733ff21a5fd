"""Coverage and false-positive rates of quantile effects over 20,000 experiments a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from simulated_moments import EXPERIMENTS, within

from abspark.stats.fixed import welch
from abspark.stats.moments import Moments
from abspark.stats.quantiles import (
    QuantileEstimate,
    cluster_inflation,
    clustered_ranks,
    quantile_effect,
    quantile_ranks,
)

pytestmark = pytest.mark.statistical


def order_statistics(rng: np.random.Generator, n: int, ranks: list[int]) -> np.ndarray:
    """Joint order statistics of n uniform values: partial sums of n + 1 exponential gaps, drawn as gammas."""
    gaps = [rng.standard_gamma(width, EXPERIMENTS) for width in np.diff([0, *ranks, n + 1])]
    return np.cumsum(gaps, axis=0)[:-1] / np.sum(gaps, axis=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "distribution", [stats.lognorm(1.0), stats.expon()], ids=["log-normal", "exponential"]
)
def test_quantiles_of_units(seed: int, q: float, distribution: stats.rv_continuous) -> None:
    rng = np.random.default_rng(seed)

    def arm(n: int, lift: float) -> QuantileEstimate:
        ranks = quantile_ranks(n, q)
        low, value, high = order_statistics(rng, n, [int(ranks.low), int(ranks.rank), int(ranks.high)])
        values = (distribution.ppf(x) * (1 + lift) for x in (value, low, high))
        return QuantileEstimate(np.full(EXPERIMENTS, float(n)), *values, np.zeros(EXPERIMENTS))

    control = arm(40_000, 0.0)
    null = welch(quantile_effect(control, arm(30_000, 0.0)))
    assert within((null.p_value < 0.05).mean(), 0.05)
    result = welch(quantile_effect(control, arm(30_000, 0.3)))
    truth = 0.3 * distribution.ppf(q)
    assert within(((result.low < truth) & (truth < result.high)).mean(), 0.95)
    assert within(((result.relative_low < 0.3) & (result.relative_high > 0.3)).mean(), 0.95)


def clustered_arm(
    rng: np.random.Generator, units: int, q: float
) -> tuple[QuantileEstimate, QuantileEstimate]:
    """Up to 6 events a unit, events of a unit alike: estimates with and without the cluster correction."""
    estimates = []
    for _ in range(EXPERIMENTS // 500):
        count = rng.integers(1, 7, (500, units))
        value = rng.standard_normal((500, units, 1)) + 0.7 * rng.standard_normal((500, units, 6))
        value[np.arange(6) >= count[:, :, None]] = np.inf
        flat = np.sort(value.reshape(500, -1).astype(np.float32), axis=1)
        n = count.sum(axis=1)
        rows = np.arange(500)
        point = flat[rows, quantile_ranks(n, q).rank - 1]
        below = (value <= point[:, None, None]).sum(axis=2)
        inflation = cluster_inflation(Moments.from_samples(below, count))
        pair = []
        for factor in (inflation, np.ones(500)):
            ranks = clustered_ranks(n, q, inflation=factor)
            ends = flat[rows, ranks.low - 1], flat[rows, ranks.high - 1]
            pair.append((np.full(500, float(units)), point, *ends, np.zeros(500)))
        estimates.append(pair)
    with_, without = (
        QuantileEstimate(*(np.concatenate(column).astype(float) for column in zip(*side, strict=True)))
        for side in zip(*estimates, strict=True)
    )
    return with_, without


def test_quantiles_of_events_need_the_cluster_correction() -> None:
    rng = np.random.default_rng(1)
    control, treatment = clustered_arm(rng, 500, 0.75), clustered_arm(rng, 400, 0.75)
    corrected = welch(quantile_effect(control[0], treatment[0]))
    assert within((corrected.p_value < 0.05).mean(), 0.05)
    naive = welch(quantile_effect(control[1], treatment[1]))
    assert (naive.p_value < 0.05).mean() > 0.15


TIED = {
    "counts": lambda rng, shape: rng.poisson(3, shape),
    "half zeros": lambda rng, shape: np.maximum(rng.standard_normal(shape), 0),
    "rounded": lambda rng, shape: np.round(np.exp(rng.standard_normal(shape)) * 40),
    "prices": lambda rng, shape: rng.choice([0.99, 1.99, 4.99, 9.99, 10, 19.99, 20, 49.99], shape),
}


def tied_arm(draw: Callable[..., Any], rng: np.random.Generator, n: int, q: float) -> QuantileEstimate:
    """2,000 samples of n values, with the share of their interval's ranks that one value has."""
    ranks = quantile_ranks(n, q)
    value = np.sort(draw(rng, (2000, n)).astype(float), axis=1)
    within = value[:, int(ranks.low) - 1 : int(ranks.high)]
    run = np.ones(within.shape)
    for place in range(1, within.shape[1]):
        run[:, place] += np.where(within[:, place] == within[:, place - 1], run[:, place - 1], 0)
    tied = np.where(run.max(axis=1) > 1, run.max(axis=1) / within.shape[1], 0)
    at = (value[:, int(rank) - 1] for rank in (ranks.rank, ranks.low, ranks.high))
    return QuantileEstimate(np.full(2000, float(n)), *at, tied)


def tied_p_values(distribution: str, q: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    arms = [tied_arm(TIED[distribution], rng, n, q) for n in (1000, 800)]
    return welch(quantile_effect(*arms)).p_value


@pytest.mark.parametrize(
    ("distribution", "q"),
    [("half zeros", 0.75), ("half zeros", 0.95), ("rounded", 0.5), ("rounded", 0.75), ("rounded", 0.95)],
)
def test_quantiles_of_few_ties_keep_the_level(distribution: str, q: float) -> None:
    p = tied_p_values(distribution, q)
    assert np.isnan(p).mean() < 0.25
    assert (p[~np.isnan(p)] < 0.05).mean() < 0.07


@pytest.mark.parametrize("q", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("distribution", ["counts", "prices"])
def test_quantiles_of_many_ties_have_no_p(distribution: str, q: float) -> None:
    assert np.isnan(tied_p_values(distribution, q)).all()


def test_quantiles_of_many_ties_would_reject_half_of_the_time() -> None:
    rng = np.random.default_rng(6)
    geometric = lambda rng, shape: rng.geometric(0.5, shape)  # noqa: E731 - one of the shape of those above
    arms = [tied_arm(geometric, rng, n, 0.5) for n in (1000, 1000)]
    assert np.isnan(welch(quantile_effect(*arms)).p_value).all()
    untold = [arm._replace(tied=np.zeros(2000)) for arm in arms]
    assert (welch(quantile_effect(*untold)).p_value < 0.05).mean() > 0.4
