"""PlanOut (sources read: planout/ops/random.py, planout/namespace.py, PlanOut.js).

Fifteen digits of SHA-1 of `salt.unit` (PlanOut.js by default: thirteen). UniformChoice takes the rest modulo
the number of choices, BernoulliTrial its first outcome where `hash / scale <= p`, WeightedChoice the first
with `hash / scale * sum <= cumulated weight`, where the scale is the largest hash as a double: 2**60, or
2**52 - 1. Sample shuffles the choices. A namespace hashes `name.segment.unit` into segments; an experiment's are what
Sample drew of the free ones, in the order in which Python's set has them, when it was added. The original (`python`)
raises for ids beyond ASCII, so that they have no variant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import ASCII, IN, IdRule, Plan, Segment, Stage, first_match, partition
from abspark.assignment.shuffles import shuffled
from abspark.config.schemes.sha1 import PlanOut, PlanOutNamespace

DIGITS: Final = {"python": 15, "javascript": 13}


def plan(config: PlanOut) -> Plan:
    """The namespace, then the choice."""
    digits = DIGITS[config.version]
    ranges = {"weighted_choice": _weighted, "bernoulli_trial": _trial}.get(config.operation)
    kernel = "sha1_15_shuffle" if config.operation == "sample" else f"sha1_{digits}"
    segments = _uniform(config) if ranges is None else ranges(config)
    modulus = len(config.allocations) if ranges is None else 16**digits
    split = Stage("split", kernel, segments, modulus, prefix=f"{config.salt}.")
    rule = IdRule(only=ASCII if config.version == "python" else None)
    if (space := config.namespace) is None:
        return Plan(split, ids=rule)
    own = first_match(Segment(number, number + 1, IN) for number in _owned(space))
    gate = Stage(
        f"namespace {space.name}", f"sha1_{digits}", own, space.num_segments, prefix=f"{space.name}.segment."
    )
    return Plan(split, (gate,), rule)


def _owned(space: PlanOutNamespace) -> Sequence[int]:
    """The experiment's segments, drawn again where the calls on the namespace are listed.

    The order in which a set has its numbers depends on its past: this one is filled and emptied as the original's.
    """
    free, owned = set(range(space.num_segments)), dict[str, list[int]]()
    for change in space.changes:
        if change.remove is not None:
            for segment in owned.pop(change.remove):
                free.add(segment)
        elif change.add is not None:
            text = f"{space.name}.sampled_segments.{change.add}"
            owned[change.add] = shuffled(text, list(free))[: change.segments]
            for segment in owned[change.add]:
                free.remove(segment)
    return space.segments if space.experiment is None else owned[space.experiment]


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
