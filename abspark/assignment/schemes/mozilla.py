"""Mozilla Nimbus (sources read: components/nimbus/src/sampling.rs, Sampling.sys.mjs).

Twelve hex digits of SHA-256 of JSON text, compared with `floor(share * (2**48 - 1))` as text of equal
length, which is as numbers. The bucket sample is half-open and wraps around; the branch is the first with
`hash <= its share`.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, Plan, Segment, Stage, partition
from abspark.config.schemes.sha256 import Mozilla, MozillaBucket

SIZE: Final = 1 << 48


def plan(config: Mozilla) -> Plan:
    """The bucket sample, then the branch."""
    weights = [given.weight for given in config.allocations]
    keys = [_key(total / sum(weights)) for total in accumulate(weights)]
    named = zip((given.variant for given in config.allocations), [*keys[:-1], SIZE], strict=True)
    segments = partition(SIZE, named, lambda number, key: number <= key)
    suffix = f'-{config.slug}-branch"'
    split = Stage("split", "sha256_12", segments, SIZE, prefix='"experimentmanager-', suffix=suffix)
    if (sample := config.bucket) is None:
        return Plan(split)
    gate = Stage(
        "bucket", "sha256_12", _sampled(sample), SIZE, prefix='["', suffix=f'","{sample.namespace}"]'
    )
    return Plan(split, (gate,))


def _key(share: float) -> int:
    return math.floor(share * (SIZE - 1))


def _sampled(sample: MozillaBucket) -> tuple[Segment, ...]:
    start = sample.start % sample.total
    end = start + sample.count
    if end <= sample.total:
        return (Segment(_key(start / sample.total), _key(end / sample.total), IN),)
    wrapped = _key(min(end - sample.total, start) / sample.total)
    return (Segment(0, wrapped, IN), Segment(_key(start / sample.total), _key(1.0), IN))
