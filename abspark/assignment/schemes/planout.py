"""PlanOut (sources read: planout/ops/random.py, planout/namespace.py, PlanOut.js).

Fifteen digits of SHA-1 of `salt.unit` (PlanOut.js by default: thirteen). UniformChoice takes the rest modulo
the number of choices, BernoulliTrial its first outcome where `hash / scale <= p`, WeightedChoice the first
with `hash / scale * sum <= cumulated weight`, where the scale is the largest hash as a double: 2**60, or
2**52 - 1. A namespace hashes `name.segment.unit` into segments. The original (`python`) raises for ids beyond
ASCII, so that they have no variant.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, first_match, partition
from abspark.config.schemes.sha1 import PlanOut

DIGITS: Final = {"python": 15, "javascript": 13}


def plan(config: PlanOut) -> Plan:
    """The namespace, then the choice."""
    digits = DIGITS[config.version]
    uniform = config.operation == "uniform_choice"
    segments = {"uniform_choice": _uniform, "weighted_choice": _weighted, "bernoulli_trial": _trial}[
        config.operation
    ](config)
    modulus = len(config.allocations) if uniform else 16**digits
    split = Stage("split", f"sha1_{digits}", segments, modulus, prefix=f"{config.salt}.")
    rule = IdRule(ascii_only=config.version == "python")
    if (space := config.namespace) is None:
        return Plan(split, ids=rule)
    own = first_match(Segment(number, number + 1, IN) for number in space.segments)
    gate = Stage(
        f"namespace {space.name}", f"sha1_{digits}", own, space.num_segments, prefix=f"{space.name}.segment."
    )
    return Plan(split, (gate,), rule)


def _uniform(config: PlanOut) -> tuple[Segment, ...]:
    return tuple(Segment(i, i + 1, given.variant) for i, given in enumerate(config.allocations))


def _weighted(config: PlanOut) -> tuple[Segment, ...]:
    bounds = list(accumulate(given.weight for given in config.allocations))
    named = zip((given.variant for given in config.allocations), bounds, strict=True)
    size = 16 ** DIGITS[config.version]
    scale = float(size - 1)
    return partition(size, named, lambda number, bound: number / scale * bounds[-1] <= bound)


def _trial(config: PlanOut) -> tuple[Segment, ...]:
    first, second = config.allocations
    size = 16 ** DIGITS[config.version]
    scale = float(size - 1)
    named = [(first.variant, first.weight), (second.variant, math.inf)]
    return partition(size, named, lambda number, bound: number / scale <= bound)
