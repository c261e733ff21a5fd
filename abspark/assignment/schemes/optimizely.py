"""Optimizely Feature Experimentation (sources read: optimizely/bucketer.py, Bucketer.java, murmurhashbucketer.go).

`bucketing id + entity id`, murmur3 with seed 1 spread over 10,000; the first entry with `bucket < end` has
the unit. A mutex group or a holdout is the same with its own id. The Go SDK before 2.2.1 counted in 32-bit floats, in
which the largest hashes reach bucket 10,000, that no entry has.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.murmur import Optimizely

BUCKETS: Final = 10_000
SEED: Final = 1


def plan(config: Optimizely) -> Plan:
    """The holdouts, the group, then the split."""
    ends = [(given.variant, given.end) for given in config.allocations]
    single = config.sdk == "go_before_2.2.1"
    kernel = "murmur3_scale_float32" if single else "murmur3_scale"
    above = BUCKETS + 1 if single else BUCKETS

    def stage(name: str, entity_id: str, segments: tuple[Segment, ...]) -> Stage:
        return Stage(name, kernel, segments, BUCKETS, suffix=entity_id, seed=SEED)

    split = stage("split", config.entity_id, partition(BUCKETS, ends, lambda bucket, end: bucket < end))
    gates = [
        stage(f"holdout {given.id}", given.id, (Segment(given.end, above, IN),)) for given in config.holdouts
    ]
    if config.group is not None:
        own = Segment(config.group.start, config.group.end, IN)
        gates.append(stage(f"group {config.group.id}", config.group.id, (own,)))
    return Plan(split, tuple(gates))
