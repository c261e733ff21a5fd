"""Vercel flags-core (source read: evaluate.ts): xxHash32 of the value with the flag's seed.

The first variant with `hash < floor(cumulated weight / sum * 2**32)`.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import Plan, Stage, partition
from abspark.config.schemes.vercel import Vercel

HASHES: Final = 1 << 32


def plan(config: Vercel) -> Plan:
    """One stage."""
    totals = list(accumulate(given.weight for given in config.allocations))
    ends = [math.floor(total / totals[-1] * HASHES) for total in totals]
    named = zip((given.variant for given in config.allocations), ends, strict=True)
    segments = partition(HASHES, named, lambda number, end: number < end)
    return Plan(Stage("split", "xxhash32", segments, HASHES, seed=config.seed))
