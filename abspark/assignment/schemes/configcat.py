"""ConfigCat (source read: python-sdk rolloutevaluator.py): seven digits of SHA-1 of `setting key + id`, modulo 100."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import Plan, Stage, partition
from abspark.config.schemes.sha1 import ConfigCat

BUCKETS: Final = 100


def plan(config: ConfigCat) -> Plan:
    """The first option whose cumulated percentage is above the bucket."""
    ends = accumulate(given.weight for given in config.allocations)
    named = zip((given.variant for given in config.allocations), ends, strict=True)
    segments = partition(BUCKETS, named, lambda bucket, end: bucket < end)
    return Plan(Stage("split", "sha1_7", segments, BUCKETS, prefix=config.setting_key))
