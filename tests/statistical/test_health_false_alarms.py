"""How often health checks alarm on clean experiments, counts simulated: no oftener than their level says.

The bound is the 99.9 % quantile of the alarms among 1,000 simulations that alarm exactly at the level. Levels of 5 %
are looked at, where an excess shows soonest, and the default of 0.1 %.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from abspark.analysis.health import health
from abspark.config import Experiment

pytestmark = pytest.mark.statistical

SIMULATIONS = 1000
KEYS = ("a", "b", "c")
SHARES = np.array([[0.5, 0.3, 0.2], [0.25, 0.25, 0.5]])
DAYS, CHANGE = 14, 6
LEVELLED = (
    "srm", "srm_after_exclusions", "srm_sequential", "several_variants_balanced", "hash_capture", "hash_assignment",
    "drops_balanced", "traffic",
)  # fmt: skip
REASONS = ("filtered", "outside_interval", "repeated_exposure", "before_window")
RATES = {"filtered": 0.05, "outside_interval": 0.004, "repeated_exposure": 0.6, "before_window": 0.1}


def experiment(level: float) -> Experiment:
    named = ("srm", *LEVELLED[2:])
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [{"key": key, "weight": w} for key, w in zip(KEYS, SHARES[0], strict=True)],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["m"]},
            "segments": ["country"],
            "assignment": {
                "scheme": "none",
                "history": [
                    {
                        "from": f"2026-01-0{day + 1}T00:00:00Z",
                        "weights": dict(zip(KEYS, map(float, w), strict=True)),
                    }
                    for day, w in zip((0, CHANGE), SHARES, strict=True)
                ],
            },
            "health": {check: {"threshold": level} for check in named},
        }
    )


def clean(rng: np.random.Generator, per_day: float) -> dict[str, list[dict[str, Any]]]:
    """A clean experiment: every rate the same in all variants."""
    profile, segments = [], []
    totals = np.zeros(3, dtype=np.int64)
    valued: Counter[tuple[str, int, int]] = Counter()
    for day in range(DAYS):
        period = int(day >= CHANGE)
        units = rng.multinomial(rng.poisson(per_day), SHARES[period])
        totals += units
        excluded = rng.binomial(units, 0.02)
        for v in range(3):
            profile += profile_rows((day, period, v), int(units[v] - excluded[v]), int(excluded[v]))
            for value, n in zip(
                ("DE", "FR", "(other)"), rng.multinomial(units[v], [0.7, 0.25, 0.05]), strict=True
            ):
                valued[value, period, v] += int(n)
    for (value, period, v), n in valued.items():
        segments.append({"experiment_id": "e", "segment_name": "country", "segment_value": value,
                         "period": period, "variant": KEYS[v], "wrong": False, "n": n})  # fmt: skip
    drops = []
    for reason in REASONS:
        among = reason in ("repeated_exposure", "before_window")
        lost = (
            rng.binomial(totals, RATES[reason]) if among else rng.poisson(RATES[reason] * strangers(totals))
        )
        stage = "pairs" if reason == "before_window" else "exposures"
        drops += [{"experiment_id": "e", "stage": stage, "source": "web", "reason": reason, "variant": key,
                   "rows": 1, "units": int(n)} for key, n in zip(KEYS, lost, strict=True)]  # fmt: skip
    return {"profile": profile, "segments": segments, "drops": drops}


def strangers(totals: np.ndarray) -> np.ndarray:
    """What the variants' true sizes are, that dropped units without a valid exposure follow."""
    return totals.sum() * (CHANGE * SHARES[0] + (DAYS - CHANGE) * SHARES[1]) / DAYS


def profile_rows(cell: tuple[int, int, int], kept: int, excluded: int) -> list[dict[str, Any]]:
    day, period, v = cell
    base = {"experiment_id": "e", "period": period, "day": date(2026, 1, 1) + timedelta(days=day),
            "variant": KEYS[v], "near": False, "not_ascii": False, "capitals": False, "sampled": 0,
            "earliest": day, "latest": day}  # fmt: skip
    rows = [{**base, "n": kept, "expected_variant": KEYS[v], "hash_status": "match", "excluded_reason": None,
             "several": 0}]  # fmt: skip
    rows.append({**rows[0], "n": excluded, "several": excluded, "excluded_reason": "multiple_variants"})
    return [row for row in rows if row["n"]]


def others(v: int) -> list[int]:
    return [w for w in range(3) if w != v]


def swapped(rng: np.random.Generator, profile: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Exchange recorded variants of pairs of variants, each way as likely."""
    rows = list(profile)
    for v in range(3):
        for w in others(v):
            n = int(rng.poisson(4 if v + w == 2 else 12))
            rows.append({**profile[0], "variant": KEYS[v], "expected_variant": KEYS[w], "n": n, "several": 0,
                         "hash_status": "mismatch", "excluded_reason": None})  # fmt: skip
    return [row for row in rows if row["n"]]


@pytest.mark.parametrize("level", [0.05, 0.001])
@pytest.mark.parametrize("per_day", [6.0, 300.0, 20_000.0])
def test_clean_experiments_alarm_no_oftener_than_the_level(per_day: float, level: float) -> None:
    rng = np.random.default_rng([int(per_day), int(level * 1000)])
    given, alarms = [experiment(level)], Counter[str]()
    for _ in range(SIMULATIONS):
        logs = clean(rng, per_day)
        rows = health(logs["profile"], given, segments=logs["segments"], drops=logs["drops"])
        moved = health(swapped(rng, logs["profile"]), given)
        rows = [row for row in rows if row["check"] != "hash_assignment"]
        rows += [row for row in moved if row["check"] == "hash_assignment"]
        alarms.update({row["check"] for row in rows if row["status"] in ("warn", "fail")} & {*LEVELLED})
        alarms.update(
            {"srm by segment" for row in rows if row["slice_name"] == "country" and row["status"] == "fail"}
        )
    bound = binom.ppf(0.999, SIMULATIONS, level)
    # Both families of `srm` and both of `traffic` have the level each.
    families = {"srm": 2, "traffic": 2}
    assert {
        name: count
        for name, count in alarms.items()
        if count > binom.ppf(0.999, SIMULATIONS, level * families.get(name, 1))
    } == {}
    assert alarms["srm by segment"] <= bound
