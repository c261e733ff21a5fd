"""Mozilla Nimbus (sources read: components/nimbus/src/sampling.rs, Sampling.sys.mjs).

Twelve hex digits of SHA-256 of JSON text, in which ids stand escaped, compared with `floor(share * (2**48 - 1))` as
text of equal length, which is as numbers. The bucket sample is half-open and wraps around; the branch is the first with
`hash <= its share`. Normandy's stable sample takes what is below its rate.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

from abspark.assignment.plan import IN, IdRule, Plan, Segment, Stage, json_text, partition
from abspark.config.schemes.sha256 import Mozilla, MozillaBucket

SIZE: Final = 1 << 48


def plan(config: Mozilla) -> Plan:
    """The stable sample, the bucket sample, then the branch."""
    weights = [given.weight for given in config.allocations]
    keys = [_key(total / sum(weights)) for total in accumulate(weights)]
    named = zip((given.variant for given in config.allocations), [*keys[:-1], SIZE], strict=True)
    segments = partition(SIZE, named, lambda number, key: number <= key)
    suffix = f'-{json_text(config.slug)}-branch"'
    split = Stage("split", "sha256_12", segments, SIZE, prefix='"experimentmanager-', suffix=suffix)
    gates = []
    if (stable := config.stable_sample) is not None:
        allowed = (Segment(0, _key(stable.rate), IN),)
        gates.append(_of_pair("stable sample", allowed, str(stable.recipe_id)))
    if (sample := config.bucket) is not None:
        gates.append(_of_pair("bucket", _sampled(sample), f'"{json_text(sample.namespace)}"'))
    return Plan(split, tuple(gates), IdRule(json=True))


def _of_pair(name: str, segments: tuple[Segment, ...], second: str) -> Stage:
    return Stage(name, "sha256_12", segments, SIZE, prefix='["', suffix=f'",{second}]')


def _key(share: float) -> int:
    return math.floor(share * (SIZE - 1))


def _sampled(sample: MozillaBucket) -> tuple[Segment, ...]:
    start = sample.start % sample.total
    end = start + sample.count
    if end <= sample.total:
        return (Segment(_key(start / sample.total), _key(end / sample.total), IN),)
    wrapped = _key(min(end - sample.total, start) / sample.total)
    return (Segment(0, wrapped, IN), Segment(_key(start / sample.total), _key(1.0), IN))
