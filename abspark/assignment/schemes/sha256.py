"""The project's own scheme: `int(sha256("salt:experiment:unit")[:8 hex]) % 10000 / 10000 < cumulated weight`.

Defined in doubles, as services that log such assignments compute it: the running double sum of the weights,
compared with the double quotient. The salt and the ids are not escaped: `a:b` + `c` hashes as `a` + `b:c`.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import Plan, Segment, Stage, count_below
from abspark.config.schemes.base import Variants
from abspark.config.schemes.sha256 import Sha256

BUCKETS: Final = 10_000


def plan(config: Sha256, experiment_id: str, variants: Variants) -> Plan:
    """Variant i owns `[cumulated, cumulated + traffic * weight)`; with traffic 1 the last takes the rest."""
    segments = []
    cumulated = 0.0
    for key, weight in variants:
        segments.append(Segment(_end(cumulated), _end(cumulated + config.traffic * weight), key))
        cumulated += weight
    if config.traffic == 1.0:
        segments[-1] = segments[-1]._replace(end=BUCKETS)
    filled = tuple(segment for segment in segments if segment.start < segment.end)
    return Plan(Stage("split", "sha256_8", filled, BUCKETS, prefix=f"{config.salt}:{experiment_id}:"))


def _end(share: float) -> int:
    return count_below(BUCKETS, lambda bucket: bucket / BUCKETS < share)
