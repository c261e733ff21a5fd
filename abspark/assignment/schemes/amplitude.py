"""Amplitude Experiment (sources read: evaluation/engine.py, murmur3.ts).

murmur3 with seed 0 of `salt/value`: the hash modulo 100 is allocated, the whole quotient by 100
distributed, both by half-open ranges. An empty value gets the segment's own variant.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, first_match
from abspark.config.schemes.murmur import Amplitude

PERCENT: Final = 100


def plan(config: Amplitude) -> Plan:
    """The allocation, then the distribution."""
    prefix = f"{config.salt}/"
    allowed = first_match(Segment(given.start, given.end, IN) for given in config.allocation)
    segments = first_match(Segment(given.start, given.end, given.variant) for given in config.allocations)
    split = Stage("split", "murmur3_div", segments, PERCENT, prefix=prefix)
    gate = Stage("allocation", "murmur3_mod", allowed, PERCENT, prefix=prefix)
    return Plan(split, (gate,), IdRule(empty=None))
