"""Optimizely Feature Experimentation (sources read: optimizely/bucketer.py, Bucketer.java, murmurhashbucketer.go).

`bucketing id + entity id`, murmur3 with seed 1 spread over 10,000; the first entry with `bucket < end` has
the unit. A mutex group is the same with the group's id. Not the Go SDK before 2.2.1, which counted in
32-bit floats.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.murmur import Optimizely

BUCKETS: Final = 10_000
SEED: Final = 1


def plan(config: Optimizely) -> Plan:
    """The group, then the split."""
    ends = [(given.variant, given.end) for given in config.allocations]
    split = _stage("split", config.entity_id, partition(BUCKETS, ends, lambda bucket, end: bucket < end))
    if config.group is None:
        return Plan(split)
    own = Segment(config.group.start, config.group.end, IN)
    return Plan(split, (_stage(f"group {config.group.id}", config.group.id, (own,)),))


def _stage(name: str, entity_id: str, segments: tuple[Segment, ...]) -> Stage:
    return Stage(name, "murmur3_scale", segments, BUCKETS, suffix=entity_id, seed=SEED)
