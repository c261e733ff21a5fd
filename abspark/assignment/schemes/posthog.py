"""PostHog (source read: posthog-python feature_flags.py).

Fifteen digits of SHA-1 over 2**60: of `flag.id` for the rollout (out if above the percentage), of `flag.id` +
`variant` for the variant (half-open, percentages cumulated as shares in doubles). A holdout takes
`holdout-id` up to its percentage, inclusive. The id is the distinct id, or the group's key; an
experience-continuity override is not derivable from it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, outside, partition
from abspark.config.schemes.sha1 import PostHog

SIZE: Final = 1 << 60


def plan(config: PostHog) -> Plan:
    """The holdout, the rollout where below 100 %, then the variants."""
    prefix = f"{config.flag_key}."
    bounds = accumulate((given.percentage / 100 for given in config.allocations), initial=0.0)
    named = zip([None, *(given.variant for given in config.allocations)], bounds, strict=True)
    segments = partition(SIZE, named, lambda number, bound: number / SIZE < bound)
    split = Stage("split", "sha1_15", segments, SIZE, prefix=prefix, suffix="variant")
    gates = []
    if config.holdout_percentage is not None:
        free = outside(_up_to(config.holdout_percentage), 0, SIZE)
        gates.append(Stage("holdout", "sha1_15", free, SIZE, prefix="holdout-"))
    if config.rollout_percentage != 100:
        allowed = _up_to(config.rollout_percentage)
        gates.append(Stage("rollout", "sha1_15", allowed, SIZE, prefix=prefix))
    return Plan(split, tuple(gates))


def _up_to(percentage: float) -> tuple[Segment, ...]:
    return partition(SIZE, [(IN, percentage / 100)], lambda number, bound: number / SIZE <= bound)
