"""The project's own scheme: `int(sha256("salt:experiment:unit")[:8 hex]) % 10000 / 10000 < cumulated weight`.

Defined in doubles, as services that log such assignments compute it: the running double sum of the weights,
compared with the double quotient; or ranges of buckets that are listed. The salt and the ids are not escaped:
`a:b` + `c` hashes as `a` + `b:c`.
"""

from __future__ import annotations

from abspark.assignment.plan import Plan, Segment, Stage, count_below, partition
from abspark.config.schemes.base import Variants
from abspark.config.schemes.sha256 import SHA256_BUCKETS as BUCKETS
from abspark.config.schemes.sha256 import Sha256


def plan(config: Sha256, experiment_id: str, variants: Variants) -> Plan:
    """Variant i owns `[cumulated, cumulated + traffic * weight)`; with traffic 1 the last takes the rest."""
    filled = _listed(config) if config.allocations else _weighted(config, variants)
    return Plan(Stage("split", "sha256_8", filled, BUCKETS, prefix=f"{config.salt}:{experiment_id}:"))


def _listed(config: Sha256) -> tuple[Segment, ...]:
    ends = [(given.variant, given.end) for given in config.allocations]
    return partition(BUCKETS, ends, lambda bucket, end: bucket < end)


def _weighted(config: Sha256, variants: Variants) -> tuple[Segment, ...]:
    segments = []
    cumulated = 0.0
    for key, weight in variants:
        segments.append(Segment(_end(cumulated), _end(cumulated + config.traffic * weight), key))
        cumulated += weight
    if config.traffic == 1.0:
        segments[-1] = segments[-1]._replace(end=BUCKETS)
    return tuple(segment for segment in segments if segment.start < segment.end)


def _end(share: float) -> int:
    return count_below(BUCKETS, lambda bucket: bucket / BUCKETS < share)
