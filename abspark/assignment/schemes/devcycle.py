"""DevCycle (sources read: js bucketing.ts, go bucketing.go; murmurhash.ts of the WebAssembly core).

murmur3 over 2**32 - 1, with the target's own seed, murmur3 of its id with seed 1: `user_rollout` for the
rollout, inclusive; `user` for the variation, the first cumulated share above it in descending order of
variation ids, and the one that reaches exactly 1 includes it. A missing id is hashed as `null`. JavaScript and Go
hash UTF-8; the WebAssembly core a backslash for each UTF-16 unit beyond ASCII.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.murmur import murmur3
from abspark.assignment.plan import IN, IdRule, Plan, Stage, partition
from abspark.config.schemes.devcycle import DevCycle

HASHES: Final = 1 << 32
MAX_HASH: Final = HASHES - 1
TARGET_SEED: Final = 1


def plan(config: DevCycle) -> Plan:
    """The rollout, then the variation."""
    seed = murmur3(config.target_id.encode(), TARGET_SEED)
    shares = sorted(config.allocations, key=lambda given: given.variation_id, reverse=True)
    bounds = accumulate(given.percentage for given in shares)
    named = zip((given.variant for given in shares), bounds, strict=True)
    segments = partition(
        HASHES, named, lambda number, bound: number / MAX_HASH < bound or number / MAX_HASH == bound == 1
    )
    allowed = partition(HASHES, [(IN, config.rollout)], lambda number, share: number / MAX_HASH <= share)
    kernel = "murmur3_mod_ascii" if config.sdk == "wasm" else "murmur3_mod"
    split = Stage("split", kernel, segments, HASHES, seed=seed)
    gate = Stage("rollout", kernel, allowed, HASHES, suffix="_rollout", seed=seed)
    return Plan(split, (gate,), IdRule(null="null"))
