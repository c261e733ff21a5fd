"""Statsig (sources read: python-sdk evaluator.py, utils.py; server core evaluator.rs, memo_sha_256.rs).

The first eight bytes of SHA-256, unsigned: modulo 10,000 for pass percentages, modulo 1,000 for user buckets.
A missing id is hashed as an empty one.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, first_match, outside, partition
from abspark.config.schemes.sha256 import StatsigExperiment, StatsigGate, StatsigRollout

KERNEL: Final = "sha256_16"
PASS_BUCKETS: Final = 10_000
USER_BUCKETS: Final = 1_000
_IDS: Final = IdRule(null="")
_PER_PERCENT: Final = PASS_BUCKETS // 100


def plan(config: StatsigExperiment | StatsigRollout) -> Plan:
    """An experiment: holdouts, layer, then groups. A gate: one stage."""
    if isinstance(config, StatsigRollout):
        return Plan(_rule("split", config, _passed(config, config.passed, config.failed)), ids=_IDS)
    gates = [
        _rule(f"holdout {gate.config_salt}", gate, outside(_passed(gate, IN), 0, PASS_BUCKETS))
        for gate in config.holdouts
    ]
    if config.layer:
        own = first_match(Segment(given.start, given.end, IN) for given in config.layer.allocated)
        gates.append(Stage("layer", KERNEL, own, USER_BUCKETS, prefix=f"{config.layer.salt}."))
    ends = [(given.variant, given.end) for given in config.allocations]
    groups = partition(USER_BUCKETS, ends, lambda bucket, end: bucket < end)
    return Plan(Stage("split", KERNEL, groups, USER_BUCKETS, prefix=f"{config.salt}."), tuple(gates), _IDS)


def _passed(gate: StatsigGate, outcome: str, otherwise: str | None = None) -> tuple[Segment, ...]:
    bounds = [(outcome, gate.pass_percentage * _PER_PERCENT), (otherwise, float(PASS_BUCKETS))]
    return partition(PASS_BUCKETS, bounds, lambda bucket, bound: bucket < bound)


def _rule(name: str, gate: StatsigGate, segments: tuple[Segment, ...]) -> Stage:
    return Stage(name, KERNEL, segments, PASS_BUCKETS, prefix=f"{gate.config_salt}.{gate.rule_salt}.")
