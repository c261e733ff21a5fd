"""Unleash (sources read: node client strategy/util.ts, flexible-rollout-strategy.ts, variant.ts; Yggdrasil).

`group id:unit`, murmur3 modulo n plus 1: the rollout with seed 0 and n = 100, the variants with seed
86028157 and n = the sum of their weights. The Node client hashes the low byte of each UTF-16 unit, clients on
Yggdrasil UTF-8. Without an id stickiness falls back to a session or to chance.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, partition
from abspark.config.schemes.murmur import Unleash

VARIANT_SEED: Final = 86028157
PERCENT: Final = 100
KERNELS: Final = {"yggdrasil": "murmur3_mod", "node": "murmur3_mod_low"}


def plan(config: Unleash) -> Plan:
    """The rollout, then the variants."""
    weights = [given.weight for given in config.allocations]
    names = [given.variant for given in config.allocations]
    bounds = zip(names, accumulate(weights), strict=True)
    segments = partition(sum(weights), bounds, lambda number, bound: number + 1 <= bound, offset=1)
    group = config.group_id if config.variant_group_id is None else config.variant_group_id
    kernel = KERNELS[config.sdk]
    split = Stage("split", kernel, segments, sum(weights), prefix=f"{group}:", seed=VARIANT_SEED, offset=1)
    allowed = (Segment(1, config.rollout + 1, IN),)
    gate = Stage("rollout", kernel, allowed, PERCENT, prefix=f"{config.group_id}:", offset=1)
    return Plan(split, (gate,), IdRule(empty=None, lost="the SDK falls back to a session or to chance"))
