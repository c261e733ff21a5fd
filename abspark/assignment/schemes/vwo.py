"""VWO (sources read: core/bucketer.py, helpers/campaign_util.py; FME: decision_maker.py).

A value is `floor((max * hash / 2**32 + 1) * multiplier)` of murmur3 with seed 1. Traffic is a value of 1 …
100; variations own inclusive ranges of 1 … 10,000 of `ceil(weight * 100)` each. The old bucketing stretches
one hash by the traffic; the others hash twice. A mutually exclusive group is a value of `group id_user`.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.vwo import VwoFme, VwoNew, VwoNewSeeded, VwoOld

SEED: Final = 1
TRAFFIC: Final = 100
RANGE: Final = 10_000
HASHES: Final = 1 << 32


def plan(config: VwoOld | VwoNew | VwoNewSeeded | VwoFme) -> Plan:
    """The group, the traffic, then the variation."""
    traffic_key, variation_key = _keys(config)
    holds = partition(
        TRAFFIC, [(IN, config.percent_traffic)], lambda number, share: number + 1 <= share, offset=1
    )
    traffic = Stage("traffic", "murmur3_scale", holds, TRAFFIC, prefix=traffic_key, seed=SEED, offset=1)
    gates = (*_group(config), traffic)
    if isinstance(config, VwoOld):
        split = Stage("split", "murmur3_mod", _stretched(config), HASHES, prefix=traffic_key, seed=SEED)
        return Plan(split, gates)
    segments = partition(RANGE, _ends(config), lambda number, end: number + 1 <= end, offset=1)
    split = Stage("split", "murmur3_scale", segments, RANGE, prefix=variation_key, seed=SEED, offset=1)
    return Plan(split, gates)


def _group(config: VwoOld | VwoNew | VwoNewSeeded | VwoFme) -> tuple[Stage, ...]:
    if (group := config.group) is None:
        return ()
    own = (Segment(group.start, group.end + 1, IN),)
    name, key = f"group {group.id}", f"{group.id}_"
    return (Stage(name, "murmur3_scale", own, RANGE, prefix=key, seed=SEED, offset=1),)


def _keys(config: VwoOld | VwoNew | VwoNewSeeded | VwoFme) -> tuple[str, str]:
    match config:
        case VwoFme():
            return f"{config.salt}_", f"{config.salt}_{config.account_id}_"
        case VwoNewSeeded():
            return f"{config.campaign_id}_", f"{config.campaign_id}_{config.account_id}_"
        case VwoNew():
            return f"{config.campaign_id}_", ""
    key = "" if config.campaign_id is None else f"{config.campaign_id}_"
    return key, key


def _ends(config: VwoOld | VwoNew | VwoNewSeeded | VwoFme) -> list[tuple[str | None, int]]:
    steps = [min(math.ceil(given.percentage * 100), RANGE) for given in config.allocations]
    return list(zip((given.variant for given in config.allocations), accumulate(steps), strict=True))


def _stretched(config: VwoOld) -> tuple[Segment, ...]:
    """Buckets are whole hashes here: the value depends on them through the multiplier."""
    multiplier = RANGE / config.percent_traffic / 100

    def value(number: int) -> int:
        return math.floor((RANGE * number / HASHES + 1) * multiplier)

    return partition(HASHES, _ends(config), lambda number, end: value(number) <= end)
