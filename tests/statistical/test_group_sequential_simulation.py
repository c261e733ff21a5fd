"""Error rates of group sequential tests, 20,000 simulated experiments each, seeds 1, 2, ... as they come."""

import numpy as np
import pytest
from scipy.stats import binom

from abspark.stats.group_sequential import Plan, first_crossing, look_boundaries
from abspark.stats.repeated import repeated_p_values
from abspark.stats.running import running_minimum
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
