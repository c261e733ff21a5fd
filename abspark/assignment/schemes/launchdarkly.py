"""LaunchDarkly (sources read: python evaluator_common.py, go evaluator_bucketing.go, js Bucketer.ts).

Fifteen digits of SHA-1 of `flag key.salt.context key` or `seed.context key`, over 2**60, against cumulated
weights over 100,000. Go computes both in 32-bit floats, the others in doubles. What lies beyond the sum
gets the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from abspark.assignment.float32 import float32, float32_of
from abspark.assignment.plan import Plan, Stage, partition
from abspark.config.schemes.sha1 import LaunchDarkly

SIZE: Final = 1 << 60
WHOLE: Final = 100_000


def plan(config: LaunchDarkly) -> Plan:
    """One stage: the rollout."""
    key = f"{config.flag_key}.{config.salt}" if config.seed is None else str(config.seed)
    bounds = [*_bounds(config)[:-1], math.inf]
    names = [given.variant for given in config.allocations]
    share = _float32_share if config.sdk == "go" else _double_share
    segments = partition(SIZE, zip(names, bounds, strict=True), lambda number, bound: share(number) < bound)
    return Plan(Stage("split", "sha1_15", segments, SIZE, prefix=f"{key}."))


def _double_share(number: int) -> float:
    return number / SIZE


def _float32_share(number: int) -> float:
    return float32_of(number) / SIZE


def _bounds(config: LaunchDarkly) -> list[float]:
    real: Callable[[float], float] = float32 if config.sdk == "go" else float
    weights = (real(given.weight / WHOLE) for given in config.allocations)
    return list(accumulate(weights, lambda total, weight: real(total + weight)))
