"""Quantiles of units and of events, and caps that are quantiles, on one run over the world of all kinds."""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
from kind_metrics import quantile_metrics
from kind_world import DAY, LOGS, WORLD
from oracle_quantiles import Quantile
from pipeline_runs import Tables, assert_same, planned_once, run_world
from pyspark.sql import SparkSession
from scipy import stats

METRICS = quantile_metrics(LOGS, DAY)
NAMES = tuple(metric.name for metric in METRICS)
ALPHAS = {"one": 0.2, "two": 0.05, "three": 0.01}
QUANTILES = replace(
    WORLD,
    metrics=METRICS,
    experiments=tuple(
        replace(experiment, metrics=NAMES, alpha=ALPHAS[experiment.id]) for experiment in WORLD.experiments
    ),
)


@pytest.fixture(scope="module")
def run(spark: SparkSession) -> Tables:
    with planned_once(spark):
        return run_world(spark, QUANTILES)


def test_every_table_is_what_the_oracle_finds(run: Tables) -> None:
    assert_same(run.outcome, oracle.run(QUANTILES))


def test_bounds_bind_on_both_sides(run: Tables) -> None:
    found = {
        key[2]: row for key, row in run.outcome.moments.items() if key[:2] == ("one", "a") and key[3] is None
    }
    trimmed = found["trimmed"]
    assert trimmed.cap_lower is not None
    assert trimmed.cap_upper is not None
    assert trimmed.cap_lower < 0 < trimmed.cap_upper
    assert [0 < (found[name].n_capped or 0) < found[name].n for name in ("trimmed", "topped", "floored")] == [
        True
    ] * 3
    assert found["topped"].cap_lower is None


def test_a_unit_with_many_events_is_one_cluster(run: Tables) -> None:
    row = run.outcome.quantiles["one", "a", "slow", None, None]
    assert isinstance(row, Quantile)
    assert row.n > row.n_clusters > 10
    assert row.rank_low < row.rank < row.rank_high


@pytest.mark.parametrize(("experiment", "alpha"), list(ALPHAS.items()))
def test_an_interval_is_of_the_level_of_its_experiment(run: Tables, experiment: str, alpha: float) -> None:
    """Conover 1999, sec. 3.2: binomial quantiles at alpha / 2 and, one rank up, at 1 - alpha / 2."""
    row = run.outcome.quantiles[experiment, "a", "median", None, None]
    low, high = stats.binom.ppf([alpha / 2, 1 - alpha / 2], row.n, 0.5)
    assert (row.rank_low, row.rank_high) == (low, high + 1)
