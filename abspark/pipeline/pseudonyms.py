"""Keyed pseudonyms: what stands for a unit in the lake where its id may not.

HMAC-SHA256 (RFC 2104, section 2; FIPS 180-4) of the id's UTF-8 bytes under a secret, as 64 hexadecimal digits. An
unkeyed hash would hide nothing: whoever has a list of ids hashes them all. For the same reason the lake then has no
bucket, which is a public function of the id: a handful of experiments' buckets names a unit among millions.
"""

from __future__ import annotations

import hashlib

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BLOCK = 64
"""Bytes that SHA-256 takes at a time."""


def pseudonym(unit: Column, key: str) -> Column:
    """The pseudonym of a unit id (string) under the secret `key`; NULL for NULL."""
    secret = key.encode()
    block = (secret if len(secret) <= _BLOCK else hashlib.sha256(secret).digest()).ljust(_BLOCK, b"\0")
    inner = F.sha2(F.concat(_padded(block, 0x36), unit.cast("binary")), 256)
    return F.sha2(F.concat(_padded(block, 0x5C), F.unhex(inner)), 256)


def _padded(block: bytes, pad: int) -> Column:
    return F.lit(bytes(byte ^ pad for byte in block))


def pseudonymised(assignments: DataFrame, key: str | None) -> DataFrame:
    """Rows of `assignments` with pseudonyms for unit_id and without buckets; as they are without a secret."""
    if key is None:
        return assignments
    hidden = {"unit_id": pseudonym(F.col("unit_id"), key), "bucket": F.lit(None).cast("bigint")}
    return assignments.withColumns(hidden)
