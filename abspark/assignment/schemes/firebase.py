"""Firebase Remote Config on servers (source read: the Node admin SDK's condition evaluator).

All of SHA-256 of `seed.id` modulo 100,000,000, in micro-percent; BETWEEN takes `start < hash <= end`.
"""

from __future__ import annotations

from typing import Final

from abspark.assignment.plan import Plan, Segment, Stage, first_match
from abspark.config.schemes.sha256 import Firebase

SIZE: Final = 100_000_000


def plan(config: Firebase) -> Plan:
    """The first range that holds the hash."""
    segments = first_match(Segment(r.start + 1, r.end + 1, r.variant) for r in config.allocations)
    return Plan(Stage("split", "sha256_64", segments, SIZE, prefix=f"{config.seed}."))
