"""Firebase Remote Config on servers (source read: the Node admin SDK's condition evaluator).

All of SHA-256 of `seed.id` (without a seed: of the id) modulo 100,000,000, in micro-percent. BETWEEN takes
`start < hash <= end`, LESS_OR_EQUAL `hash <= end`, GREATER_THAN `start < hash`.
"""

from __future__ import annotations

from abspark.assignment.plan import Plan, Segment, Stage, first_match
from abspark.config.schemes.sha256 import FIREBASE_SIZE as SIZE
from abspark.config.schemes.sha256 import Firebase, FirebaseRange


def plan(config: Firebase) -> Plan:
    """The first range that holds the hash."""
    segments = first_match(map(_segment, config.allocations))
    prefix = f"{config.seed}." if config.seed else ""
    return Plan(Stage("split", "sha256_64", segments, SIZE, prefix=prefix))


def _segment(given: FirebaseRange) -> Segment:
    start = 0 if given.start is None else given.start + 1
    return Segment(start, SIZE if given.end is None else given.end + 1, given.variant)
