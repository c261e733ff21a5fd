"""PostHog (source read: posthog-python feature_flags.py).

Fifteen digits of SHA-1 over 2**60: of `flag.id` for the rollout (out if above the percentage), of `flag.id`
+ `variant` for the variant (half-open, percentages cumulated as shares in doubles). The id is the distinct
id, or the group's key; an experience-continuity override is not derivable from it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Stage, partition
from abspark.config.schemes.sha1 import PostHog

SIZE: Final = 1 << 60


def plan(config: PostHog) -> Plan:
    """The rollout, where below 100 %, then the variants."""
    prefix = f"{config.flag_key}."
    bounds = accumulate((given.percentage / 100 for given in config.allocations), initial=0.0)
    named = zip([None, *(given.variant for given in config.allocations)], bounds, strict=True)
    segments = partition(SIZE, named, lambda number, bound: number / SIZE < bound)
    split = Stage("split", "sha1_15", segments, SIZE, prefix=prefix, suffix="variant")
    if config.rollout_percentage == 100:
        return Plan(split)
    share = config.rollout_percentage / 100
    allowed = partition(SIZE, [(IN, share)], lambda number, bound: number / SIZE <= bound)
    return Plan(split, (Stage("rollout", "sha1_15", allowed, SIZE, prefix=prefix),))
