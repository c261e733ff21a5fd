"""Error rates of group sequential tests, 20,000 simulated experiments each, seeds 1, 2, ... as they come."""

import numpy as np
import pytest
from scipy.stats import binom

from abspark.stats.group_sequential import Plan, first_crossing, look_boundaries
from abspark.stats.repeated import repeated_p_values
from abspark.stats.running import running_minimum
from abspark.stats.sequential_design import Futility, futility_at_looks
from abspark.stats.spending import Spending
from abspark.stats.stagewise import estimates_at_stopping

pytestmark = pytest.mark.statistical
EXPERIMENTS = 20_000


def band(rate):
    """99.9 % binomial band around a rate."""
    return binom.ppf([0.0005, 0.9995], EXPERIMENTS, rate) / EXPERIMENTS


def simulated(generator, information, effect=0.0):
    """Statistics (experiments, looks): independent score increments."""
    steps = np.diff(information, prepend=0.0)
    score = np.cumsum(generator.normal(effect * steps, np.sqrt(steps), (EXPERIMENTS, len(steps))), axis=1)
    return score / np.sqrt(information)


def for_all(information, plan, final=False):
    rows = np.tile(information, (EXPERIMENTS, 1))
    return look_boundaries(rows, rows / 100, plan=plan, final=np.full(EXPERIMENTS, final))


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("looks", [5, 14, 30])
@pytest.mark.parametrize(
    ("seed", "family"), [(1, Spending("obf")), (2, Spending("pocock")), (3, Spending("hsd", -2.0))]
)
def test_false_positive_rate_at_unequal_looks(seed, family, looks, sides):
    generator = np.random.default_rng(seed)
    information = np.cumsum(generator.uniform(0.2, 3.0, looks))
    information *= (101.0, 97.0, 88.0)[seed - 1] / information[-1]  # over and under the plan of 100
    table = for_all(information, Plan(family, 0.05, sides), final=True)
    z = simulated(generator, information)
    crossed = np.mean(first_crossing(z, table) >= 0)
    low, high = band(0.05)
    assert low <= crossed <= high
    assert np.mean(running_minimum(repeated_p_values(z, table))[:, -1] <= 0.05) == crossed


def test_the_naive_test_looked_at_ten_times_errs_19_percent_of_the_time():
    """Armitage, McPherson & Rowe (1969), table 2: 0.193 for ten looks at 5 %."""
    z = simulated(np.random.default_rng(1), np.arange(1.0, 11.0))
    low, high = band(0.193)
    assert low <= np.mean(np.any(np.abs(z) > 1.959964, axis=1)) <= high


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("seed", "effect"), [(1, 0.0), (2, 0.25)])
def test_coverage_and_median_at_stopping(seed, effect, sides):
    generator = np.random.default_rng(seed)
    information = np.array([15.0, 40.0, 55.0, 80.0, 100.0])
    table = for_all(information, Plan(Spending("pocock"), 0.05, sides))
    z = simulated(generator, information, effect)
    stop = first_crossing(z, table)
    stop = np.where(stop < 0, 4, stop)
    error = 1 / np.sqrt(information[stop])
    result = estimates_at_stopping(z[np.arange(EXPERIMENTS), stop], error, stopped_at=stop, looks=table)
    for share, rate in (
        (np.mean((result.low <= effect) & (effect <= result.high)), 0.95),
        (np.mean(result.effect > effect), 0.5),
    ):
        low, high = band(rate)
        assert low <= share <= high
    if effect > 0:  # what it is there for: the plain estimate is too large more often than not
        assert np.mean(z[np.arange(EXPERIMENTS), stop] * error > effect) > 0.55


def windows_filling_up(generator, days=21, window=7):
    """Statistics and units per day with complete units only, and with all, of values that build up by unit.

    Each day brings a cohort of units, whose values grow by independent amounts on each day of their windows. With
    all units the information grows faster than their number says, so looks hang together less than planned for.
    """
    grown = generator.normal(size=(EXPERIMENTS, days, window))  # by cohort and day of the window
    day = np.arange(days)
    due = day[None, :, None] + np.arange(window)[None, None, :]
    results = []
    for seen, first in (
        ((day[:, None] - day[None, :] >= window)[:, :, None] & (due >= 0), window),
        (due <= day[:, None, None], 0),
    ):
        score = np.tensordot(grown, seen.astype(float), axes=([1, 2], [1, 2]))
        spread = np.sqrt(seen.sum(axis=(1, 2)))
        units = seen.any(axis=2).sum(axis=1).astype(float)
        results.append((score[:, first:] / spread[first:], units[first:]))
    return results


def test_windows_that_fill_up_keep_the_level_only_with_complete_units():
    rates = []
    for z, units in windows_filling_up(np.random.default_rng(1)):
        rows = np.tile(units, (EXPERIMENTS, 1))
        plan = Plan(Spending("pocock"), 0.05)
        table = look_boundaries(rows, rows / units[-1], plan=plan)
        rates.append(np.mean(first_crossing(z, table) >= 0))
    low, high = band(0.05)
    assert low <= rates[0] <= high
    assert rates[1] > high


@pytest.mark.parametrize("seed", [1, 2])
def test_under_the_planned_effect_futility_errs_with_beta_and_without_one_alpha_holds(seed):
    """Units with an unknown variance: each look estimates the standard error, and the drift with it.

    Before the last of six looks the planned effect is called futile with the beta spent by then. Without an
    effect, stopping at futility only lowers the rate of false positives, which is alpha for who goes on.
    """
    generator = np.random.default_rng(seed)
    units = np.array([300.0, 700.0, 1000.0, 1500.0, 2100.0, 2500.0])  # of each arm
    steps = np.diff(units, prepend=0.0)
    fraction = np.tile(units / units[-1], (EXPERIMENTS, 1))
    plan = Plan(Spending("obf"), 0.05, 2)
    hoped, sd = 0.3, 3.0
    for effect in (hoped, 0.0):
        sums = np.cumsum(
            generator.normal(effect * steps, sd * np.sqrt(2 * steps), (EXPERIMENTS, len(steps))), axis=1
        )
        freedom = 2 * steps - np.where(steps == steps[0], 2, 0)
        variance = np.cumsum(generator.chisquare(freedom, (EXPERIMENTS, len(steps))), axis=1) / np.cumsum(
            freedom
        )
        error = sd * np.sqrt(variance * 2 / units)
        z = sums / units / error
        looks = look_boundaries(np.tile(2 * units, (EXPERIMENTS, 1)), fraction, plan=plan)
        futile = futility_at_looks(looks, hoped / error, futility=Futility(Spending("pocock"), 0.2))
        lost = z <= futile.boundary
        won = np.abs(z) >= looks.boundary
        first_lost = np.where(lost.any(axis=1), lost.argmax(axis=1), 6)
        first_won = np.where(won.any(axis=1), won.argmax(axis=1), 6)
        if effect:
            low, high = band(futile.beta_spent[0, -2])
            assert low <= np.mean(first_lost < np.minimum(first_won, 5)) <= high
        else:
            low, high = band(0.05)
            assert low <= np.mean(first_won < 6) <= high
            assert np.mean(first_won < first_lost) < 0.045
            assert np.mean(first_lost < 5) > 0.6
