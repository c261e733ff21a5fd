"""Split (sources read: python splitters.py, js murmur3.ts and legacy.ts).

The key alone is hashed, by murmur3 or Java's hashCode xor the seed, modulo 100 plus 1; partitions take the
first `cumulated size >= bucket`. Traffic is a hash of its own seed: out where the bucket is above the
allocation.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.murmur import Split

BUCKETS: Final = 100
KERNELS: Final = {"murmur": "murmur3_mod", "legacy": "java_hash"}


def plan(config: Split) -> Plan:
    """The traffic, where below 100, then the partitions."""
    kernel = KERNELS[config.version]
    sizes = accumulate(given.weight for given in config.allocations)
    named = zip((given.variant for given in config.allocations), sizes, strict=True)
    segments = partition(BUCKETS, named, lambda number, size: number + 1 <= size, offset=1)
    split = Stage("split", kernel, segments, BUCKETS, seed=config.seed, offset=1)
    if config.traffic_allocation == BUCKETS or config.traffic_allocation_seed is None:
        return Plan(split)
    allowed = (Segment(1, config.traffic_allocation + 1, IN),)
    return Plan(
        split, (Stage("traffic", kernel, allowed, BUCKETS, seed=config.traffic_allocation_seed, offset=1),)
    )
