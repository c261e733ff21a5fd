"""GrowthBook (source read: packages/sdk-js/src/util.ts and core.ts; Java SDK for its float arithmetic).

Version 1 hashes attribute + seed, modulo 1,000; version 2 seed + attribute, twice, modulo 10,000. Ranges are
half-open; coverage shrinks each variation's range in place, so units do not move when it grows. An empty
attribute is out of the experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from abspark.assignment.float32 import float32
from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, count_below, first_match
from abspark.config.schemes.base import Variants
from abspark.config.schemes.growthbook import GrowthBook
from abspark.config.schemes.parts import ShareRange

UNITS: Final = {"javascript": "utf16", "java": "utf8", "python": "points", "go": "utf8", "php": "utf8"}
MODULI: Final = {1: 1_000, 2: 10_000}
NAMESPACE_VERSION: Final = 1

Real = Callable[[float], float]
"""Rounds to the SDK's kind of number."""


def plan(config: GrowthBook, variants: Variants) -> Plan:
    """Filters, else the namespace, then the split."""
    real = float32 if config.sdk == "java" else float
    ranges = [(r.start, r.end, r.variant) for r in config.ranges] or _ranges(config.coverage, variants, real)
    split = _stage(config, "split", config.seed, config.version, ranges)
    gates = [
        _stage(config, f"filter {given.seed}", given.seed, given.hash_version, _gate(given.ranges))
        for given in config.filters
    ]
    if config.namespace:
        name = config.namespace.id
        gates.append(
            _stage(config, f"namespace {name}", f"__{name}", NAMESPACE_VERSION, _gate([config.namespace]))
        )
    return Plan(split, tuple(gates), IdRule(empty=None))


def _gate(ranges: Iterable[ShareRange]) -> list[tuple[float, float, str]]:
    return [(given.start, given.end, IN) for given in ranges]


def _ranges(coverage: float, variants: Variants, real: Real) -> list[tuple[float, float, str]]:
    ranges = []
    cumulated = 0.0
    for key, weight in variants:
        ranges.append((cumulated, real(cumulated + real(real(coverage) * real(weight))), key))
        cumulated = real(cumulated + real(weight))
    return ranges


def _stage(
    config: GrowthBook, name: str, seed: str, version: int, ranges: Iterable[tuple[float, float, str]]
) -> Stage:
    real = float32 if config.sdk == "java" else float
    modulus = MODULI[version]

    def end(share: float) -> int:
        return count_below(modulus, lambda bucket: real(bucket / modulus) < real(share))

    segments = first_match(Segment(end(low), end(high), outcome) for low, high, outcome in ranges)
    kernel = f"fnv1a_{UNITS[config.sdk]}"
    if version == 1:
        return Stage(name, kernel, segments, modulus, suffix=seed)
    return Stage(name, f"{kernel}_twice", segments, modulus, prefix=seed)
