"""Rates at which decisions ship what is not better: 20,000 experiments through results and decisions.

Treatment means are normal around their true values, as means of many units are: each experiment is a row of
moments per metric and variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from simulated_moments import EXPERIMENTS, band, within

from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.results import analysed
from abspark.config import Experiment, Metric
from abspark.schemas import MOMENTS

pytestmark = pytest.mark.statistical

AFTER = datetime(2026, 1, 22, tzinfo=UTC)
UNITS = 5_000
ERROR = np.sqrt(2 / UNITS)
"""Standard error of an effect: values vary by 1, control is 10."""
SURE = 12 * ERROR
"""An effect that no test misses."""
METRICS = {
    name: Metric.model_validate(
        {"name": name, "kind": "mean", "value": "v", "source": "s", "window": {"end": "7d"}}
    )
    for name in ("sales", "visits", "speed")
}
TWO_PRIMARY = {"primary": ["sales", "visits"]}
MARGIN = 0.02
GUARDED = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"relative": MARGIN}}]}


def shipped(
    seed: int, effects: Mapping[str, tuple[float, ...]], roles: Mapping[str, Any], **analysis: Any
) -> float:
    """Share of experiments that ship, with these true effects per treatment by metric."""
    treatments = len(next(iter(effects.values())))
    keys = "abc"[: treatments + 1]
    base = Experiment.model_validate(
        {
            "id": "e",
            "variants": [{"key": key, "weight": 1 / len(keys)} for key in keys],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": roles,
            "analysis": analysis,
        }
    )
    experiments = [base.model_copy(update={"id": str(number)}) for number in range(EXPERIMENTS)]
    moments = _moments(np.random.default_rng(seed), effects, keys)
    found = analysed(moments, experiments, METRICS, as_of=AFTER)
    evidence = Evidence(found.results, (), found.harmed, found.now, found.looks)
    decided = decisions(evidence, experiments, METRICS)
    assert len(decided) == EXPERIMENTS
    return sum(row["decision"] == "ship" for row in decided) / EXPERIMENTS


def _moments(
    rng: np.random.Generator, effects: Mapping[str, tuple[float, ...]], keys: str
) -> list[dict[str, Any]]:
    """Rows of moments; the metrics of a variant correlate by 0.36."""
    blank = {name: None for name in MOMENTS.names if name != "run_id"}
    common = blank | {"day": date(2026, 1, 21), "n": UNITS, "n_complete": UNITS, "var_num": 1.0}
    shared = 0.6 * rng.standard_normal((EXPERIMENTS, len(keys)))
    rows = []
    for name, treated in effects.items():
        own = 0.8 * rng.standard_normal((EXPERIMENTS, len(keys)))
        means = 10 + np.array([0.0, *treated]) + (shared + own) / np.sqrt(UNITS)
        rows += [
            common | {"experiment_id": str(number), "metric": name, "variant": key, "mean_num": mean}
            for number, drawn in enumerate(means.tolist())
            for key, mean in zip(keys, drawn, strict=True)
        ]
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_all_ships_one_that_is_better_on_one_metric_alone_at_half_of_alpha(seed: int) -> None:
    effects = {"sales": (SURE,), "visits": (0.0,)}
    assert within(shipped(seed, effects, TWO_PRIMARY), 0.025)
    assert within(shipped(seed, effects, TWO_PRIMARY, correction="none"), 0.025)
    assert within(shipped(seed, effects, TWO_PRIMARY, sides=1), 0.05)
    assert shipped(seed, {"sales": (0.0,), "visits": (0.0,)}, TWO_PRIMARY) < 0.01


@pytest.mark.parametrize("seed", [1, 2])
def test_any_ships_one_that_is_no_better_at_half_of_alpha_when_p_is_adjusted(seed: int) -> None:
    nothing = {"sales": (0.0,), "visits": (0.0,)}
    rate = shipped(seed, nothing, TWO_PRIMARY, ship_when="any")
    assert 0.015 < rate < band(0.025)[1]
    assert shipped(seed, nothing, TWO_PRIMARY, ship_when="any", correction="none") > band(0.025)[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_two_treatments_are_one_family(seed: int) -> None:
    nothing = {"sales": (0.0, 0.0), "visits": (0.0, 0.0)}
    assert shipped(seed, nothing, TWO_PRIMARY, ship_when="any") < band(0.025)[1]
    one = {"primary": ["sales"]}
    assert 0.015 < shipped(seed, {"sales": (0.0, 0.0)}, one) < band(0.025)[1]
    assert shipped(seed, {"sales": (0.0, 0.0)}, one, correction="none") > band(0.025)[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_one_at_the_margin_ships_at_half_of_alpha(seed: int) -> None:
    assert within(shipped(seed, {"sales": (SURE,), "speed": (-10 * MARGIN,)}, GUARDED), 0.025)
    assert shipped(seed, {"sales": (SURE,), "speed": (0.0,)}, GUARDED) > 0.999


@pytest.mark.parametrize("seed", [1, 2])
def test_one_that_is_better_ships(seed: int) -> None:
    assert shipped(seed, {"sales": (SURE,), "visits": (SURE,)}, TWO_PRIMARY) > 0.999


@pytest.mark.parametrize("seed", [1, 2])
def test_flat_priors_ship_what_is_no_better_at_half_of_alpha_per_metric(seed: int) -> None:
    assert within(shipped(seed, {"sales": (0.0,)}, {"primary": ["sales"]}, method="bayesian"), 0.025)
    nothing = {"sales": (0.0,), "visits": (0.0,)}
    assert shipped(seed, nothing, TWO_PRIMARY, method="bayesian", ship_when="any") > band(0.025)[1]
