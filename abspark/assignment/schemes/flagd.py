"""flagd's `fractional` (source read: core/pkg/evaluator/fractional.go, before and after its two changes).

murmur3 with seed 0 of `flag key + targeting key`. Version 1: the signed hash's absolute value over 2**31 -
1 in percent, against cumulated percentages in doubles; version 2: the hash spread over the sum of weights;
version 3: as 2, of the CBOR encoding, in which whole numbers and booleans are no texts. Without a targeting key there
is no bucket, unless a text was given.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from abspark.assignment.plan import BOOLEAN, WHOLE, IdRule, Plan, Stage, partition
from abspark.config.schemes.flagd import FlagdByCbor, FlagdByText

SIGNED_MAX: Final = (1 << 31) - 1
FORMS: Final = {"integer": WHOLE, "boolean": BOOLEAN}
KERNELS: Final = {
    "implicit": "murmur3_cbor_pair",
    "text": "murmur3_cbor_text",
    "integer": "murmur3_cbor_scalar",
    "boolean": "murmur3_cbor_scalar",
}


def plan(config: FlagdByText | FlagdByCbor) -> Plan:
    """One stage."""
    if isinstance(config, FlagdByText) and config.version == 1:
        return Plan(_by_percent(config), ids=_ids(config))
    return Plan(_by_weight(config), ids=_ids(config))


def _ids(config: FlagdByText | FlagdByCbor) -> IdRule:
    if isinstance(config, FlagdByCbor) and (form := FORMS.get(config.bucketing)):
        return IdRule(empty=None, only=form, lost="what the service hashed can't be told from it")
    joined = config.bucketing == "implicit" if isinstance(config, FlagdByCbor) else bool(config.flag_key)
    return IdRule(empty=None if joined else "")


def _by_percent(config: FlagdByText) -> Stage:
    total = sum(given.weight for given in config.allocations)
    bounds = accumulate(100 * given.weight / total for given in config.allocations)
    named = zip((given.variant for given in config.allocations), bounds, strict=True)
    size = SIGNED_MAX + 2
    segments = partition(size, named, lambda number, bound: number / SIGNED_MAX * 100 < bound)
    return Stage("split", "murmur3_abs", segments, size, prefix=config.flag_key)


def _by_weight(config: FlagdByText | FlagdByCbor) -> Stage:
    bounds = list(accumulate(given.weight for given in config.allocations))
    named = zip((given.variant for given in config.allocations), bounds, strict=True)
    segments = partition(bounds[-1], named, lambda number, bound: number < bound)
    kernel, seed = "murmur3_scale", 0
    if isinstance(config, FlagdByCbor):
        kernel = KERNELS[config.bucketing]
        seed = len(config.flag_key) if config.bucketing == "implicit" else 0
    return Stage("split", kernel, segments, bounds[-1], prefix=config.flag_key, seed=seed)
