"""Eppo (sources read: python-sdk sharders.py, eval.py, and shard.py of its history).

Eight digits of MD5 modulo the number of shards. UFC hashes `salt-subject` and has half-open ranges; its
predecessor (RAC) hashes `exposure-subject-flag`, inclusive, and `assignment-subject-flag`, half-open.
"""

from __future__ import annotations

from collections.abc import Iterable

from abspark.assignment.plan import IN, Plan, Segment, Stage, first_match, outside, partition
from abspark.config.schemes.md5 import EppoRac, EppoUfc
from abspark.config.schemes.parts import BucketRange, VariantRange

KERNEL = "md5_8"


def plan(config: EppoUfc | EppoRac) -> Plan:
    """UFC: traffic, then the split. RAC: exposure, holdouts, then the split."""
    segments = first_match(Segment(r.start, r.end, r.variant) for r in config.allocations)
    return _ufc(config, segments) if isinstance(config, EppoUfc) else _rac(config, segments)


def _ranges(ranges: Iterable[BucketRange | VariantRange]) -> tuple[Segment, ...]:
    return first_match(Segment(given.start, given.end, IN) for given in ranges)


def _ufc(config: EppoUfc, segments: tuple[Segment, ...]) -> Plan:
    shards = config.total_shards
    split = Stage("split", KERNEL, segments, shards, prefix=f"{config.split_salt}-")
    if config.traffic is None:
        return Plan(split)
    allowed = _ranges(config.traffic.ranges)
    return Plan(split, (Stage("traffic", KERNEL, allowed, shards, prefix=f"{config.traffic.salt}-"),))


def _rac(config: EppoRac, segments: tuple[Segment, ...]) -> Plan:
    shards, suffix = config.subject_shards, f"-{config.flag_key}"
    exposed = config.percent_exposure * shards
    allowed = partition(shards, [(IN, exposed)], lambda shard, bound: shard <= bound)
    gates = [Stage("exposure", KERNEL, allowed, shards, prefix="exposure-", suffix=suffix)]
    if config.holdouts:
        free = outside(_ranges(config.holdouts), 0, shards)
        gates.append(Stage("holdouts", KERNEL, free, shards, prefix="holdout-"))
    split = Stage("split", KERNEL, segments, shards, prefix="assignment-", suffix=suffix)
    return Plan(split, tuple(gates))
