"""Harness Feature Flags (source read: python evaluator.py): murmur3, seed 0, of `bucketBy:value`, modulo 100 plus 1."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import Plan, Stage, partition
from abspark.config.schemes.murmur import Harness

BUCKETS: Final = 100


def plan(config: Harness) -> Plan:
    """The first variant with `bucket <= cumulated weight`."""
    bounds = accumulate(given.weight for given in config.allocations)
    named = zip((given.variant for given in config.allocations), bounds, strict=True)
    segments = partition(BUCKETS, named, lambda number, bound: number + 1 <= bound, offset=1)
    return Plan(Stage("split", "murmur3_mod", segments, BUCKETS, prefix=f"{config.bucket_by}:", offset=1))
