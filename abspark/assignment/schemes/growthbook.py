"""GrowthBook (source read: packages/sdk-js/src/util.ts and core.ts; Java SDK for its float arithmetic).

Version 1 hashes attribute + seed, modulo 1,000; version 2 seed + attribute, twice, modulo 10,000. Ranges are
half-open; coverage shrinks each variation's range in place, so units do not move when it grows. An empty
attribute is out of the experiment. A rule that forces a value takes a half-open range or a coverage, inclusive but for
0; whom its filters leave out gets what the later rules give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from abspark.assignment.float32 import float32
from abspark.assignment.plan import (
    IN,
    IdRule,
    Plan,
    Segment,
    Stage,
    count_below,
    first_match,
    outside,
    partition,
)
from abspark.config.schemes.base import Variants
from abspark.config.schemes.growthbook import ForceRule, GrowthBook
from abspark.config.schemes.parts import ShareRange

UNITS: Final = {"javascript": "utf16", "java": "utf8", "python": "points", "go": "utf8", "php": "utf8"}
MODULI: Final = {1: 1_000, 2: 10_000}
NAMESPACE_VERSION: Final = 1

Real = Callable[[float], float]
"""Rounds to the SDK's kind of number."""


def plan(config: GrowthBook, variants: Variants) -> Plan:
    """Filters, else the namespace, then the split."""
    otherwise = None if config.force is None else config.force.otherwise
    if config.force is None:
        ranges = [(r.start, r.end, r.variant) for r in config.ranges] or _ranges(config, variants)
        segments = _segments(config, config.version, ranges)
    else:
        segments = _rest(_forced(config, config.force), config.version, otherwise)
    split = _stage(config, "split", config.seed, config.version, segments)
    gates = [
        _stage(
            config, f"filter {given.seed}", given.seed, given.hash_version,
            _rest(_gate(config, given.hash_version, given.ranges), given.hash_version, otherwise),
        )
        for given in config.filters
    ]  # fmt: skip
    if config.namespace:
        name = config.namespace.id
        own = _gate(config, NAMESPACE_VERSION, [config.namespace])
        gates.append(_stage(config, f"namespace {name}", f"__{name}", NAMESPACE_VERSION, own))
    return Plan(split, tuple(gates), IdRule(empty=None))


def _real(config: GrowthBook) -> Real:
    return float32 if config.sdk == "java" else float


def _gate(config: GrowthBook, version: int, ranges: Iterable[ShareRange]) -> tuple[Segment, ...]:
    return _segments(config, version, [(given.start, given.end, IN) for given in ranges])


def _ranges(config: GrowthBook, variants: Variants) -> list[tuple[float, float, str]]:
    real, ranges = _real(config), []
    cumulated = 0.0
    for key, weight in variants:
        ranges.append((cumulated, real(cumulated + real(real(config.coverage) * real(weight))), key))
        cumulated = real(cumulated + real(weight))
    return ranges


def _segments(
    config: GrowthBook, version: int, ranges: Iterable[tuple[float, float, str]]
) -> tuple[Segment, ...]:
    real, modulus = _real(config), MODULI[version]

    def end(share: float) -> int:
        return count_below(modulus, lambda bucket: real(bucket / modulus) < real(share))

    return first_match(Segment(end(low), end(high), outcome) for low, high, outcome in ranges)


def _forced(config: GrowthBook, force: ForceRule) -> tuple[Segment, ...]:
    if force.range is not None:
        return _segments(config, config.version, [(force.range.start, force.range.end, force.variant)])
    real, modulus, share = _real(config), MODULI[config.version], force.coverage or 0.0
    bounds = [(force.variant, real(share))] if share > 0 else []
    return partition(modulus, bounds, lambda bucket, bound: real(bucket / modulus) <= bound)


def _rest(segments: tuple[Segment, ...], version: int, outcome: str | None) -> tuple[Segment, ...]:
    """With what they leave over given to `outcome`."""
    if outcome is None:
        return segments
    return tuple(sorted([*segments, *outside(segments, 0, MODULI[version], outcome)]))


def _stage(config: GrowthBook, name: str, seed: str, version: int, segments: tuple[Segment, ...]) -> Stage:
    kernel = f"fnv1a_{UNITS[config.sdk]}"
    if version == 1:
        return Stage(name, kernel, segments, MODULI[version], suffix=seed)
    return Stage(name, f"{kernel}_twice", segments, MODULI[version], prefix=seed)
