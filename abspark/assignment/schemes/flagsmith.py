"""Flagsmith (sources read: flag_engine/utils/hashing.py, segments/evaluator.py).

All of MD5 of `feature key,identity key` modulo 9,999, over 9,998, times 100: a percentage. A rest of 9,998
(100 %) is hashed again with the keys given once more. Variants take half-open ranges of percentages in
order of priority. A segment's percentage split is the same of `segment key,identity key`, inclusive.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.md5 import Flagsmith

MODULUS: Final = 9_999


def plan(config: Flagsmith) -> Plan:
    """The segment, then the variants; what the percentages leave over gets the control value."""
    ends = accumulate(given.percentage for given in config.allocations)
    named = [*zip((given.variant for given in config.allocations), ends, strict=True)]
    bounds = [*named, (config.control_value, math.inf)]
    segments: tuple[Segment, ...] = partition(
        MODULUS, bounds, lambda rest, end: rest / (MODULUS - 1) * 100 < end
    )
    environment = "" if config.environment_key is None else f"{config.environment_key}_"
    prefix = f"{config.feature_key},{environment}"
    split = Stage("split", "md5_32_rehashed", segments, MODULUS, prefix=prefix)
    if (segment := config.segment) is None:
        return Plan(split)
    shares = [(IN, segment.value), (segment.outside, math.inf)]
    members = partition(MODULUS, shares, lambda rest, end: rest / (MODULUS - 1) * 100 <= end)
    key = f"{segment.segment_key},{environment}"
    return Plan(split, (Stage("segment", "md5_32_rehashed", members, MODULUS, prefix=key),))
